"""Records out of a file's bytes: the one way in, for the checks at upload and for training.

A fault of one line comes back in its place; what keeps the whole file from being read is raised.
"""

from collections.abc import Iterator
from pathlib import Path

import orjson

from tunesmith.records.fasta import parse_entry
from tunesmith.records.fields import fault
from tunesmith.records.formats import EXPECTED, HEAD_BYTES, check_head, not_readable
from tunesmith.records.json_lines import parse_json_line
from tunesmith.records.pieces import Entries, Lines, Piece, Splitter, too_long
from tunesmith.records.rows import Rows
from tunesmith.records.tables import Table, parse_row
from tunesmith.records.unpacking import Gunzip
from tunesmith.schemas.datasets import Compression, FileFormat
from tunesmith.schemas.errors import RecordInvalid
from tunesmith.schemas.records import LabelledRecord, LabelledSequenceRecord, Record, RecordKind

Reading = tuple[Piece, Record | RecordInvalid]
"""A record with where it stands, or the fault that keeps it from being read."""
CHUNK_BYTES = 256 * 1024


def read_records(
    path: str | Path, file_format: FileFormat, compression: Compression | None = None
) -> Iterator[tuple[int, Record]]:
    """Each record of a local file with its line. Raises RecordInvalid at the first fault, whatever the file holds."""
    reader = FileReader(file_format, compression)
    with open(path, "rb") as f:
        while chunk := f.read(CHUNK_BYTES):
            yield from _good(reader.feed(chunk))
    yield from _good(reader.finish())


def _good(readings: Iterator[Reading]) -> Iterator[tuple[int, Record]]:
    for piece, found in readings:
        if isinstance(found, RecordInvalid):
            raise found
        yield piece.line, found


class FileReader:
    """Reads one file from its chunks, in order and of any size, in bounded memory. Blocking.

    `feed` and `finish` raise RecordInvalid with the code invalid_file_format when the file cannot be read: another
    format, not UTF-8, no JSONL at all, unknown columns, a damaged gzip, empty; and TooLarge when it unpacks to more
    than `unpacked_limit_bytes`.
    """

    def __init__(
        self,
        file_format: FileFormat,
        compression: Compression | None = None,
        *,
        unpacked_limit_bytes: int | None = None,
    ) -> None:
        self._format: FileFormat = file_format
        self._gunzip = Gunzip(limit_bytes=unpacked_limit_bytes) if compression else None
        self._pieces = splitter(file_format)
        self._head = b""
        self._begun = False
        self._seen = False
        self._same = OneKind()

    @property
    def table(self) -> Table | None:
        """What a table's header says, once it was read."""
        return self._pieces.table if isinstance(self._pieces, Rows) else None

    def feed(self, chunk: bytes) -> Iterator[Reading]:
        """What has become whole with the next bytes."""
        if self._gunzip is None:
            yield from self._feed(chunk)
        else:
            for piece in self._gunzip.feed(chunk):
                yield from self._feed(piece)

    def finish(self) -> Iterator[Reading]:
        """What was left, once all bytes were fed."""
        if self._gunzip is not None:
            self._gunzip.finish()
        if not self._begun:
            yield from self._split(self._begin())
        for piece in self._pieces.finish():
            yield piece, self._read(piece)
        if not self._seen:
            what = "This file has a header and no rows." if self.table else "This file is empty."
            raise not_readable(f"{EXPECTED[self._format]} {what}")

    def _feed(self, chunk: bytes) -> Iterator[Reading]:
        if not self._begun:
            self._head += chunk
            if len(self._head) < HEAD_BYTES:
                return
            chunk = self._begin()
        yield from self._split(chunk)

    def _begin(self) -> bytes:
        check_head(self._head, self._format)
        self._begun = True
        head, self._head = self._head, b""
        return head

    def _split(self, chunk: bytes) -> Iterator[Reading]:
        for piece in self._pieces.feed(chunk):
            yield piece, self._read(piece)

    def _read(self, piece: Piece) -> Record | RecordInvalid:
        first, self._seen = not self._seen, True
        try:
            record = parse_piece(piece, self._format, self.table)
        except RecordInvalid as e:
            self._refuse_unreadable(piece, first=first)
            return e
        return self._same.check(record, piece.line)

    def _refuse_unreadable(self, piece: Piece, *, first: bool) -> None:
        """Raises RecordInvalid when the fault is not one of a line but of the whole file."""
        expected = EXPECTED[self._format]
        content = piece.content or b""
        try:
            content.decode()
        except UnicodeDecodeError as e:
            line = piece.line + content.count(b"\n", 0, e.start)
            raise not_readable(
                f"{expected} Line {line} holds bytes that are not UTF-8. Save the file as UTF-8 and upload it again."
            ) from e
        if first and self._format == "jsonl" and content and not _is_json(content):
            raise not_readable(f"{expected} Line {piece.line}, the first, is not valid JSON.")


class OneKind:
    """Holds the records of a file to the kind of the first good one."""

    def __init__(self) -> None:
        self._shape: tuple[RecordKind, bool] | None = None

    def check(self, record: Record, line: int) -> Record | RecordInvalid:
        """The record, or its fault when it is of another kind."""
        shape = _shape(record)
        if self._shape is None:
            self._shape = shape
        return record if shape == self._shape else _mixed(record, self._shape, line)


def splitter(file_format: FileFormat, *, table: Table | None = None, line: int = 1, offset: int = 0) -> Splitter:
    """What cuts the format's bytes into records, from the begin or from a record's line and offset; a table's rows can
    be cut from the middle when `table` is given."""
    if file_format == "jsonl":
        return Lines(line=line, offset=offset)
    if file_format == "fasta":
        return Entries(line=line, offset=offset)
    return Rows(file_format, table=table, line=line, offset=offset)


def parse_piece(piece: Piece, file_format: FileFormat, table: Table | None = None) -> Record:
    """The record of one line, entry or row. Raises RecordInvalid."""
    if table is not None:
        return parse_row(piece, table)
    if piece.content is None:
        raise too_long(piece.size_bytes, piece.line)
    return (parse_json_line if file_format == "jsonl" else parse_entry)(piece.content, piece.line)


def _shape(record: Record) -> tuple[RecordKind, bool]:
    """What all records of a file have in common: the kind, and whether they may have several labels."""
    return record.kind, isinstance(record, LabelledRecord | LabelledSequenceRecord) and record.multi


def _mixed(record: Record, first: tuple[RecordKind, bool], line: int) -> RecordInvalid:
    kind, multi = first
    if record.kind is kind:
        ours, theirs = ('"label"', '"labels"') if multi else ('"labels"', '"label"')
        return fault(
            line, f"the record has {ours}, and the file's first good record {theirs}. Use one of them throughout.",
            "label" if multi else "labels", "mixed_kinds",
        )  # fmt: skip
    return RecordInvalid(
        f"Line {line} is {_a(record.kind)}, and the file's first good record is {_a(kind)}. "
        "Put each kind into a file of its own.",
        line=line,
        code="mixed_kinds",
    )


def _a(kind: RecordKind) -> str:
    return f"{'an' if kind is RecordKind.INSTRUCTION else 'a'} {kind} record"


def _is_json(content: bytes) -> bool:
    try:
        orjson.loads(content)
    except orjson.JSONDecodeError:
        return False
    return True
