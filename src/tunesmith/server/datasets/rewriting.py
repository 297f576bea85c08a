"""A file read line by line, each line through the stages of the fixes, and what comes out written in the same format.

Blocking, in bounded memory. Kept lines stay byte for byte; blank lines, a BOM and comments of FASTA are left out.
"""

import zlib
from collections.abc import Iterator
from typing import cast

from tunesmith.records.read import FileReader, Reading
from tunesmith.records.tables import row_of
from tunesmith.schemas.datasets import Compression, FileFormat
from tunesmith.schemas.errors import SpecInvalid
from tunesmith.server.datasets.stages import Layout, Line, Stage

FLUSHED_BYTES = 64 * 1024
"""Lines that are joined before they are packed or sent on."""
_GZIP = zlib.MAX_WBITS | 16


class FixedLines:
    """The lines of a stored file as the stages leave them."""

    def __init__(self, file_format: FileFormat, compression: Compression | None, stages: list[Stage]) -> None:
        self._format: FileFormat = file_format
        self.packed = compression is not None
        self._reader = FileReader(file_format, compression)
        self._stages = stages
        self.layout: Layout | None = None
        """Behind the last stage, once the first line came."""
        self.changed = 0
        """Lines left out or written anew."""

    def feed(self, chunk: bytes) -> Iterator[Line]:
        return self._through(self._reader.feed(chunk))

    def finish(self) -> Iterator[Line]:
        yield from self._through(self._reader.finish())
        for stage in self._stages:
            stage.end()

    def _through(self, readings: Iterator[Reading]) -> Iterator[Line]:
        for piece, read in readings:
            if self.layout is None:
                self.layout = self._begin()
            line = self._one(Line(piece, read))
            if line is None or line.piece is not piece:
                self.changed += 1
            if line is not None:
                yield line

    def _begin(self) -> Layout:
        layout = first = Layout(self._format, self._reader.table)
        for stage in self._stages:
            layout = stage.begin(layout)
        self.changed += layout.table != first.table
        return layout

    def _one(self, line: Line) -> Line | None:
        for stage in self._stages:
            taken = stage.take(line)
            if taken is None:
                return None
            line = taken
        return line


class Rewriting:
    """The new file's bytes, packed where the old one's are."""

    def __init__(self, lines: FixedLines) -> None:
        self._lines = lines
        self._packer = zlib.compressobj(6, zlib.DEFLATED, _GZIP) if lines.packed else None
        self._begun = False
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0

    def feed(self, chunk: bytes) -> bytes:
        """What the next bytes of the old file add to the new one."""
        return b"".join(self._take(self._lines.feed(chunk)))

    def finish(self) -> bytes:
        """The rest. Raises SpecInvalid when nothing changed or nothing is left."""
        written = [*self._take(self._lines.finish()), self._packed(last=True)]
        if not self._begun:
            raise SpecInvalid("These fixes would leave nothing of the file. Leave one out.", param="fixes")
        if not self._lines.changed:
            raise SpecInvalid(
                "These fixes would change nothing: no line is concerned. The report of the version's file says what "
                "was found in it.",
                param="fixes",
                code="nothing_to_fix",
            )
        return b"".join(written)

    def _take(self, lines: Iterator[Line]) -> Iterator[bytes]:
        for line in lines:
            self._add(line)
            if self._waiting_bytes >= FLUSHED_BYTES:
                yield self._packed()

    def _add(self, line: Line) -> None:
        layout = cast(Layout, self._lines.layout)
        table, end = layout.table, b"\n" if layout.table is None else layout.table.line_end
        if not self._begun and table is not None:
            self._wait(row_of(table.columns, table.separator) + end)
        self._begun = True
        content = line.piece.content
        if content is None:
            raise SpecInvalid(
                f"Line {line.piece.line} is too long to be written again. Add the fix drop_faulty before the others.",
                param="fixes",
            )
        self._wait(content + end)

    def _wait(self, written: bytes) -> None:
        self._waiting.append(written)
        self._waiting_bytes += len(written)

    def _packed(self, *, last: bool = False) -> bytes:
        whole = b"".join(self._waiting)
        self._waiting, self._waiting_bytes = [], 0
        if self._packer is None:
            return whole
        return self._packer.compress(whole) + (self._packer.flush() if last else b"")
