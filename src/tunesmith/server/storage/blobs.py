"""Blobs: bytes named by their sha256, hashed once while they stream in, never written over with others."""

import hashlib
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tunesmith.schemas.errors import NotFound, TooLarge
from tunesmith.server.storage.store import STEP_BYTES, Entry, Missing, ObjectWriter, Store

BLOBS = "sha256"
TEMPORARY = "tmp"
MOST_PARTS = 9000
"""S3 takes 10,000 parts of an object."""


@dataclass(frozen=True)
class Stored:
    """What was written."""

    sha256: str
    size_bytes: int


class BlobStore:
    """Blobs under `sha256/`, and what is on its way to become one under `tmp/`."""

    def __init__(self, url_or_path: str | Path) -> None:
        self.store = Store(url_or_path)

    async def put(
        self, chunks: AsyncIterator[bytes], *, limit_bytes: int, on_chunk: Callable[[bytes], None] | None = None
    ) -> Stored:
        """Writes a stream and names it by its sha256; `on_chunk` sees the bytes on the same pass, on a thread.

        Memory stays flat whatever the length. After any failure nothing of it is left.
        Raises TooLarge beyond `limit_bytes`, StorageFull, and whatever `chunks` and `on_chunk` raise.
        """
        writing = _Writing(self.store, limit_bytes, on_chunk)
        try:
            async for piece in gathered(chunks, STEP_BYTES):
                await self.store.run(writing.write, piece)
            return await self.store.run(writing.finish)
        finally:
            await self.store.run(writing.drop)

    async def open(self, sha256: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The blob's bytes [start, end), to its end without one. Raises NotFound when there is no such blob."""
        stop = await self._required_size(sha256)
        stop = stop if end is None else min(end, stop)
        if start >= stop:
            return
        try:
            async for piece in self.store.stream(_key(sha256), start, stop):
                yield piece
        except Missing as e:
            raise _absent(sha256) from e

    async def size(self, sha256: str) -> int | None:
        """Bytes of the blob; None when there is none."""
        try:
            return await self.store.size(_key(sha256))
        except Missing:
            return None

    async def delete(self, sha256: str) -> None:
        """Deletes the blob; an absent one is no error. Only `uses.sweep` knows that nobody needs it any more."""
        await self.store.run(self.store.delete, _key(sha256))

    async def entries(self) -> AsyncIterator[Entry]:
        """Every blob, `key` being its sha256."""
        async for entry in self.store.each(self.store.entries(BLOBS)):
            yield Entry(entry.key.rpartition("/")[2], entry.size_bytes, entry.modified_at)

    def close(self) -> None:
        """Waits for what is being written."""
        self.store.close()

    async def _required_size(self, sha256: str) -> int:
        size = await self.size(sha256)
        if size is None:
            raise _absent(sha256)
        return size


class _Writing:
    """One blob on its way in, blocking; its steps run on the store's threads."""

    def __init__(self, store: Store, limit_bytes: int, on_chunk: Callable[[bytes], None] | None) -> None:
        self._store = store
        self._limit_bytes = limit_bytes
        self._on_chunk = on_chunk
        self._key = f"{TEMPORARY}/{secrets.token_hex(16)}"
        self._writer: ObjectWriter | None = store.writer(self._key, part_bytes=part_bytes(limit_bytes))
        self._hash = hashlib.sha256()
        self._size_bytes = 0
        self._placed = False

    def write(self, piece: bytes) -> None:
        assert self._writer is not None
        self._size_bytes += len(piece)
        if self._size_bytes > self._limit_bytes:
            raise TooLarge(
                f"The file is larger than the {self._limit_bytes:,} bytes that are allowed here. Split it, or ask the "
                "server's operator to raise max_file_bytes."
            )
        self._hash.update(piece)
        self._writer.write(piece)
        if self._on_chunk is not None:
            self._on_chunk(piece)

    def summary(self) -> Stored:
        """What the bytes so far are."""
        return Stored(self._hash.hexdigest(), self._size_bytes)

    def finish(self) -> Stored:
        assert self._writer is not None
        stored = self.summary()
        self._writer.finish()
        self._store.move(self._key, _key(stored.sha256))
        self._placed = True
        return stored

    def drop(self) -> None:
        """Nothing stays unless it was finished."""
        if self._writer is not None:
            self._writer.drop()
            self._writer = None
        if not self._placed:
            self._store.delete(self._key)


def write_checked(store: Store, pieces: Iterator[bytes], wanted: Stored) -> bool:
    """Writes a blob whose name is known, blocking; False, and nothing is kept, when the bytes are not `wanted`."""
    writing = _Writing(store, max(wanted.size_bytes, 1), None)
    try:
        for piece in pieces:
            writing.write(piece)
        if writing.summary() != wanted:
            return False
        writing.finish()
        return True
    except TooLarge:
        return False
    finally:
        writing.drop()


async def gathered(chunks: AsyncIterator[bytes], least_bytes: int) -> AsyncIterator[bytes]:
    """The same bytes in pieces of `least_bytes` or somewhat more; only the last may be shorter."""
    pieces: list[bytes] = []
    size = 0
    async for chunk in chunks:
        pieces.append(chunk)
        size += len(chunk)
        if size >= least_bytes:
            yield b"".join(pieces)
            pieces, size = [], 0
    if size:
        yield b"".join(pieces)


def part_bytes(size_bytes: int) -> int:
    """Bytes of one part when an object of that size is written: 8 MiB, more only where there would be too many."""
    return max(8 * 1024**2, -(-size_bytes // MOST_PARTS))


def _key(sha256: str) -> str:
    return f"{BLOBS}/{sha256[:2]}/{sha256}"


def _absent(sha256: str) -> NotFound:
    return NotFound(f"No stored bytes have the sha256 {sha256}. They were deleted.", code="blob_not_found")
