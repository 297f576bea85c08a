"""Files and what was found in them."""

from typing import Literal

from pydantic import Field

from tunesmith.schemas.records import RecordKind
from tunesmith.schemas.shape import Sha256, Shape

Purpose = Literal[
    "assistants", "assistants_output", "batch", "batch_output", "fine-tune", "fine-tune-results", "vision", "user_data"
]
FileFormat = Literal["jsonl", "fasta"]


class FileObject(Shape):
    """OpenAI's File object; `sha256` and `owner` are ours."""

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
    """Lengths of the good records in `unit`."""

    unit: Literal["characters", "residues"]
    minimum: int
    median: int
    p95: int
    maximum: int
    total: int


class FileReport(Shape):
    """What the line checks found while the file streamed in.

    `faults` lists the first hundred; `n_faults` counts all. `duplicates` counts records whose content stood before.
    """

    object: Literal["file.report"] = "file.report"
    file_id: str
    kind: RecordKind | None
    format: FileFormat | None
    n_records: int
    n_faults: int
    faults: list[LineFault] = Field(default_factory=list[LineFault])
    duplicates: int = 0
    length: LengthSummary | None = None
