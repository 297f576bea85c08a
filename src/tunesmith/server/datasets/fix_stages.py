"""What each fix does to one line after the other. Blocking, in bounded memory.

A stage takes every line of the file in order, as the stages before it left it, and gives it back, changed or as it was,
or None to leave it out. One that must have seen the whole file first has a `survey`, and is asked that before.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Protocol, cast

import orjson

from tunesmith.records.column_roles import JSON_ROLES, TABLE_ROLES, renamed
from tunesmith.records.content import compared_text, oddities, texts_of
from tunesmith.records.labelled import MAX_LABEL_CHARACTERS
from tunesmith.records.labels import FEW_RECORDS
from tunesmith.records.near_duplicates import MOST_CHARACTERS, Apart
from tunesmith.records.personal_data import personal_data_in
from tunesmith.records.pieces import Piece
from tunesmith.records.read import OneKind, parse_piece
from tunesmith.records.secrets import secrets_in
from tunesmith.records.tables import (
    EXPECTED_COLUMNS,
    LABEL_SEPARATOR,
    Table,
    cells_of,
    known_columns,
    row_of,
    table_of,
)
from tunesmith.schemas.datasets import FileFormat
from tunesmith.schemas.errors import RecordInvalid, SpecInvalid
from tunesmith.schemas.fixes import DropDuplicates, DropFaulty, DropFound, Fix, RenameLabel, SetColumns
from tunesmith.schemas.records import LabelledRecord, LabelledSequenceRecord, Record, SequenceRecord
from tunesmith.server.datasets.far_lengths import FarLengths
from tunesmith.server.datasets.labels import MOST_TEXTS, LabelTally
from tunesmith.server.datasets.tally import Duplicates

ROLES_KEPT = 1_000
"""Keys of JSON lines that are remembered to say which there are."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line, entry or row on its way: its bytes, and the record or fault that is read from them."""

    piece: Piece
    read: Record | RecordInvalid

    @property
    def record(self) -> Record | None:
        """The record, None of a faulty line."""
        return None if isinstance(self.read, RecordInvalid) else self.read


@dataclass(frozen=True)
class Layout:
    """How lines are read: of what format, and under which header."""

    format: FileFormat
    table: Table | None

    def read(self, piece: Piece) -> Record | RecordInvalid:
        """The piece anew, its kind not compared with that of others."""
        try:
            return parse_piece(piece, self.format, self.table)
        except RecordInvalid as e:
            return e


class Stage(Protocol):
    """One fix on its way through a file; made anew for each pass, but for what the survey found."""

    def begin(self, layout: Layout) -> Layout:
        """Before the first line: how lines are read behind this stage. Raises SpecInvalid for a fix that cannot be."""
        ...

    def take(self, line: Line) -> Line | None:
        """The line as it goes on; None leaves it out."""
        ...

    def end(self) -> None:
        """Behind the last line. Raises SpecInvalid for a fix that meant something that is not there."""
        ...


class Surveying(Protocol):
    """Sees the lines before its stage is made."""

    def see(self, line: Line) -> None: ...


def survey_of(fix: Fix) -> Surveying | None:
    """What must see the whole file before the fix's stage; None for most."""
    if isinstance(fix, DropFound) and fix.code in ("very_short", "very_long"):
        return FarSurvey()
    if isinstance(fix, DropFound) and fix.code == "rare_labels":
        return LabelSurvey()
    return None


def stage_of(fix: Fix, survey: Surveying | None) -> Stage:
    """The fix's stage, with what its survey saw."""
    match fix:
        case DropFaulty():
            return _Faulty()
        case DropDuplicates():
            return _Duplicates(near=fix.near)
        case RenameLabel():
            return _Rename(fix.label, fix.to)
        case SetColumns():
            return _Columns(fix.roles)
        case DropFound():
            return _found(fix, survey)


def _found(fix: DropFound, survey: Surveying | None) -> Stage:
    if isinstance(survey, FarSurvey):
        return _TooFar(survey.far, longer=fix.code == "very_long")
    if isinstance(survey, LabelSurvey):
        return _RareLabels(survey.tally)
    if fix.code == "conflicting_labels":
        return _Conflicting()
    return _Odd(fix.code)


class _Plain:
    """A stage that reads lines as those before it did, and misses nothing."""

    def begin(self, layout: Layout) -> Layout:
        return layout

    def end(self) -> None:
        return None


class _Faulty(_Plain):
    def take(self, line: Line) -> Line | None:
        return line if line.record is not None else None


