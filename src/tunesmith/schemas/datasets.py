"""Files and what was found in them."""

from typing import Any, Literal

from pydantic import Field

from tunesmith.schemas.fixes import Fix
from tunesmith.schemas.records import RecordKind
from tunesmith.schemas.shape import Sha256, Shape

Purpose = Literal[
    "assistants", "assistants_output", "batch", "batch_output", "fine-tune", "fine-tune-results", "vision", "user_data"
]
UPLOAD_PURPOSES = ("assistants", "batch", "fine-tune", "vision", "user_data")
"""What a client may upload for; the others are of files that the server writes."""
FileFormat = Literal["jsonl", "csv", "tsv", "fasta"]
Compression = Literal["gzip"]


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
    repairs: list[Fix] = Field(default_factory=list[Fix])
    """What POST /v1/datasets/{id}/versions can do about it: what columns may be, or to leave the line out."""


class Finding(Shape):
    """One thing that the check-up found: how many records it concerns, what it means and what to do."""

    code: str
    """exact_duplicates, near_duplicates, train_test_overlap, truncated, one_label, rare_labels, imbalanced_labels,
    similar_labels, conflicting_labels, likely_secrets, personal_data, very_short, very_long, empty_text,
    one_character, answer_repeats_prompt, same_texts, nucleotides, other_separator, read_as_pairs, ..."""
    level: Literal["info", "warn", "error"] = "warn"
    count: int
    share: float
    """Of all records, 0-1."""
    message: str
    fix: str
    lines: list[int] = Field(default_factory=list[int], max_length=20)
    """The first lines (or records) it concerns."""
    repairs: list[Fix] = Field(default_factory=list[Fix])
    """What POST /v1/datasets/{id}/versions can do about it."""


class Histogram(Shape):
    """Counts between `edges`; there is one edge more than counts."""

    unit: Literal["characters", "tokens", "residues"]
    edges: list[float]
    counts: list[int]


class MarkedText(Shape):
    """A piece of a decoded record; `trained` pieces carry loss."""

    text: str
    trained: bool


class Checkup(Shape):
    """What a run found in its data before it trained, with the base's own tokenizer."""

    object: Literal["fine_tuning.job.checkup"] = "fine_tuning.job.checkup"
    n_train: int
    n_held_out: int
    token_lengths: Histogram | None = None
    max_seq_len: int
    n_truncated: int
    trained_token_share: float
    """Tokens that carry loss, of all."""
    labels: dict[str, int] = Field(default_factory=dict[str, int])
    findings: list[Finding] = Field(default_factory=list[Finding])
    first_batch: list[list[MarkedText]] = Field(default_factory=list[list[MarkedText]])
    """Up to eight records of the first batch as the model reads them."""


class LengthSummary(Shape):
    """Lengths of the good records in `unit`; median and p95 are within 1 %."""

    unit: Literal["characters", "residues"]
    minimum: int
    median: int
    p95: int
    maximum: int
    total: int


class ColumnRole(Shape):
    """A column of a table, or a key of JSON lines, with what it was taken for."""

    name: str
    role: str | None
    """The key of a record that it fills: text, label, prompt, completion, messages, anchor ...; None: not used."""
    examples: list[str] = Field(default_factory=list[str], max_length=3)
    """The first values, cut at 80 characters."""


class FileReport(Shape):
    """What the line checks found while the file streamed in.

    `faults` lists the first hundred; `n_faults` counts all. `duplicates` counts records whose content stood before,
    exactly up to 1.5 million distinct ones. `findings` are hints, of good records: none refuses a file or fails a job.
    A file of another purpose than fine-tune is not checked and has no kind.
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
    lengths: Histogram | None = None
    labels: dict[str, int] | None = None
    """Records by label, the most frequent hundred."""
    columns: list[str] | None = None
    """Of a table: its columns in order."""
    roles: list[ColumnRole] = Field(default_factory=list[ColumnRole])
    """Columns of a table, or keys of the first JSON lines, with what they were taken for."""
    possible_roles: list[str] = Field(default_factory=list[str])
    """What SetColumns can make of them."""
    findings: list[Finding] = Field(default_factory=list[Finding])


class RecordMessage(Shape):
    """One message of a text record; `trained` says whether its tokens carry loss."""

    role: str
    content: str
    trained: bool
    tool_calls: list[dict[str, Any]] | None = None
    """OpenAI's tool calls of an assistant message."""
    tool_call_id: str | None = None


class FileRecord(Shape):
    """One record of a file as training reads it, or the fault that keeps it from being read.

    `messages` of a chat (of a preference they are its prompt, with the two answers in `preferred` and `rejected`),
    `text` and `labels` of a classified text, `texts` with their `score` of one for embeddings, `sequence` with its
    `name`, and `labels` where it has any, of a protein.
    """

    id: str
    """A cursor for `after`."""
    object: Literal["file.record"] = "file.record"
    line: int
    kind: RecordKind | None = None
    messages: list[RecordMessage] | None = None
    preferred: RecordMessage | None = None
    rejected: RecordMessage | None = None
    tools: list[dict[str, Any]] | None = None
    """OpenAI's tools of a chat."""
    text: str | None = None
    labels: list[str] | None = None
    texts: list[str] | None = None
    """A sentence alone, a pair, or anchor, positive and negatives."""
    score: float | None = None
    """How alike the two texts are, 0-1."""
    name: str | None = None
    description: str | None = None
    sequence: str | None = None
    fault: LineFault | None = None
