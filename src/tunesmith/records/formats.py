"""What format a file is of, by its name and first bytes."""

from pathlib import PurePosixPath

from tunesmith.schemas.datasets import Compression, FileFormat
from tunesmith.schemas.errors import RecordInvalid

SUFFIXES: dict[str, FileFormat] = {
    ".jsonl": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".fasta": "fasta",
    ".fa": "fasta",
    ".faa": "fasta",
}
EXPECTED: dict[FileFormat, str] = {
    "jsonl": "Expected file to have JSONL format, where every line is a JSON object.",
    "csv": "Expected file to have CSV format: UTF-8 text with a header line of column names.",
    "tsv": "Expected file to have TSV format: UTF-8 text with a header line of column names.",
    "fasta": "Expected file to have FASTA format.",
}
GZIP_MAGIC = b"\x1f\x8b"
HEAD_BYTES = 512
_MAGIC = (
    (GZIP_MAGIC, "gzip-compressed"),
    (b"PK\x03\x04", "a zip archive (or an Excel workbook)"),
    (b"PAR1", "a Parquet file"),
    (b"ARROW1", "an Arrow file"),
    (b"BZh", "bzip2-compressed"),
    (b"\xfd7zXZ", "xz-compressed"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook"),
    (b"SQLite format 3", "a SQLite database"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
    (b"%PDF", "a PDF"),
)


def format_of(filename: str) -> tuple[FileFormat | None, Compression | None]:
    """Format and compression that the name promises; no format for a name that training files do not have."""
    path = PurePosixPath(filename.lower())
    if path.suffix == ".gz":
        return SUFFIXES.get(PurePosixPath(path.stem).suffix), "gzip"
    return SUFFIXES.get(path.suffix), None


def check_head(head: bytes, promised: FileFormat) -> None:
    """Pass when the first bytes, unpacked, may be text of the promised format. Raises RecordInvalid saying what they
    are."""
    expected = EXPECTED[promised]
    for magic, what in _MAGIC:
        if head.startswith(magic):
            packed = f" Unpack it, or name it .{promised}.gz" if magic == GZIP_MAGIC else " Unpack or convert it"
            raise not_readable(f"{expected} This file is {what}.{packed} and upload it again.")
    if b"\x00" in head[:4]:
        raise not_readable(
            f"{expected} This file begins with NUL bytes: it is binary, or UTF-16 text. Save it as UTF-8 text."
        )
    _check_first_character(head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1], promised)


def _check_first_character(first: bytes, promised: FileFormat) -> None:
    expected = EXPECTED[promised]
    if promised != "fasta" and first == b">":
        raise not_readable(f"{expected} This file begins as FASTA does: name it .fasta.")
    if promised != "jsonl" and first == b"{":
        raise not_readable(f"{expected} This file begins as JSONL does: name it .jsonl.")
    if promised != "fasta" and first == b"[":
        raise not_readable(
            f"{expected} This one begins with a JSON array: write its elements one a line, without commas."
        )
    if promised == "fasta" and first not in (b">", b";", b""):
        raise not_readable(f'{expected} This one begins with {first!r}: each entry begins with ">" and an id.')


def not_readable(message: str) -> RecordInvalid:
    """The refusal of a whole file."""
    return RecordInvalid(message, param="file", code="invalid_file_format")
