"""JSONL lines and FASTA entries out of chunks of bytes, with the line number and the byte offset of each.

Memory is bounded by MAX_LINE_BYTES: of something longer only its length is told.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from tunesmith.schemas.errors import RecordInvalid

MAX_LINE_BYTES = 8 * 1024 * 1024
"""Of one record: a line, an entry or a row."""
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Piece:
    """One record as it stands in the file: a JSON line, a FASTA entry with its header, or a row of a table.

    `content` is None when it is longer than MAX_LINE_BYTES; `line` counts from 1, `offset` is in bytes from the start.
    """

    line: int
    offset: int
    content: bytes | None
    size_bytes: int


class Splitter(Protocol):
    """Takes chunks in order and gives what has become whole; `finish` gives what was left."""

    def feed(self, chunk: bytes) -> Iterator[Piece]: ...
    def finish(self) -> Iterator[Piece]: ...


class Lines:
    """Every line that is not blank, without its end; a BOM at the very start is left out."""

    def __init__(self, *, line: int = 1, offset: int = 0) -> None:
        self._line = line
        self._offset = offset
        self._rest = b""
        self._dropped_bytes = 0

    def feed(self, chunk: bytes) -> Iterator[Piece]:
        lines = (self._rest + chunk).split(b"\n")
        self._rest = lines.pop()
        for raw in lines:
            yield from self._piece(raw, ended=1)
        if len(self._rest) > MAX_LINE_BYTES:
            self._dropped_bytes += len(self._rest)
            self._rest = b""

    def finish(self) -> Iterator[Piece]:
        if self._rest or self._dropped_bytes:
            yield from self._piece(self._rest, ended=0)

    def _piece(self, raw: bytes, *, ended: int) -> Iterator[Piece]:
        line, offset = self._line, self._offset
        size_bytes = self._dropped_bytes + len(raw)
        self._line += 1
        self._offset += size_bytes + ended
        if self._dropped_bytes:
            self._dropped_bytes = 0
            yield Piece(line, offset, None, size_bytes)
            return
        content = raw.removeprefix(BOM).strip() if offset == 0 else raw.strip()
        if content:
            yield Piece(line, offset, content, size_bytes)


class Entries:
    """Every FASTA entry, from its ">" to the next one's. What stands before the first is an entry without a ">"."""

    def __init__(self, *, line: int = 1, offset: int = 0) -> None:
        self._lines = Lines(line=line, offset=offset)
        self._parts: list[bytes] = []
        self._line = line
        self._offset = offset
        self._size_bytes = 0

    def feed(self, chunk: bytes) -> Iterator[Piece]:
        for piece in self._lines.feed(chunk):
            yield from self._add(piece)

    def finish(self) -> Iterator[Piece]:
        for piece in self._lines.finish():
            yield from self._add(piece)
        yield from self._entry()

    def _add(self, piece: Piece) -> Iterator[Piece]:
        content = piece.content
        if content is not None and content.startswith(b";"):
            return
        if content is not None and content.startswith(b">"):
            yield from self._entry()
        if not self._size_bytes:
            self._line, self._offset = piece.line, piece.offset
        self._size_bytes += piece.size_bytes
        if content is None or self._size_bytes > MAX_LINE_BYTES:
            self._parts = []
        else:
            self._parts.append(content)

    def _entry(self) -> Iterator[Piece]:
        if self._size_bytes:
            whole = b"\n".join(self._parts) if self._parts and self._size_bytes <= MAX_LINE_BYTES else None
            yield Piece(self._line, self._offset, whole, self._size_bytes)
        self._parts, self._size_bytes = [], 0


def too_long(n_bytes: int, line: int) -> RecordInvalid:
    """The error of a record beyond MAX_LINE_BYTES."""
    return RecordInvalid(
        f"Line {line} is {n_bytes:,} bytes long, more than the {MAX_LINE_BYTES:,} that a record may have. "
        "Split or drop it.",
        line=line,
    )
