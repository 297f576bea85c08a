"""One line of a file on its way through fixes, and what a stage of them is. Blocking, in bounded memory.

A stage takes every line of the file in order, as the stages before it left it, and gives it back, changed or as it was,
or None to leave it out. One that must have seen the whole file first has a survey, which is shown it before.
"""

from dataclasses import dataclass
from typing import Protocol

from tunesmith.records.pieces import Piece
from tunesmith.records.read import parse_piece
from tunesmith.records.tables import Table
from tunesmith.schemas.datasets import FileFormat
from tunesmith.schemas.errors import RecordInvalid, SpecInvalid
from tunesmith.schemas.records import Record


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


class Plain:
    """A stage that reads lines as those before it did, and misses nothing."""

    def begin(self, layout: Layout) -> Layout:
        return layout

    def end(self) -> None:
        return None


def refusal(message: str) -> SpecInvalid:
    """The refusal of a fix."""
    return SpecInvalid(message, param="fixes")
