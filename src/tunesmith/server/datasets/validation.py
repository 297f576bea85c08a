"""The line checks: every record of a training file read by `records/read.py` while the bytes stream past.

A line at fault is numbered and kept in the report, and fails the job later; only a file that cannot be read at all is
refused. Memory is bounded whatever the file holds.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tunesmith.records.pieces import Piece
from tunesmith.records.read import FileReader, Reading
from tunesmith.records.tables import UNKNOWN_COLUMNS
from tunesmith.schemas.datasets import (
    ColumnRole,
    Compression,
    FileFormat,
    FileReport,
    Finding,
    Histogram,
    LengthSummary,
    LineFault,
)
from tunesmith.schemas.errors import RecordInvalid
from tunesmith.schemas.records import Record, RecordKind
from tunesmith.server.datasets.checkup import RecordCheckup
from tunesmith.server.datasets.roles import LEFT_OUT, ColumnSampler, Mending, mending_of
from tunesmith.server.datasets.tally import Lengths

KEPT_FAULTS = 100
MESSAGE_CHARACTERS = 500
PARAM_CHARACTERS = 200


@dataclass
class Findings:
    """What the checks found in one file."""

    format: FileFormat
    compression: Compression | None = None
    kind: RecordKind | None = None
    n_records: int = 0
    """Good ones."""
    n_faults: int = 0
    faults: list[LineFault] = field(default_factory=list[LineFault])
    """The first KEPT_FAULTS."""
    duplicates: int = 0
    length: LengthSummary | None = None
    lengths: Histogram | None = None
    labels: dict[str, int] | None = None
    """The most frequent, of a kind that has labels."""
    n_labels: int = 0
    multi_label: bool = False
    columns: list[str] | None = None
    roles: list[ColumnRole] = field(default_factory=list[ColumnRole])
    possible_roles: list[str] = field(default_factory=list[str])
    hints: list[Finding] = field(default_factory=list[Finding])

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
            lengths=self.lengths,
            labels=self.labels,
            columns=self.columns,
            roles=self.roles,
            possible_roles=self.possible_roles,
            findings=self.hints,
        )


class FileCheck:
    """Checks one file from its chunks, in order. Blocking: a chunk of 256 KiB takes some milliseconds, and `finish` up
    to some seconds.

    `feed` and `finish` raise Invalid when the file cannot be read: another format, not UTF-8, no JSONL at all, unknown
    columns, a damaged gzip, empty; and TooLarge when it unpacks to more than `limit_bytes`.
    """

    def __init__(
        self,
        promised: FileFormat,
        compression: Compression | None = None,
        *,
        limit_bytes: int | None = None,
        hints: bool = True,
    ) -> None:
        """Without `hints` only what can fail a job is looked for."""
        self._findings = Findings(promised, compression)
        self._reader = FileReader(promised, compression, unpacked_limit_bytes=limit_bytes)
        self._checkup = RecordCheckup(hints=hints)
        self._columns = ColumnSampler(promised) if hints else None
        self._mendings: list[Mending] = []

    def feed(self, chunk: bytes) -> None:
        """The next bytes, in chunks of any size."""
        self._take(self._reader.feed(chunk))

    def finish(self) -> Findings:
        """What was found, once all bytes were fed."""
        self._take(self._reader.finish())
        found, table = self._findings, self._reader.table
        if table is not None:
            found.columns = [_storable(column, PARAM_CHARACTERS) for column in table.columns]
        if self._columns is not None:
            found.roles, found.possible_roles = self._columns.roles(table), self._columns.possible()
        names = self._columns.names if self._columns is not None and found.kind is RecordKind.PAIR else []
        self._checkup.conclude(found.format, table, names)
        self._mend()
        found.duplicates = self._checkup.duplicates
        found.length, found.lengths = _lengths(self._checkup.lengths, _unit(found.kind))
        found.labels, found.n_labels = self._checkup.labels, self._checkup.n_labels
        found.multi_label = self._checkup.multi_label
        found.hints = self._checkup.findings
        return found

    def _take(self, readings: Iterator[Reading]) -> None:
        for piece, read in readings:
            if self._columns is not None:
                self._columns.add(piece, self._reader.table, good=not isinstance(read, RecordInvalid))
            if isinstance(read, RecordInvalid):
                self._fault(piece, read)
            else:
                self._good(piece.line, read)

    def _good(self, line: int, record: Record) -> None:
        if self._findings.kind is None:
            self._findings.kind = record.kind
        self._findings.n_records += 1
        self._checkup.add(line, record)

    def _fault(self, piece: Piece, error: RecordInvalid) -> None:
        found = self._findings
        found.n_faults += 1
        told = error.error_code == UNKNOWN_COLUMNS and found.faults  # of the header: once, not for each row
        if not told and len(found.faults) < KEPT_FAULTS:
            fault = fault_of(error)
            if self._columns is not None:
                self._mendings.append(mending_of(piece, error, self._reader.table))
            found.faults.append(fault)

    def _mend(self) -> None:
        """Gives the faults what mends them, now that the kind of the good records is known: a line of another kind is
        left out, unless no line is good and nothing would be left."""
        found = self._findings
        for fault, mending in zip(found.faults, self._mendings, strict=False):
            if mending.kind is not None and found.kind not in (None, mending.kind):
                mending = LEFT_OUT
            if found.n_records or mending is not LEFT_OUT:
                fault.repairs = mending.repairs


def fault_of(error: RecordInvalid) -> LineFault:
    """The fault as it is kept: short, and without characters that a database cannot store."""
    param = _storable(error.param, PARAM_CHARACTERS) if error.param else None
    message = _storable(error.message, MESSAGE_CHARACTERS)
    return LineFault(line=error.line, code=error.error_code, message=message, param=param)


def _unit(kind: RecordKind | None) -> str:
    return "residues" if kind in (RecordKind.SEQUENCE, RecordKind.LABELLED_SEQUENCE) else "characters"


def _lengths(lengths: Lengths, unit: str) -> tuple[LengthSummary | None, Histogram | None]:
    if not lengths.count:
        return None, None
    summary = {
        "unit": unit,
        "minimum": lengths.minimum,
        "median": lengths.quantile(0.5),
        "p95": lengths.quantile(0.95),
        "maximum": lengths.maximum,
        "total": lengths.total,
    }
    edges, counts = lengths.histogram()
    histogram = {"unit": unit, "edges": edges, "counts": counts}
    return LengthSummary.model_validate(summary), Histogram.model_validate(histogram)


def _storable(text: str, most: int) -> str:
    plain = text.replace("\x00", "�")
    return plain if len(plain) <= most else plain[: most - 1] + "…"
