"""Bytes that workers send piece by piece: what was taken stays, through any restart, until it is committed or dropped.

A file is a chain of parts under `staging/{upload}/{sha256}/`, each named by the offset where it begins and made
exclusively, so of two senders at one offset one is refused and no part ever overlaps another.
"""

import datetime as dt
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from starlette.requests import ClientDisconnect

from tunesmith.schemas.errors import OffsetMismatch, TooLarge
from tunesmith.server.storage.blobs import Stored, gathered, write_checked
from tunesmith.server.storage.store import Entry, Exists, Store

STAGING = "staging"
PART_BYTES = 8 * 1024**2


@dataclass(frozen=True)
class Place:
    """Where one file of an upload is staged."""

    upload_id: str
    sha256: str

    @property
    def prefix(self) -> str:
        return f"{STAGING}/{self.upload_id}/{self.sha256}"

    def part(self, offset: int) -> str:
        return f"{self.prefix}/{offset:015d}"


class Staging:
    """Staged files over the blobs' store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def offset(self, place: Place) -> int:
        """Bytes from the beginning that are stored."""
        return sum(part.size_bytes for part in await self._store.run(self._chain, place))

    async def append(self, place: Place, offset: int, chunks: AsyncIterator[bytes], *, size_bytes: int) -> int:
        """Stores bytes from `offset` on; the new offset. What came before a broken connection is kept too.

        Raises OffsetMismatch with the true offset, TooLarge beyond the file's announced size.
        """
        true = await self.offset(place)
        if offset != true:
            raise _mismatch(offset, true)
        async for part in gathered(_until_disconnect(chunks), PART_BYTES):
            if offset + len(part) > size_bytes:
                raise TooLarge(f"The file was announced with {size_bytes:,} bytes and more came. Announce it anew.")
            try:
                await self._store.run(self._store.create, place.part(offset), part)
            except Exists as e:
                raise _mismatch(offset, await self.offset(place)) from e
            offset += len(part)
        return offset

    async def assemble(self, place: Place, size_bytes: int) -> bool:
        """Makes the staged bytes a blob; False, and they are dropped, when their sha256 or size is another."""
        return await self._store.run(self._assemble, place, size_bytes)

    async def head(self, place: Place, n_bytes: int) -> bytes:
        """The first bytes that are staged."""
        return await self._store.run(self._head, place, n_bytes)

    async def drop(self, upload_id: str) -> None:
        """Forgets all that is staged for an upload."""
        await self._store.run(self._drop, f"{STAGING}/{upload_id}")

    async def uploads(self) -> dict[str, dt.datetime]:
        """Every upload with something staged, and when its last part was written."""
        return await self._store.run(self._uploads)

    def _chain(self, place: Place) -> list[Entry]:
        """The parts that join from offset 0 on, in order."""
        chain: list[Entry] = []
        offset = 0
        for part in sorted(self._store.entries(place.prefix), key=lambda entry: entry.key):
            if int(part.key.rpartition("/")[2]) != offset:
                break
            chain.append(part)
            offset += part.size_bytes
        return chain

    def _bytes(self, place: Place) -> Iterator[bytes]:
        for part in self._chain(place):
            yield from self._store.read(part.key, 0, part.size_bytes)

    def _assemble(self, place: Place, size_bytes: int) -> bool:
        if write_checked(self._store, self._bytes(place), Stored(place.sha256, size_bytes)):
            return True
        self._drop(place.prefix)
        return False

    def _head(self, place: Place, n_bytes: int) -> bytes:
        head = b""
        for piece in self._bytes(place):
            head += piece[: n_bytes - len(head)]
            if len(head) == n_bytes:
                break
        return head

    def _drop(self, prefix: str) -> None:
        for part in list(self._store.entries(prefix)):
            self._store.delete(part.key)

    def _uploads(self) -> dict[str, dt.datetime]:
        newest: dict[str, dt.datetime] = {}
        for part in self._store.entries(STAGING):
            upload_id = part.key.split("/")[1]
            newest[upload_id] = max(part.modified_at, newest.get(upload_id, part.modified_at))
        return newest


def _mismatch(offset: int, true: int) -> OffsetMismatch:
    return OffsetMismatch(f"The next byte expected is {true}, and bytes came from {offset} on.", offset=true)


async def _until_disconnect(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The chunks up to a broken connection: its sender will ask where to go on."""
    try:
        async for chunk in chunks:
            yield chunk
    except ClientDisconnect:
        return
