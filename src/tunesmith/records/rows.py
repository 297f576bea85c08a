"""Rows of a CSV or TSV table out of chunks of bytes: a row ends at a line's end outside of quotation marks.

Memory is bounded by MAX_LINE_BYTES; of a longer row only its length is told, and where it ends is still found.
"""

from collections.abc import Iterator
from enum import Enum, auto

from tunesmith.records.formats import EXPECTED, not_readable
from tunesmith.records.pieces import BOM, MAX_LINE_BYTES, Piece
from tunesmith.records.tables import Table, read_header
from tunesmith.schemas.datasets import FileFormat

HEADER_BYTES = 64 * 1024


class Rows:
    """Every row that is not blank, behind the header. `table` is what the header says, None until it was read.

    To begin in the middle give the table, and line and offset of a row.
    """

    def __init__(self, file_format: FileFormat, *, table: Table | None = None, line: int = 1, offset: int = 0) -> None:
        self.table = table
        self._format: FileFormat = file_format
        self._line = self._row_line = line
        self._offset = self._row_offset = offset
        self._rest = b""
        self._parts: list[bytes] | None = []
        """Lines of the row that is not whole yet; None when it is too long to be kept."""
        self._row_bytes = 0
        self._marks = _Marks(table.separator.encode()) if table else None

    def feed(self, chunk: bytes) -> Iterator[Piece]:
        self._rest += chunk
        if self.table is None and not self._header(last=False):
            return
        yield from self._lines()

    def finish(self) -> Iterator[Piece]:
        if self.table is None and not self._header(last=True):
            return
        yield from self._lines()
        if self._rest or self._row_bytes:
            self._take(self._rest, ended=0)
            yield from self._row()

    def _header(self, *, last: bool) -> bool:
        """Reads the header when it is there whole."""
        line_end = _line_end(self._rest, last=last)
        if line_end is None:
            if len(self._rest) > HEADER_BYTES:
                raise not_readable(
                    f"{EXPECTED[self._format]} Line 1 is longer than {HEADER_BYTES:,} bytes, which no header is."
                )
            if not last or not self._rest.removeprefix(BOM).strip():
                return False
            line_end = b"\n"
        raw, _, self._rest = self._rest.partition(line_end)
        self.table = read_header(raw.removesuffix(b"\r"), line_end, self._format)
        self._marks = _Marks(self.table.separator.encode())
        self._line = self._row_line = 2
        self._offset = self._row_offset = len(raw) + len(line_end)
        return True

    def _lines(self) -> Iterator[Piece]:
        assert self.table is not None
        line_end = self.table.line_end
        lines = self._rest.split(line_end)
        self._rest = lines.pop()
        for raw in lines:
            if self._take(raw, ended=len(line_end)):
                yield from self._row()
        if len(self._rest) > MAX_LINE_BYTES:
            self._swallow(self._rest)
            self._rest = b""

    def _take(self, raw: bytes, *, ended: int) -> bool:
        """Adds a line to the row; whether the row ends with it."""
        assert self._marks is not None
        inside = self._marks.after(raw)
        self._row_bytes += len(raw) + ended
        self._line += 1
        if self._row_bytes > MAX_LINE_BYTES:
            self._parts = None
        elif self._parts is not None:
            self._parts.append(raw)
        return not inside

    def _swallow(self, raw: bytes) -> None:
        """A piece of a line that is too long."""
        assert self._marks is not None
        self._marks.after(raw)
        self._row_bytes += len(raw)
        self._parts = None

    def _row(self) -> Iterator[Piece]:
        assert self.table is not None
        assert self._marks is not None
        content = None if self._parts is None else self.table.line_end.join(self._parts).removesuffix(b"\r")
        piece = Piece(self._row_line, self._row_offset, content, self._row_bytes)
        self._row_line, self._row_offset = self._line, self._row_offset + self._row_bytes
        self._parts, self._row_bytes = [], 0
        self._marks.begin()
        if content is None or content.strip(b" \r"):
            yield piece


def _line_end(head: bytes, *, last: bool) -> bytes | None:
    """LF (CR LF too), or a bare CR, whichever ends the first line; None when that is not to be seen yet."""
    lf, cr = head.find(b"\n"), head.find(b"\r")
    if cr < 0 or (0 <= lf < cr):
        return b"\n" if lf >= 0 else None
    if lf == cr + 1:
        return b"\n"
    return b"\r" if last or cr + 1 < len(head) else None


class _State(Enum):
    CELL_BEGINS = auto()
    PLAIN = auto()
    QUOTED = auto()
    MARK = auto()
    """A quotation mark inside a quoted cell: its end, or the first of two."""


class _Marks:
    """Whether a line's end stands inside a quoted cell, by the rules of Python's csv module."""

    def __init__(self, separator: bytes) -> None:
        self._separator = separator
        self._state = _State.CELL_BEGINS

    def begin(self) -> None:
        """A row begins."""
        self._state = _State.CELL_BEGINS

    def after(self, raw: bytes) -> bool:
        """Reads on; whether what follows, a line's end as a rule, is inside a quoted cell."""
        if self._state is _State.QUOTED and raw.count(b'""') * 2 == raw.count(b'"'):
            return True  # no mark, or each one doubled
        if b'"' not in raw and self._state is _State.CELL_BEGINS and self._separator not in raw[-1:]:
            self._state = _State.PLAIN if raw else _State.CELL_BEGINS
            return False
        at = 0
        while at < len(raw):
            at = self._step(raw, at)
        if self._state is _State.MARK:
            return False
        return self._state is _State.QUOTED

    def _step(self, raw: bytes, at: int) -> int:
        if self._state is _State.QUOTED:
            mark = raw.find(b'"', at)
            self._state = _State.QUOTED if mark < 0 else _State.MARK
            return len(raw) if mark < 0 else mark + 1
        if self._state is _State.PLAIN:
            separator = raw.find(self._separator, at)
            self._state = _State.PLAIN if separator < 0 else _State.CELL_BEGINS
            return len(raw) if separator < 0 else separator + 1
        quoted = raw.startswith(b'"', at)
        self._state = _State.QUOTED if quoted else _State.PLAIN
        return at + 1 if quoted else at
