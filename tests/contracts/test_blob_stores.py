"""What every blob store must do, over a local folder and over an object store in memory (which speaks in the words
that S3 and its kind share: whole objects, no rename, conditional creation)."""

import asyncio
import datetime as dt
import hashlib
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from starlette.requests import ClientDisconnect

from tunesmith.schemas.errors import NotFound, OffsetMismatch, StorageFull, TooLarge
from tunesmith.server.storage.blobs import BlobStore, Stored, gathered, part_bytes
from tunesmith.server.storage.staging import PART_BYTES, Place, Staging

MIB = 1024 * 1024


@pytest.fixture(params=["folder", "memory"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BlobStore]:
    store = BlobStore(tmp_path / "blobs" if request.param == "folder" else "memory:///")
    yield store
    store.close()


async def stream(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def read(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


def keys(blobs: BlobStore) -> list[str]:
    """Every object and every half-written file."""
    found = [entry.key for folder in ("sha256", "tmp", "staging") for entry in blobs.store.entries(folder)]
    return sorted(found) + [path.name for path, _ in blobs.store.half_written()]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def test_what_was_put_is_read_back_under_its_sha256(blobs):
    content = os.urandom(3 * MIB + 17)
    stored = await blobs.put(stream(content[:100], b"", content[100:]), limit_bytes=10 * MIB)
    assert stored == Stored(sha256(content), len(content))
    assert await read(blobs.open(stored.sha256)) == content
    assert await blobs.size(stored.sha256) == len(content)
    assert keys(blobs) == [f"sha256/{stored.sha256[:2]}/{stored.sha256}"]


async def test_the_same_bytes_are_stored_once(blobs):
    first = await blobs.put(stream(b"twice"), limit_bytes=100)
    assert await blobs.put(stream(b"tw", b"ice"), limit_bytes=100) == first
    assert len(keys(blobs)) == 1


async def test_an_empty_blob_is_a_blob(blobs):
    stored = await blobs.put(stream(), limit_bytes=100)
    assert stored == Stored(sha256(b""), 0)
    assert await read(blobs.open(stored.sha256)) == b""


@pytest.mark.parametrize(("start", "end"), [(0, 10), (5, None), (7, 7), (0, 10**9), (99, 100), (100, None), (500, 600)])
async def test_any_part_can_be_read(blobs, start, end):
    content = bytes(range(100))
    stored = await blobs.put(stream(content), limit_bytes=100)
    assert await read(blobs.open(stored.sha256, start, end)) == content[start:end]


async def test_a_stream_that_breaks_leaves_nothing(blobs):
    async def breaking() -> AsyncIterator[bytes]:
        yield b"x" * (20 * MIB)
        raise ClientDisconnect

    with pytest.raises(ClientDisconnect):
        await blobs.put(breaking(), limit_bytes=100 * MIB)
    assert keys(blobs) == []


async def test_a_put_that_is_cancelled_leaves_nothing(blobs):
    reached = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * MIB
        reached.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(blobs.put(endless(), limit_bytes=100 * MIB))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert keys(blobs) == []


async def test_more_than_the_limit_is_refused_and_leaves_nothing(blobs):
    with pytest.raises(TooLarge):
        await blobs.put(stream(b"x" * MIB, b"x"), limit_bytes=MIB)
    assert keys(blobs) == []


async def test_whoever_looks_at_the_bytes_can_refuse_them(blobs):
    seen: list[bytes] = []

    def look(piece: bytes) -> None:
        seen.append(piece)
        if b"bad" in piece:
            raise ValueError("seen")

    with pytest.raises(ValueError, match="seen"):
        await blobs.put(stream(b"good" * MIB, b"bad"), limit_bytes=100 * MIB, on_chunk=look)
    assert b"".join(seen) == b"good" * MIB + b"bad"
    assert keys(blobs) == []


async def test_an_absent_blob_has_no_size_and_cannot_be_read(blobs):
    absent = sha256(b"absent")
    assert await blobs.size(absent) is None
    with pytest.raises(NotFound):
        await read(blobs.open(absent))
    await blobs.delete(absent)


async def test_a_deleted_blob_is_gone(blobs):
    stored = await blobs.put(stream(b"gone"), limit_bytes=100)
    await blobs.delete(stored.sha256)
    assert await blobs.size(stored.sha256) is None
    assert [entry async for entry in blobs.entries()] == []


async def test_every_blob_is_listed_with_its_time(blobs):
    stored = {await blobs.put(stream(bytes([n])), limit_bytes=100) for n in range(5)}
    listed = [entry async for entry in blobs.entries()]
    assert {Stored(entry.key, entry.size_bytes) for entry in listed} == stored
    assert all(abs(dt.datetime.now(dt.UTC) - entry.modified_at) < dt.timedelta(minutes=5) for entry in listed)


async def test_staged_bytes_grow_by_offset_and_become_a_blob(blobs):
    content = os.urandom(2 * PART_BYTES + 5)
    place, staging = Place("wup_1", sha256(content)), Staging(blobs.store)
    half = PART_BYTES + 99
    assert await staging.append(place, 0, stream(content[:half]), size_bytes=len(content)) == half
    again = Staging(blobs.store)
    assert await again.offset(place) == half
    assert await again.append(place, half, stream(content[half:]), size_bytes=len(content)) == len(content)
    assert await again.head(place, 64) == content[:64]
    assert await again.assemble(place, len(content))
    assert await read(blobs.open(place.sha256)) == content
    await again.drop("wup_1")
    assert keys(blobs) == [f"sha256/{place.sha256[:2]}/{place.sha256}"]


async def test_bytes_from_another_offset_are_refused_with_the_true_one(blobs):
    place, staging = Place("wup_1", sha256(b"abcdef")), Staging(blobs.store)
    await staging.append(place, 0, stream(b"abc"), size_bytes=6)
    for wrong in (0, 2, 4):
        with pytest.raises(OffsetMismatch) as refused:
            await staging.append(place, wrong, stream(b"xyz"), size_bytes=6)
        assert refused.value.offset == 3
    await staging.append(place, 3, stream(b"def"), size_bytes=6)
    assert await staging.assemble(place, 6)


async def test_of_two_senders_at_one_offset_one_is_refused(blobs):
    place, staging = Place("wup_1", sha256(b"abc")), Staging(blobs.store)
    both_came = asyncio.Barrier(2)

    async def slow(piece: bytes) -> AsyncIterator[bytes]:
        await both_came.wait()
        yield piece

    results = await asyncio.gather(
        *(staging.append(place, 0, slow(piece), size_bytes=9) for piece in (b"abc", b"defghi")), return_exceptions=True
    )
    won = [r for r in results if isinstance(r, int)]
    lost = [r for r in results if isinstance(r, OffsetMismatch)]
    assert len(won) == len(lost) == 1
    assert lost[0].offset == won[0] == await staging.offset(place)


async def test_what_came_before_a_broken_connection_is_kept(blobs):
    place, staging = Place("wup_1", "0" * 64), Staging(blobs.store)

    async def breaking() -> AsyncIterator[bytes]:
        yield b"x" * 1000
        raise ClientDisconnect

    assert await staging.append(place, 0, breaking(), size_bytes=5000) == 1000
    assert await staging.offset(place) == 1000


async def test_more_staged_bytes_than_announced_are_refused(blobs):
    place, staging = Place("wup_1", "0" * 64), Staging(blobs.store)
    with pytest.raises(TooLarge):
        await staging.append(place, 0, stream(b"abcd"), size_bytes=3)
    assert await staging.offset(place) == 0


@pytest.mark.parametrize("announced", [b"other", b"longer than that"])
async def test_staged_bytes_of_another_sha256_or_size_are_dropped(blobs, announced):
    place, staging = Place("wup_1", sha256(announced)), Staging(blobs.store)
    await staging.append(place, 0, stream(b"these"), size_bytes=100)
    assert not await staging.assemble(place, len(announced))
    assert keys(blobs) == []


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB; only root may make one."""
    place = tmp_path / "tiny"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", place], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("cannot mount a small file system here")
    yield place
    subprocess.run(["umount", place], check=True)


async def test_a_full_disk_is_told_as_such_and_leaves_nothing(tiny_disk):
    blobs = BlobStore(tiny_disk)
    with pytest.raises(StorageFull):
        await blobs.put(stream(*[b"x" * MIB] * 10), limit_bytes=100 * MIB)
    place, staging = Place("wup_1", "0" * 64), Staging(blobs.store)
    with pytest.raises(StorageFull):
        await staging.append(place, 0, stream(b"x" * 6 * MIB), size_bytes=6 * MIB)
    assert keys(blobs) == []
    assert (await blobs.put(stream(b"small"), limit_bytes=100)).size_bytes == 5
    blobs.close()


async def test_pieces_are_gathered_without_loss():
    got = [piece async for piece in gathered(stream(b"a" * 3, b"b" * 5, b"", b"c" * 2), 4)]
    assert got == [b"aaabbbbb", b"cc"]


def test_parts_of_the_largest_object_stay_within_what_a_bucket_takes():
    assert part_bytes(1) == 8 * MIB
    assert 200 * 1024**3 / part_bytes(200 * 1024**3) <= 10_000