class _Duplicates(_Plain):
    """Keeps the first of equal ones; with `near` also of those that are nearly the same."""

    def __init__(self, *, near: bool) -> None:
        self._near = near
        self._seen = Duplicates()
        self._apart: Apart | None = None

    def take(self, line: Line) -> Line | None:
        record = line.record
        if record is None:
            return line
        if self._seen.add(record.fingerprint):
            return None
        if self._near:
            if self._apart is None:
                protein = isinstance(record, SequenceRecord | LabelledSequenceRecord)
                self._apart = Apart("residues" if protein else "words")
            if not self._apart.add(compared_text(record)[:MOST_CHARACTERS]):
                return None
        return line


class _Odd(_Plain):
    """Leaves out what is odd by itself."""

    def __init__(self, code: str) -> None:
        self._code = code

    def take(self, line: Line) -> Line | None:
        return line if line.record is None or not self._concerns(line.record) else None

    def _concerns(self, record: Record) -> bool:
        if self._code not in ("likely_secrets", "personal_data"):
            return self._code in oddities(record)
        if isinstance(record, SequenceRecord | LabelledSequenceRecord):
            return False
        whole = "\n".join(texts_of(record))
        return bool(secrets_in(whole) if self._code == "likely_secrets" else personal_data_in(whole))


class _Conflicting(_Plain):
    """Leaves out a text that came before with another label; the first label stands."""

    def __init__(self) -> None:
        self._of_text: dict[int, int] = {}

    def take(self, line: Line) -> Line | None:
        record = line.record
        if not isinstance(record, LabelledRecord | LabelledSequenceRecord):
            return line
        text, labels = LabelTally.keys_of(record)
        known = self._of_text.get(text)
        if known is None and len(self._of_text) < MOST_TEXTS:
            self._of_text[text] = labels
        return line if known is None or known == labels else None


class FarSurvey:
    """The lengths of the good records."""

    def __init__(self) -> None:
        self.far = FarLengths()

    def see(self, line: Line) -> None:
        if line.record is not None:
            self.far.add(line.record.length)


class _TooFar(_Plain):
    def __init__(self, far: FarLengths, *, longer: bool) -> None:
        self._within = far.within(longer=longer)

    def take(self, line: Line) -> Line | None:
        return line if line.record is None or self._within(line.record.length) else None


class LabelSurvey:
    """The labels of the good records."""

    def __init__(self) -> None:
        self.tally = LabelTally()

    def see(self, line: Line) -> None:
        if isinstance(line.record, LabelledRecord | LabelledSequenceRecord):
            self.tally.add(line.piece.line, line.record)


class _RareLabels(_Plain):
    def __init__(self, tally: LabelTally) -> None:
        self._rare = {label for label, n in tally.counts.items() if n < FEW_RECORDS}

    def take(self, line: Line) -> Line | None:
        record = line.record
        if not isinstance(record, LabelledRecord | LabelledSequenceRecord):
            return line
        return line if self._rare.isdisjoint(record.labels) else None


class _Rename:
    """Writes one label as another, in the lines that have it."""

    def __init__(self, label: str, to: str) -> None:
        self._label, self._to = label.strip(), to.strip()
        if not self._to or len(self._to) > MAX_LABEL_CHARACTERS or not self._to.isprintable():
            raise _wrong(f"'to' must be 1 to {MAX_LABEL_CHARACTERS} characters that can be printed, in one line.")
        self._layout: Layout | None = None

    def begin(self, layout: Layout) -> Layout:
        self._layout = layout
        if layout.table is not None and "labels" in layout.table.keys and LABEL_SEPARATOR in self._to:
            raise _wrong(f"'to' holds '{LABEL_SEPARATOR}', which stands between the labels of a table's cell.")
        return layout

    def take(self, line: Line) -> Line | None:
        record = line.record
        if not isinstance(record, LabelledRecord | LabelledSequenceRecord) or self._label not in record.labels:
            return line
        assert self._layout is not None
        labels = [self._to if label == self._label else label for label in record.labels]
        key, value = ("labels", list(dict.fromkeys(labels))) if record.multi else ("label", labels[0])
        content = self._written(line.piece, key, value)
        read = replace(record, labels=tuple(dict.fromkeys(labels)))
        return Line(replace(line.piece, content=content), read)

    def _written(self, piece: Piece, key: str, value: str | list[str]) -> bytes:
        assert self._layout is not None
        table = self._layout.table
        if table is None:
            data = cast("dict[str, Any]", orjson.loads(piece.content or b""))
            return orjson.dumps(data | {key: value})
        cells = cells_of(piece, table)
        at = table.keys.index(key)
        cells[at] = value if isinstance(value, str) else LABEL_SEPARATOR.join(value)
        return row_of(cells, table.separator)

    def end(self) -> None:
        return None


