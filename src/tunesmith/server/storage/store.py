"""The object store behind the blobs: a local folder, S3, GCS, Azure or memory, all through obstore.

obstore's own async calls finish on threads of its runtime that touch Python objects; when the interpreter ends
meanwhile the process aborts (PyO3/pyo3-async-runtimes issue 40). So its synchronous calls run here, on threads that
Python knows.
"""

import asyncio
import contextlib
import datetime as dt
import os
import re
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import obstore
import structlog
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from tunesmith.schemas.errors import StorageFull, TunesmithError, Unavailable

log = structlog.get_logger()

Result = TypeVar("Result")
THREADS = 16
STEP_BYTES = 256 * 1024
"""What one hop to a thread carries: large enough to be cheap, small enough that nobody waits for it."""
READ_BYTES = 1024 * 1024
COPY_LIMIT_BYTES = 5 * 1024**3
"""S3 copies no larger object in one call."""
_FULL = re.compile(r"os error (28|122)\b|StorageFull|QuotaExceeded|No space left")
_HALF_WRITTEN = re.compile(r"#\d+$")
"""How a local store names a file that is still being written."""


class Missing(Exception):
    """No object has this key."""


class Exists(Exception):
    """An object has this key already."""


@dataclass(frozen=True)
class Entry:
    """One object: its key, size in bytes, and when it was last written (UTC)."""

    key: str
    size_bytes: int
    modified_at: dt.datetime


class Store:
    """Objects by key. Raises StorageFull when the disk or bucket is, Unavailable when the store does not answer."""

    def __init__(self, url_or_path: str | Path) -> None:
        self._objects = _objects(url_or_path)
        self.root = Path(str(self._objects.prefix)) if isinstance(self._objects, LocalStore) else None
        """The folder of a local store."""
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="blobs")

    async def run(self, work: Callable[..., Result], *args: Any) -> Result:
        """Runs blocking work on one of the store's threads. A cancelled caller still waits for its end: a thread
        cannot be stopped, and whoever cleans up must not race it."""
        future = asyncio.get_running_loop().run_in_executor(self._threads, work, *args)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait([future])
            raise

    def close(self) -> None:
        """Waits for what still runs."""
        self._threads.shutdown(wait=True)

    def writer(self, key: str, *, part_bytes: int) -> "ObjectWriter":
        """An object that appears when it is finished, and not before."""
        return ObjectWriter(self, self._objects, key, part_bytes)

    def create(self, key: str, content: bytes) -> None:
        """Writes a small object, durably. Raises Exists when the key is taken: of two writers one wins."""
        with _translated():
            obstore.put(self._objects, key, content, mode="create", use_multipart=False)
        self.sync(key)

    def head(self, key: str) -> Entry:
        """Raises Missing."""
        with _translated():
            return _entry(obstore.head(self._objects, key))

    async def size(self, key: str) -> int:
        """Bytes of the object. Raises Missing. A local one is looked at here and now, which costs less than a hop."""
        if self.root is None:
            return (await self.run(self.head, key)).size_bytes
        with _translated():
            return os.stat(f"{self.root}/{key}").st_size

    def read(self, key: str, start: int, end: int) -> Iterator[bytes]:
        """Bytes [start, end) in pieces; end must be greater than start. Raises Missing."""
        with _translated():
            found = obstore.get(self._objects, key, options={"range": (start, end)})
            yield from found.stream(min_chunk_size=READ_BYTES)

    async def stream(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        """The same without blocking the loop."""
        async for piece in self.each(self.read(key, start, end)):
            yield piece

    async def each(self, items: Iterator[Result]) -> AsyncIterator[Result]:
        """What a blocking iterator gives, without blocking the loop."""
        while (found := await self.run(lambda: _next(items))) is not None:
            yield found[0]

    def move(self, key: str, to: str) -> None:
        """Renames, over whatever was there."""
        with _translated():
            if self.root is None and self.head(key).size_bytes > COPY_LIMIT_BYTES:
                obstore.put(self._objects, to, obstore.get(self._objects, key).stream(min_chunk_size=READ_BYTES))
                obstore.delete(self._objects, key)
            else:
                obstore.rename(self._objects, key, to)
        self.sync(to)

    def delete(self, key: str) -> None:
        """Deletes the object; one that is not there is no error."""
        with _translated(), contextlib.suppress(FileNotFoundError):
            obstore.delete(self._objects, key)

    def entries(self, prefix: str) -> Iterator[Entry]:
        """Every object under the prefix (a whole folder name), in the order of keys within a page."""
        with _translated():
            for page in obstore.list(self._objects, prefix, chunk_size=1000):
                yield from map(_entry, page)

    def half_written(self) -> Iterator[tuple[Path, dt.datetime]]:
        """Files that a killed process left unfinished in a local store, with the time of their last byte."""
        if self.root is None:
            return
        for path in self.root.rglob("*#*"):
            if _HALF_WRITTEN.search(path.name):
                with contextlib.suppress(FileNotFoundError):
                    yield path, dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC)

    def sync(self, key: str) -> None:
        """Makes a local object survive a power cut: its bytes first, then its name. Buckets do that themselves."""
        if self.root is None:
            return
        path = self.root / key
        for place in (path, path.parent):
            with _translated(), contextlib.closing(_Descriptor(place)) as opened:
                os.fsync(opened.number)


class ObjectWriter:
    """One object being written, blocking; dropped without `finish` nothing of it stays in a local store.

    A bucket keeps the parts of an upload that was dropped until its own rule for incomplete uploads removes them.
    """

    def __init__(self, store: Store, objects: ObjectStore, key: str, part_bytes: int) -> None:
        self._store = store
        self._key = key
        self._file: Any = obstore.open_writer(objects, key, buffer_size=part_bytes, max_concurrency=2)

    def write(self, piece: bytes) -> None:
        with _translated():
            self._file.write(piece)

    def finish(self) -> None:
        """The object is there, whole and durable."""
        with _translated():
            self._file.close()
        self._store.sync(self._key)

    def drop(self) -> None:
        """Forgets what was written; after `finish` it changes nothing."""
        self._file = None


def _next(items: Iterator[Result]) -> tuple[Result] | None:
    for item in items:
        return (item,)
    return None


class _Descriptor:
    """An open file or folder, for fsync."""

    def __init__(self, path: Path) -> None:
        self.number = os.open(path, os.O_RDONLY)

    def close(self) -> None:
        os.close(self.number)


def _objects(url_or_path: str | Path) -> ObjectStore:
    text = str(url_or_path)
    if "://" in text:
        return from_url(text)
    return LocalStore(Path(text).absolute(), mkdir=True, automatic_cleanup=True)


def _entry(meta: Any) -> Entry:
    return Entry(meta["path"], meta["size"], meta["last_modified"])


@contextlib.contextmanager
def _translated() -> Generator[None]:
    """obstore's errors as ours, the cause kept."""
    try:
        yield
    except (TunesmithError, Missing, Exists):
        raise
    except FileNotFoundError as e:
        raise Missing(str(e).partition("\n")[0]) from e
    except (AlreadyExistsError, FileExistsError) as e:
        raise Exists(str(e).partition("\n")[0]) from e
    except (BaseError, OSError) as e:
        if _FULL.search(str(e)):
            raise StorageFull("The store for files is full. Free some space, then try again.") from e
        log.error("blobs.store_failed", reason=str(e).partition("\n")[0], kind=type(e).__name__)
        raise Unavailable("The store for files did not answer as it should. Try again in a moment.") from e
