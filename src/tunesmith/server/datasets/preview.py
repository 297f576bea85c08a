"""A page of a file's records as training reads them, found by byte offset: no page costs more than the one before."""

import asyncio
import re
from collections.abc import AsyncIterator

from tunesmith.schemas.datasets import FileFormat, FileRecord, RecordMessage
from tunesmith.schemas.errors import Invalid, RecordInvalid
from tunesmith.schemas.records import Record, SequenceRecord
from tunesmith.server.datasets.lines import Entries, Lines, Piece, Splitter
from tunesmith.server.datasets.tables import FileRow
from tunesmith.server.datasets.validation import fault_of, read_piece
from tunesmith.server.storage.blobs import BlobStore

PAGE_BYTES = 4 * 1024**2
"""A page ends early once it carries so much."""
_CURSOR = re.compile(r"rec-(\d{1,12})-(\d{1,15})")


async def read_page(blobs: BlobStore, file: FileRow, *, after: str | None, limit: int) -> tuple[list[FileRecord], bool]:
    """Records that follow the one `after` names, and whether there are more. Raises Invalid for a bad cursor."""
    if file.format not in ("jsonl", "fasta"):
        return [], False
    line, offset = _cursor(after)
    page: list[FileRecord] = []
    size_bytes = 0
    async for piece in _pieces(blobs, file, file.format, line, offset):
        if after is not None and piece.offset == offset:
            continue
        if len(page) == limit or size_bytes > PAGE_BYTES:
            return page, True
        page.append(_shape(piece, file.format))
        size_bytes += piece.size_bytes
    return page, False


async def _pieces(
    blobs: BlobStore, file: FileRow, file_format: FileFormat, line: int, offset: int
) -> AsyncIterator[Piece]:
    splitter: Splitter = (Lines if file_format == "jsonl" else Entries)(line=line, offset=offset)
    async for chunk in blobs.open(file.sha256, offset):
        for piece in await asyncio.to_thread(_split, splitter, chunk):
            yield piece
    for piece in splitter.finish():
        yield piece


def _split(splitter: Splitter, chunk: bytes) -> list[Piece]:
    return list(splitter.feed(chunk))


def _cursor(after: str | None) -> tuple[int, int]:
    """Line and offset where the record begins that the cursor names."""
    if after is None:
        return 1, 0
    found = _CURSOR.fullmatch(after)
    if found is None:
        raise Invalid("Invalid 'after': send the id of a record of this file.", param="after")
    return int(found[1]), int(found[2])


def _shape(piece: Piece, file_format: FileFormat) -> FileRecord:
    cursor = f"rec-{piece.line}-{piece.offset}"
    try:
        record = read_piece(piece, file_format)
    except RecordInvalid as e:
        return FileRecord(id=cursor, line=piece.line, fault=fault_of(e))
    return _record(cursor, piece.line, record)


def _record(cursor: str, line: int, record: Record) -> FileRecord:
    if isinstance(record, SequenceRecord):
        return FileRecord(
            id=cursor,
            line=line,
            kind=record.kind,
            name=record.id,
            description=record.description,
            sequence=record.residues,
        )
    messages = [RecordMessage(role=m.role, content=m.content, trained=m.trained) for m in record.messages]
    return FileRecord(id=cursor, line=line, kind=record.kind, messages=messages)
