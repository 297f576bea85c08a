"""What format a file is of, by its name and first bytes; and what an upload is refused for, in words clients know."""

from pathlib import PurePosixPath

from tunesmith.schemas.datasets import FileFormat
from tunesmith.schemas.errors import Invalid

SUFFIXES: dict[str, FileFormat] = {".jsonl": "jsonl", ".fasta": "fasta", ".fa": "fasta", ".faa": "fasta"}
HEAD_BYTES = 512
_MAGIC = (
    (b"\x1f\x8b", "gzip-compressed"),
    (b"PK\x03\x04", "a zip archive"),
    (b"PAR1", "a Parquet file"),
    (b"BZh", "bzip2-compressed"),
    (b"\xfd7zXZ", "xz-compressed"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
    (b"%PDF", "a PDF"),
)


def format_of(filename: str) -> FileFormat | None:
    """The format that the name promises; None for a name that training files do not have."""
    return SUFFIXES.get(PurePosixPath(filename).suffix.lower())


def wrong_name(filename: str, purpose: str) -> Invalid:
    """A name that the purpose does not take."""
    shown = f"'{filename[:100]}'" if filename else "a file without a name"
    if purpose == "batch":
        return not_readable(f"Invalid file format for Batch API. Must be .jsonl; got {shown}.")
    hint = " Unpack it first." if filename.lower().endswith((".gz", ".zip", ".bz2", ".xz", ".zst")) else ""
    return not_readable(
        "Invalid file format for Fine-Tuning API. Must be .jsonl, or .fasta, .fa or .faa for protein sequences; "
        f"got {shown}.{hint}"
    )


def check_head(head: bytes, promised: FileFormat) -> None:
    """Pass when the first bytes may be text of the promised format. Raises Invalid saying what they are."""
    for magic, what in _MAGIC:
        if head.startswith(magic):
            raise not_readable(f"{EXPECTED[promised]} This file is {what}. Unpack or convert it and upload it again.")
    first = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if promised == "jsonl" and first == b">":
        raise not_readable(f"{EXPECTED[promised]} This file begins as FASTA does: name it .fasta.")
    if promised == "fasta" and first == b"{":
        raise not_readable(f"{EXPECTED[promised]} This file begins as JSONL does: name it .jsonl.")
    if promised == "fasta" and first not in (b">", b";", b""):
        raise not_readable(
            f'{EXPECTED[promised]} This one begins with {first!r}: each entry begins with ">" and an id.'
        )
    if promised == "jsonl" and first == b"[":
        raise not_readable(
            f"{EXPECTED[promised]} This one begins with a JSON array: write its elements one a line, without commas."
        )


EXPECTED: dict[FileFormat, str] = {
    "jsonl": "Expected file to have JSONL format, where every line is a JSON object.",
    "fasta": "Expected file to have FASTA format.",
}


def not_readable(message: str) -> Invalid:
    """The refusal of an upload."""
    return Invalid(message, param="file", code="invalid_file_format")
