"""The line checks: every record of a training file read by `schemas/records.py` while the bytes stream past.

A line at fault is numbered and kept in the report, and fails the job later; only a file that cannot be read at all is
refused. Memory is bounded whatever the file holds.
"""

from dataclasses import dataclass, field

import orjson

from tunesmith.schemas.datasets import FileFormat, FileReport, LengthSummary, LineFault
from tunesmith.schemas.errors import RecordInvalid
from tunesmith.schemas.records import Record, RecordKind, parse_json_line, parse_sequence, too_long
from tunesmith.server.datasets.formats import EXPECTED, HEAD_BYTES, check_head, not_readable
from tunesmith.server.datasets.lines import Entries, Lines, Piece, Splitter
from tunesmith.server.datasets.tally import Duplicates, Lengths

KEPT_FAULTS = 100
MESSAGE_CHARACTERS = 500
PARAM_CHARACTERS = 200


@dataclass
class Findings:
    """What the checks found in one file."""

    format: FileFormat
    kind: RecordKind | None = None
    n_records: int = 0
    """Good ones."""
    n_faults: int = 0
    faults: list[LineFault] = field(default_factory=list[LineFault])
    """The first KEPT_FAULTS."""
    duplicates: int = 0
    length: LengthSummary | None = None

    def report(self, file_id: str) -> FileReport:
        return FileReport(
            file_id=file_id,
            kind=self.kind,
            format=self.format,
            n_records=self.n_records,
            n_faults=self.n_faults,
            faults=self.faults,
            duplicates=self.duplicates,
            length=self.length,
        )


class FileCheck:
    """Checks one file from its chunks, in order. Blocking: a chunk of 256 KiB takes some milliseconds.

    `feed` and `finish` raise Invalid when the file cannot be read: another format, not UTF-8, no JSONL at all, empty.
    """

    def __init__(self, promised: FileFormat) -> None:
        self._findings = Findings(promised)
        self._pieces: Splitter = Lines() if promised == "jsonl" else Entries()
        self._head = b""
        self._begun = False
        self._seen = False
        self._duplicates = Duplicates()
        self._lengths = Lengths()

    def feed(self, chunk: bytes) -> None:
        """The next bytes, in chunks of any size."""
        if not self._begun:
            self._head += chunk
            if len(self._head) < HEAD_BYTES:
                return
            chunk = self._begin()
        self._split(chunk)

    def finish(self) -> Findings:
        """What was found, once all bytes were fed."""
        if not self._begun:
            self._split(self._begin())
        for piece in self._pieces.finish():
            self._check(piece)
        if not self._seen:
            raise not_readable(f"{EXPECTED[self._findings.format]} This file is empty.")
        self._findings.duplicates = self._duplicates.count
        self._findings.length = self._length()
        return self._findings

    def _begin(self) -> bytes:
        check_head(self._head, self._findings.format)
        self._begun = True
        head, self._head = self._head, b""
        return head

    def _split(self, chunk: bytes) -> None:
        for piece in self._pieces.feed(chunk):
            self._check(piece)

    def _check(self, piece: Piece) -> None:
        first, self._seen = not self._seen, True
        try:
            record = read_piece(piece, self._findings.format)
        except RecordInvalid as e:
            self._refuse_unreadable(piece, first=first)
            self._fault(e)
            return
        kind = record.kind
        if self._findings.kind is None:
            self._findings.kind = kind
        elif kind is not self._findings.kind:
            self._fault(
                RecordInvalid(
                    f"Line {piece.line} is {_a(kind)}, and the file's first good record is {_a(self._findings.kind)}. "
                    "Put each kind into a file of its own.",
                    line=piece.line,
                    code="mixed_kinds",
                )
            )
            return
        self._findings.n_records += 1
        self._duplicates.add(record.fingerprint)
        self._lengths.add(record.length)

    def _refuse_unreadable(self, piece: Piece, *, first: bool) -> None:
        """Raises Invalid when the fault is not one of a line but of the whole file."""
        expected = EXPECTED[self._findings.format]
        content = piece.content or b""
        try:
            content.decode()
        except UnicodeDecodeError as e:
            line = piece.line + content.count(b"\n", 0, e.start)
            raise not_readable(
                f"{expected} Line {line} holds bytes that are not UTF-8. Save the file as UTF-8 and upload it again."
            ) from e
        if first and self._findings.format == "jsonl" and content and not _is_json(content):
            raise not_readable(f"{expected} Line {piece.line}, the first, is not valid JSON.")

    def _fault(self, error: RecordInvalid) -> None:
        self._findings.n_faults += 1
        if len(self._findings.faults) < KEPT_FAULTS:
            self._findings.faults.append(fault_of(error))

    def _length(self) -> LengthSummary | None:
        if not self._lengths.count:
            return None
        return LengthSummary(
            unit="residues" if self._findings.kind is RecordKind.SEQUENCE else "characters",
            minimum=self._lengths.minimum,
            median=self._lengths.quantile(0.5),
            p95=self._lengths.quantile(0.95),
            maximum=self._lengths.maximum,
            total=self._lengths.total,
        )


def read_piece(piece: Piece, file_format: FileFormat) -> Record:
    """The record of one line or entry. Raises RecordInvalid."""
    if piece.content is None:
        raise too_long(piece.size_bytes, piece.line)
    if file_format == "jsonl":
        return parse_json_line(piece.content, piece.line)
    return _sequence(piece.content, piece.line)


def fault_of(error: RecordInvalid) -> LineFault:
    """The fault as it is kept: short, and without characters that a database cannot store."""
    param = _storable(error.param, PARAM_CHARACTERS) if error.param else None
    message = _storable(error.message, MESSAGE_CHARACTERS)
    return LineFault(line=error.line, code=error.error_code, message=message, param=param)


def _sequence(content: bytes, line: int) -> Record:
    try:
        text = content.decode()
    except UnicodeDecodeError as e:
        raise RecordInvalid(f"Line {line}: the entry holds bytes that are not UTF-8.", line=line) from e
    if "\r" in text:
        raise RecordInvalid(
            f"Line {line}: lines end in a bare carriage return. Save the file with LF or CR LF line ends.", line=line
        )
    if not text.startswith(">"):
        raise RecordInvalid(
            f'Line {line} stands before the first header. Begin each entry with ">" and an id.',
            line=line,
            param="header",
        )
    header, _, residues = text[1:].partition("\n")
    return parse_sequence(header, residues, line)


def _is_json(content: bytes) -> bool:
    try:
        orjson.loads(content)
    except orjson.JSONDecodeError:
        return False
    return True


def _a(kind: RecordKind) -> str:
    return f"{'an' if kind is RecordKind.INSTRUCTION else 'a'} {kind} record"


def _storable(text: str, most: int) -> str:
    plain = text.replace("\x00", "�")
    return plain if len(plain) <= most else plain[: most - 1] + "…"
