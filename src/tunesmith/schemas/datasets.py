"""Files and what was found in them."""

from typing import Literal

from pydantic import Field

from tunesmith.schemas.records import RecordKind
from tunesmith.schemas.shape import Sha256, Shape

Purpose = Literal[
    "assistants", "assistants_output", "batch", "batch_output", "fine-tune", "fine-tune-results", "vision", "user_data"
]
UPLOAD_PURPOSES = ("assistants", "batch", "fine-tune", "vision", "user_data")
"""What a client may upload for; the others are of files that the server writes."""
FileFormat = Literal["jsonl", "fasta"]


class FileObject(Shape):
    """OpenAI's File object; `sha256` is ours."""

    id: str
    object: Literal["file"] = "file"
    bytes: int
    created_at: int
    filename: str
    purpose: Purpose
    status: Literal["uploaded", "processed", "error"]
    status_details: str | None = None
    expires_at: int | None = None
    sha256: Sha256 | None = None


class LineFault(Shape):
    """A bad line: its number from 1, the key at fault where there is one, and what to do."""

    line: int
    code: str
    message: str
    param: str | None = None


class LengthSummary(Shape):
    """Lengths of the good records in `unit`; median and p95 are within 1 %."""

    unit: Literal["characters", "residues"]
    minimum: int
    median: int
    p95: int
    maximum: int
    total: int


class FileReport(Shape):
    """What the line checks found while the file streamed in.

    `faults` lists the first hundred; `n_faults` counts all. `duplicates` counts records whose content stood before,
    exactly up to 1.5 million distinct ones. A file of another purpose than fine-tune is not checked and has no kind.
    """

    object: Literal["file.report"] = "file.report"
    file_id: str
    kind: RecordKind | None
    """Of the first good record; one of another kind is a fault."""
    format: FileFormat | None
    n_records: int
    """Good ones."""
    n_faults: int
    faults: list[LineFault] = Field(default_factory=list[LineFault])
    duplicates: int = 0
    length: LengthSummary | None = None


class RecordMessage(Shape):
    """One message of a text record; `trained` says whether its tokens carry loss."""

    role: str
    content: str
    trained: bool


class FileRecord(Shape):
    """One record of a file as training reads it, or the fault that keeps it from being read.

    `messages` of a text record, `sequence` with its `name` of a FASTA entry.
    """

    id: str
    """A cursor for `after`."""
    object: Literal["file.record"] = "file.record"
    line: int
    kind: RecordKind | None = None
    messages: list[RecordMessage] | None = None
    name: str | None = None
    description: str | None = None
    sequence: str | None = None
    fault: LineFault | None = None
