"""What the columns of a table, or the keys of JSON lines, were taken for, with examples; and what mends a fault."""

from dataclasses import dataclass
from typing import Any, cast

import orjson

from tunesmith.records.column_roles import JSON_ROLES, TABLE_ROLES, guess, renamed
from tunesmith.records.fields import METADATA
from tunesmith.records.json_lines import record_of
from tunesmith.records.personal_data import personal_data_in
from tunesmith.records.pieces import Piece
from tunesmith.records.secrets import secrets_in
from tunesmith.records.tables import UNKNOWN_COLUMNS, Table, cells_of
from tunesmith.schemas.datasets import ColumnRole, FileFormat
from tunesmith.schemas.errors import RecordInvalid
from tunesmith.schemas.fixes import DropFaulty, Fix, SetColumns
from tunesmith.schemas.records import RecordKind

LOOKED = 50
"""Lines that are looked through for examples."""
EXAMPLES, EXAMPLE_CHARACTERS = 3, 80
SEARCHED_CHARACTERS = 4_000
MOST_COLUMNS = 200
"""More are not listed."""
MOST_ROLES = 64
"""Of one SetColumns."""


class ColumnSampler:
    """Takes the first lines of a file. A value that looks like a secret or personal data is no example."""

    def __init__(self, file_format: FileFormat) -> None:
        self._format = file_format
        self._n_looked = 0
        self._examples: dict[str, list[str]] = {}
        self._used: set[str] = set()
        """Keys of JSON lines that were read as records."""

    @property
    def names(self) -> list[str]:
        """Columns or keys in the order in which they came."""
        return list(self._examples)

    def add(self, piece: Piece, table: Table | None, *, good: bool) -> None:
        """Looks at the line, one of the first LOOKED."""
        if self._format == "fasta" or self._n_looked >= LOOKED:
            return
        self._n_looked += 1
        values = _values(piece, table)
        for name, value in values.items():
            if name in self._examples or len(self._examples) < MOST_COLUMNS:
                _keep(self._examples.setdefault(name, []), value)
        if good and table is None:
            self._used.update(values)

    def roles(self, table: Table | None) -> list[ColumnRole]:
        """Each column or key with what it was taken for."""
        if table is not None:
            taken = dict(zip(table.columns, table.keys, strict=True))
            names = list(table.columns)[:MOST_COLUMNS]
        else:
            taken = {name: name for name in self._used if name != METADATA}
            names = self.names
        return [
            ColumnRole(name=_storable(name), role=taken.get(name), examples=self._examples.get(name, []))
            for name in names
        ]

    def possible(self) -> list[str]:
        """Every role that SetColumns takes for such a file."""
        known = {"jsonl": JSON_ROLES, "csv": TABLE_ROLES, "tsv": TABLE_ROLES}.get(self._format, frozenset[str]())
        return sorted(known)


@dataclass(frozen=True)
class Mending:
    """What mends a fault, and of which kind the record then is where that is known."""

    repairs: list[Fix]
    kind: RecordKind | None = None


LEFT_OUT = Mending([DropFaulty()])
"""The line is left out."""


def mending_of(piece: Piece, error: RecordInvalid, table: Table | None) -> Mending:
    """Columns under other roles where a good guess is at hand, else the line left out."""
    if table is not None:
        return _of_header(table) if error.error_code == UNKNOWN_COLUMNS else LEFT_OUT
    data = _data(piece)
    roles = guess(list(data), table=False) if data else None
    if data is None or roles is None or len(roles) > MOST_ROLES:
        return LEFT_OUT
    try:
        record = record_of(renamed(data, roles), piece.line)
    except (RecordInvalid, ValueError):
        return LEFT_OUT
    return Mending([SetColumns(roles=roles)], record.kind)


def _of_header(table: Table) -> Mending:
    roles = guess(table.columns, table=True)
    return Mending([SetColumns(roles=roles)] if roles is not None and len(roles) <= MOST_ROLES else [])


def _values(piece: Piece, table: Table | None) -> dict[str, Any]:
    if table is None:
        return _data(piece) or {}
    try:
        return dict(zip(table.columns, cells_of(piece, table), strict=True))
    except RecordInvalid:
        return {}


def _data(piece: Piece) -> dict[str, Any] | None:
    """The object on a JSON line; None of anything else."""
    try:
        data: Any = orjson.loads(piece.content or b"")
    except orjson.JSONDecodeError:
        return None
    return cast("dict[str, Any]", data) if isinstance(data, dict) else None


def _keep(examples: list[str], value: Any) -> None:
    if len(examples) == EXAMPLES:
        return
    text = _text(value)
    if text and text not in examples and not secrets_in(text) and not personal_data_in(text):
        short = text if len(text) <= EXAMPLE_CHARACTERS else text[: EXAMPLE_CHARACTERS - 1] + "…"
        if short not in examples:
            examples.append(short)


def _text(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else _json(value)
    return _storable(" ".join(text[:SEARCHED_CHARACTERS].split()))


def _json(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # nested too deeply
        return ""


def _storable(text: str) -> str:
    return text.replace("\x00", "�")
