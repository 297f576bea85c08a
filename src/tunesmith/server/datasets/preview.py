"""A page of a file's records as training reads them, found by byte offset: no page costs more than the one before.

Of a gzip the offset is of the unpacked bytes, and all before it is unpacked again: such a page costs more the later it
is.
"""

import asyncio
import re
from collections.abc import AsyncIterator

from tunesmith.records.pieces import Piece, Splitter
from tunesmith.records.read import parse_piece, splitter
from tunesmith.records.rows import Rows
from tunesmith.records.tables import Table
from tunesmith.records.unpacking import Gunzip
from tunesmith.schemas.datasets import FileFormat, FileRecord
from tunesmith.schemas.errors import Invalid, RecordInvalid
from tunesmith.server.datasets.record_shapes import shape_record
from tunesmith.server.datasets.tables import FileRow
from tunesmith.server.datasets.validation import fault_of
from tunesmith.server.storage.blobs import BlobStore

PAGE_BYTES = 4 * 1024**2
"""A page ends early once it carries so much."""
_CURSOR = re.compile(r"rec-(\d{1,12})-(\d{1,15})")


async def read_page(blobs: BlobStore, file: FileRow, *, after: str | None, limit: int) -> tuple[list[FileRecord], bool]:
    """Records that follow the one `after` names, and whether there are more. Raises Invalid for a bad cursor."""
    if file.format not in ("jsonl", "csv", "tsv", "fasta"):
        return [], False
    line, offset = _cursor(after)
    table = await _table(blobs, file, file.format) if file.format in ("csv", "tsv") else None
    page: list[FileRecord] = []
    size_bytes = 0
    async for piece in _pieces(blobs, file, file.format, table, line, offset):
        if after is not None and piece.offset == offset:
            continue
        if len(page) == limit or size_bytes > PAGE_BYTES:
            return page, True
        page.append(_shape(piece, file.format, table))
        size_bytes += piece.size_bytes
    return page, False


async def _table(blobs: BlobStore, file: FileRow, file_format: FileFormat) -> Table | None:
    """What the header says."""
    rows = Rows(file_format)
    async for chunk in _content(blobs, file, 0):
        next(rows.feed(chunk), None)
        if rows.table is not None:
            return rows.table
    next(rows.finish(), None)
    return rows.table


async def _pieces(
    blobs: BlobStore, file: FileRow, file_format: FileFormat, table: Table | None, line: int, offset: int
) -> AsyncIterator[Piece]:
    pieces = splitter(file_format, table=table if offset else None, line=line, offset=offset)
    async for chunk in _content(blobs, file, offset):
        for piece in await asyncio.to_thread(_split, pieces, chunk):
            yield piece
    for piece in pieces.finish():
        yield piece


def _split(pieces: Splitter, chunk: bytes) -> list[Piece]:
    return list(pieces.feed(chunk))


async def _content(blobs: BlobStore, file: FileRow, start: int) -> AsyncIterator[bytes]:
    """The file's text from an offset."""
    if file.compression is None:
        async for chunk in blobs.open(file.sha256, start):
            yield chunk
        return
    unpacking = Gunzip()
    async for chunk in blobs.open(file.sha256):
        unpacked = unpacking.feed(chunk)
        while (piece := await asyncio.to_thread(next, unpacked, None)) is not None:
            if len(piece) > start:
                yield piece[start:]
            start = max(0, start - len(piece))


def _cursor(after: str | None) -> tuple[int, int]:
    """Line and offset where the record begins that the cursor names."""
    if after is None:
        return 1, 0
    found = _CURSOR.fullmatch(after)
    if found is None:
        raise Invalid("Invalid 'after': send the id of a record of this file.", param="after")
    return int(found[1]), int(found[2])


def _shape(piece: Piece, file_format: FileFormat, table: Table | None) -> FileRecord:
    cursor = f"rec-{piece.line}-{piece.offset}"
    try:
        record = parse_piece(piece, file_format, table)
    except RecordInvalid as e:
        return FileRecord(id=cursor, line=piece.line, fault=fault_of(e))
    return shape_record(cursor, piece.line, record)