class _Columns:
    """Names columns or keys anew and leaves some out."""

    def __init__(self, roles: dict[str, str]) -> None:
        self._roles = roles
        self._same = OneKind()
        self._layout: Layout | None = None
        self._table: Table | None = None
        self._left: list[int] = []
        """Of a table: the columns that stay."""
        self._keys: dict[str, None] = {}

    def begin(self, layout: Layout) -> Layout:
        if layout.format == "fasta":
            raise _wrong("FASTA has no columns: headers and sequences are what they are.")
        _check_roles(self._roles, JSON_ROLES if layout.table is None else TABLE_ROLES)
        self._layout = layout
        if layout.table is not None:
            self._table = layout.table
            layout = Layout(layout.format, self._table_of(layout.table))
            self._layout = layout
        return layout

    def take(self, line: Line) -> Line | None:
        assert self._layout is not None
        content = self._of_json(line.piece) if self._table is None else self._of_row(line.piece, self._table)
        piece = line.piece if content == line.piece.content else replace(line.piece, content=content)
        read = self._layout.read(piece)
        return Line(piece, read if isinstance(read, RecordInvalid) else self._same.check(read, piece.line))

    def end(self) -> None:
        missing = [] if self._table is not None else [name for name in self._roles if name not in self._keys]
        if missing:
            raise _wrong(f"No line has {_listed(missing)}. There are: {_listed(self._keys)}.")

    def _table_of(self, table: Table) -> Table:
        given = {name.strip().lower(): role for name, role in self._roles.items()}
        keys = [column.lower() for column in table.columns]
        missing = [name for name in self._roles if name.strip().lower() not in keys]
        if missing:
            raise _wrong(f"The table has no column {_listed(missing)}. It has: {_listed(table.columns)}.")
        self._left = [at for at, key in enumerate(keys) if given.get(key) != ""]
        columns = [given.get(keys[at], table.columns[at]) for at in self._left]
        lowered = [column.lower() for column in columns]
        twice = sorted({column for column in lowered if lowered.count(column) > 1})
        if twice:
            raise _wrong(f"Two columns would be {_listed(twice)}. Give each a role of its own, or '' to leave it out.")
        if not known_columns(columns):
            raise _wrong(
                f"The columns would be {_listed(columns)}, and no record is made of these. Expected one of: "
                f"{EXPECTED_COLUMNS}. A role of '' leaves a column out."
            )
        return table_of(columns, table.separator, table.line_end)

    def _of_row(self, piece: Piece, table: Table) -> bytes | None:
        if piece.content is None or len(self._left) == len(table.columns):
            return piece.content
        try:
            cells = cells_of(piece, table)
        except RecordInvalid:
            return piece.content  # a fault it stays: the numbers of cells and columns differ, or a mark is open
        return row_of([cells[at] for at in self._left], table.separator)

    def _of_json(self, piece: Piece) -> bytes | None:
        try:
            data: Any = orjson.loads(piece.content or b"")
        except orjson.JSONDecodeError:
            return piece.content
        if not isinstance(data, dict):
            return piece.content
        before = cast("dict[str, Any]", data)
        if len(self._keys) < ROLES_KEPT:
            self._keys.update(dict.fromkeys(before))
        if self._roles.keys().isdisjoint(before):
            return piece.content
        try:
            return orjson.dumps(renamed(before, self._roles))
        except ValueError as e:
            raise _wrong(
                f"Line {piece.line} would have '{e}' twice. Give each key a role of its own, or '' to leave it out."
            ) from e


def _check_roles(roles: dict[str, str], known: Iterable[str]) -> None:
    wrong = [role for role in roles.values() if role and role not in known]
    if wrong:
        raise _wrong(f"{_listed(wrong)} is no role. Expected one of {', '.join(sorted(known))}, or '' to leave it out.")
    given = [role for role in roles.values() if role]
    twice = sorted({role for role in given if given.count(role) > 1})
    if twice:
        raise _wrong(f"{_listed(twice)} is given twice. Give each column a role of its own, or '' to leave it out.")


def _listed(names: Iterable[str]) -> str:
    shown = [f"'{name[:40]}'" for name in names]
    return ", ".join(shown[:8]) + (f" and {len(shown) - 8} more" if len(shown) > 8 else "")


def _wrong(message: str) -> SpecInvalid:
    return SpecInvalid(message, param="fixes")
