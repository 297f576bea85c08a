"""CSV and TSV: which columns make a record of which kind, and a row as a record.

A row becomes the object that a JSONL line would be, and is read by the same function.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tunesmith.records.fields import fault
from tunesmith.records.formats import EXPECTED, not_readable
from tunesmith.records.json_lines import record_of
from tunesmith.records.pieces import BOM, MAX_LINE_BYTES, Piece, too_long
from tunesmith.records.texts import PAIRS, SCORES
from tunesmith.schemas.datasets import FileFormat
from tunesmith.schemas.errors import RecordInvalid
from tunesmith.schemas.records import Record

LABEL_SEPARATOR = "|"
"""Between the labels of one cell under `labels`; an empty cell has none."""
UNKNOWN_COLUMNS = "unknown_columns"
"""Code of the fault of a table whose columns are of no kind of record."""
IGNORED = frozenset({"id", "metadata"})
"""Columns that any table may have; a sequence takes its `id`."""
COLUMNS: tuple[tuple[frozenset[str], frozenset[str]], ...] = (
    *((frozenset(each), frozenset[str]()) for each in (("text", "label"), ("text", "labels"), ("text",))),
    *((frozenset(each), frozenset[str]()) for each in (("sequence", "label"), ("sequence", "labels"), ("sequence",))),
    *((frozenset(each), frozenset[str]()) for each in (("prompt", "completion"), ("prompt", "chosen", "rejected"))),
    *((frozenset({"instruction", answer}), frozenset({"input", "system"})) for answer in ("output", "response")),
    *((frozenset({*pair, *more}), frozenset[str]()) for pair in PAIRS for more in ((), ("negative",))),
    *((frozenset({*pair, score}), frozenset[str]()) for pair in PAIRS for score in SCORES),
)
"""Sets of columns that make a record, and what may stand beside them."""
EXPECTED_COLUMNS = (
    "text,label; text,labels; text; prompt,completion; instruction,input,output; prompt,chosen,rejected; "
    "anchor,positive (or query,document; question,answer; sentence1,sentence2), with negative or score where there is "
    "one; sequence,label; sequence"
)
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}


@dataclass(frozen=True)
class Table:
    """What the header line says. `keys` are the columns in lower case, None of one that is not read."""

    columns: tuple[str, ...]
    keys: tuple[str | None, ...]
    separator: str
    line_end: bytes
    unknown: str | None = None
    """Why no record can be made of these columns; None of known ones."""

    def separated_by(self, file_format: FileFormat) -> str | None:
        """The separator in a word where it is not the one that the file's name promises."""
        return None if self.separator == promised_separator(file_format) else _SEPARATORS[self.separator]


def promised_separator(file_format: FileFormat) -> str:
    """The one that the format's name stands for."""
    return "\t" if file_format == "tsv" else ","


def read_header(raw: bytes, line_end: bytes, file_format: FileFormat) -> Table:
    """The table that begins with this line. Raises RecordInvalid when it names no columns, or one twice.

    Another separator than the promised one is taken when the columns are known by it: a spreadsheet in some countries
    writes semicolons. Of columns that are of no kind of record `unknown` says so, and no row can be read; what they
    may be, a person decides (column_roles.py).
    """
    text = _header_text(raw, file_format)
    promised = promised_separator(file_format)
    for separator in (promised, *(each for each in _SEPARATORS if each != promised)):
        columns = _columns(text, separator, file_format)
        if known_columns(columns):
            _check_twice([column.lower() for column in columns], file_format)
            return table_of(columns, separator, line_end)
    likely = _likely(text, promised)
    columns = _columns(text, likely, file_format)
    return Table(tuple(columns), (None,) * len(columns), likely, line_end, _wrong_columns(columns, likely, file_format))


def known_columns(columns: Iterable[str]) -> bool:
    """Whether a record can be made of them."""
    return _known({column.lower() for column in columns} - IGNORED)


def table_of(columns: Sequence[str], separator: str, line_end: bytes) -> Table:
    """The table of known columns."""
    keys = [column.lower() for column in columns]
    read = [key if key not in IGNORED or (key == "id" and "sequence" in keys) else None for key in keys]
    return Table(tuple(columns), tuple(read), separator, line_end)


def parse_row(piece: Piece, table: Table) -> Record:
    """The record of one row. Raises RecordInvalid; where the columns are unknown, always, of line 1."""
    if table.unknown is not None:
        raise RecordInvalid(table.unknown, line=1, code=UNKNOWN_COLUMNS)
    cells = cells_of(piece, table)
    data = {key: cell for key, cell in zip(table.keys, cells, strict=True) if key is not None}
    return record_of(_typed(data, piece.line), piece.line)


def cells_of(piece: Piece, table: Table) -> list[str]:
    """The cells of one row, as many as there are columns. Raises RecordInvalid."""
    if piece.content is None:
        raise _too_long(piece)
    cells = _row(piece.content, table, piece.line)
    if len(cells) != len(table.columns):
        raise fault(
            piece.line,
            f"the row has {_n(len(cells), 'cell')} and the header {_n(len(table.columns), 'column')}"
            f" ({_listed(table.columns)}). Put a cell that holds a separator or a line break in quotation marks.",
        )
    return cells


