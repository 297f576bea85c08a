"""Stages that write lines anew: a label under another name, and columns or keys under their roles."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, cast

import orjson

from tunesmith.records.column_roles import JSON_ROLES, TABLE_ROLES, renamed
from tunesmith.records.labelled import MAX_LABEL_CHARACTERS
from tunesmith.records.pieces import Piece
from tunesmith.records.read import OneKind
from tunesmith.records.tables import (
    EXPECTED_COLUMNS,
    LABEL_SEPARATOR,
    Table,
    cells_of,
    known_columns,
    row_of,
    table_of,
)
from tunesmith.schemas.errors import RecordInvalid
from tunesmith.schemas.records import LabelledRecord, LabelledSequenceRecord
from tunesmith.server.datasets.stages import Layout, Line, refusal

KEYS_KEPT = 1_000
"""Keys of JSON lines that are remembered to say which there are."""


class RenamedLabel:
    """Writes one label as another, in the lines that have it."""

    def __init__(self, label: str, to: str) -> None:
        self._label, self._to = label.strip(), to.strip()
        if not self._to or len(self._to) > MAX_LABEL_CHARACTERS or not self._to.isprintable():
            raise refusal(f"'to' must be 1 to {MAX_LABEL_CHARACTERS} characters that can be printed, in one line.")
        self._layout: Layout | None = None

    def begin(self, layout: Layout) -> Layout:
        self._layout = layout
        if layout.table is not None and "labels" in layout.table.keys and LABEL_SEPARATOR in self._to:
            raise refusal(f"'to' holds '{LABEL_SEPARATOR}', which stands between the labels of a table's cell.")
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


class NamedColumns:
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
            raise refusal("FASTA has no columns: headers and sequences are what they are.")
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
            raise refusal(f"No line has {_listed(missing)}. There are: {_listed(self._keys)}.")

    def _table_of(self, table: Table) -> Table:
        given = {name.strip().lower(): role for name, role in self._roles.items()}
        keys = [column.lower() for column in table.columns]
        missing = [name for name in self._roles if name.strip().lower() not in keys]
        if missing:
            raise refusal(f"The table has no column {_listed(missing)}. It has: {_listed(table.columns)}.")
        self._left = [at for at, key in enumerate(keys) if given.get(key) != ""]
        columns = [given.get(keys[at], table.columns[at]) for at in self._left]
        lowered = [column.lower() for column in columns]
        twice = sorted({column for column in lowered if lowered.count(column) > 1})
        if twice:
            raise refusal(f"Two columns would be {_listed(twice)}. Give each a role of its own, or '' to leave it out.")
        if not known_columns(columns):
            raise refusal(
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
        if len(self._keys) < KEYS_KEPT:
            self._keys.update(dict.fromkeys(before))
        if self._roles.keys().isdisjoint(before):
            return piece.content
        try:
            return orjson.dumps(renamed(before, self._roles))
        except ValueError as e:
            raise refusal(
                f"Line {piece.line} would have '{e}' twice. Give each key a role of its own, or '' to leave it out."
            ) from e


def _check_roles(roles: dict[str, str], known: Iterable[str]) -> None:
    wrong = [role for role in roles.values() if role and role not in known]
    if wrong:
        raise refusal(
            f"{_listed(wrong)} is no role. Expected one of {', '.join(sorted(known))}, or '' to leave it out."
        )
    given = [role for role in roles.values() if role]
    twice = sorted({role for role in given if given.count(role) > 1})
    if twice:
        raise refusal(f"{_listed(twice)} is given twice. Give each column a role of its own, or '' to leave it out.")


def _listed(names: Iterable[str]) -> str:
    shown = [f"'{name[:40]}'" for name in names]
    return ", ".join(shown[:8]) + (f" and {len(shown) - 8} more" if len(shown) > 8 else "")