def row_of(cells: Sequence[str], separator: str) -> bytes:
    """The cells as a row without its end; those that need it stand in quotation marks."""
    text = io.StringIO(newline="")
    # The module quotes a cell with a line break only when that is in its line end.
    csv.writer(text, delimiter=separator, lineterminator="\r\n").writerow(cells)
    return text.getvalue().removesuffix("\r\n").encode()


def _typed(data: dict[str, str], line: int) -> dict[str, Any]:
    """The cells as JSON would have them: labels as a list, a score as a number."""
    typed: dict[str, Any] = dict(data)
    if "labels" in data:
        parts = (part.strip() for part in data["labels"].split(LABEL_SEPARATOR))
        typed["labels"] = [part for part in parts if part]
    for key in SCORES:
        if key in data:
            typed[key] = _number(data[key], key, line)
    return typed


def _number(cell: str, key: str, line: int) -> float:
    try:
        return float(cell)
    except ValueError as e:
        comma = " Write a point, not a comma." if "," in cell else ""
        raise fault(line, f'"{key}" is not a number: "{cell.strip()[:40]}".{comma}', key) from e


def _row(content: bytes, table: Table, line: int) -> list[str]:
    if b"\x00" in content:
        raise RecordInvalid(f"Line {line} holds a NUL byte. Save the file as UTF-8 text.", line=line)
    try:
        return _cells(content.decode(), table.separator, line)
    except UnicodeDecodeError as e:
        raise fault(line, "the row holds bytes that are not UTF-8.") from e


def _cells(text: str, separator: str, line: int) -> list[str]:
    if '"' not in text and "\r" not in text and "\n" not in text:
        return text.split(separator)
    # The module's own bound of a cell is 128 KiB; a row was bounded before it came here.
    csv.field_size_limit(MAX_LINE_BYTES)
    try:
        return next(csv.reader([text], delimiter=separator, strict=True), [])
    except csv.Error as e:
        raise fault(line, _reason(str(e))) from e


def _reason(said: str) -> str:
    """The module's error in words that name the next step."""
    if "unexpected end" in said:
        return "a quotation mark opens a cell and is never closed. Close it, or double a mark that belongs to the text."
    if "new-line" in said:
        return "a bare carriage return stands in a cell without quotation marks. Save the file with LF or CR LF ends."
    if "expected after" in said:
        return "text follows a closing quotation mark. Double each mark that belongs to the text."
    return f"the row cannot be read: {said}."


def _header_text(raw: bytes, file_format: FileFormat) -> str:
    try:
        text = raw.removeprefix(BOM).decode()
    except UnicodeDecodeError as e:
        raise not_readable(
            f"{EXPECTED[file_format]} Line 1 holds bytes that are not UTF-8. Save the file as UTF-8 and upload it "
            "again."
        ) from e
    if "\x00" in text:
        raise not_readable(f"{EXPECTED[file_format]} Line 1 holds a NUL byte. Save the file as UTF-8 text.")
    return text


def _columns(text: str, separator: str, file_format: FileFormat) -> list[str]:
    try:
        return [column.strip() for column in _cells(text, separator, 1)]
    except RecordInvalid as e:
        raise not_readable(f"{EXPECTED[file_format]} {e.message}") from e


def _known(keys: set[str]) -> bool:
    return any(needed <= keys <= needed | more for needed, more in COLUMNS)


def _check_twice(keys: list[str], file_format: FileFormat) -> None:
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise not_readable(
            f"{EXPECTED[file_format]} Line 1 names the column {_listed(twice)} twice. Give each column a name of its "
            "own."
        )


def _likely(text: str, promised: str) -> str:
    """The separator that the line most likely has."""
    return promised if promised in text else max(_SEPARATORS, key=text.count)


def _wrong_columns(columns: list[str], separator: str, file_format: FileFormat) -> str:
    """What is said of columns that make no record. Raises RecordInvalid when there are none, or two of one name."""
    if not any(columns):
        raise not_readable(f"{EXPECTED[file_format]} Line 1 is blank. It must name the columns: {EXPECTED_COLUMNS}.")
    keys = [column.lower() for column in columns]
    _check_twice(keys, file_format)
    hint = ""
    if "" in keys:
        hint = f" Column {keys.index('') + 1} has no name: a table saved with its row numbers? Drop the column."
    shown = ", ".join(f"'{column[:40]}'" for column in columns[:8])
    more = f" and {len(columns) - 8} more" if len(columns) > 8 else ""
    return (
        f"Line 1, separated by {_SEPARATORS[separator]}, names the columns {shown}{more}, and no record is made of "
        f"these.{hint} Say what each column is, or rename them to one of: {EXPECTED_COLUMNS}."
    )


def _too_long(piece: Piece) -> RecordInvalid:
    error = too_long(piece.size_bytes, piece.line)
    return RecordInvalid(f"{error.message} A quotation mark that is never closed takes in all rows behind it.",
                         line=piece.line)  # fmt: skip


def _listed(columns: tuple[str, ...] | list[str]) -> str:
    return ", ".join(f'"{column[:40]}"' for column in columns[:8])


def _n(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"
