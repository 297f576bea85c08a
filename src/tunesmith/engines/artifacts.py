"""Files of tuned models on this machine: fetched by signed link, kept by sha256, the least recently used removed."""

import asyncio
import hashlib
import os
import re
import shutil
import uuid
from collections import defaultdict
from pathlib import Path

import httpx
import structlog
import tenacity

from tunesmith.base_models.weights import check_folder
from tunesmith.schemas.errors import ChecksumMismatch, Invalid, StorageFull, Unavailable
from tunesmith.schemas.worker import Download

log = structlog.get_logger()
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")
_CHUNK_BYTES = 1024 * 1024


class Artifacts:
    """A cache under `root`: blobs/ by sha256, models/ with a folder of hard links per set of files."""

    def __init__(self, root: Path, http: httpx.AsyncClient, *, limit_bytes: int) -> None:
        self._blobs = root / "blobs"
        self._models = root / "models"
        self._http = http
        self._limit_bytes = limit_bytes
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._pinned: defaultdict[Path, int] = defaultdict(int)
        self._fetching = 0
        for folder in (self._blobs, self._models):
            folder.mkdir(parents=True, exist_ok=True)

    async def folder(self, files: list[Download]) -> Path:
        """A folder with these files, checked by size, sha256 and for harmless weights; pinned until `release`.

        Raises Unavailable (server away, link ended), ChecksumMismatch, UnsafeWeights.
        """
        target = self._models / digest(files)
        self._fetching += 1
        try:
            async with self._locks[target.name]:
                if not target.is_dir():
                    for file in files:
                        await self._blob(file)
                    await asyncio.to_thread(self._build, target, files)
                os.utime(target)
                self._pinned[target] += 1
        finally:
            self._fetching -= 1
        self._prune()
        return target

    def release(self, folder: Path) -> None:
        """The folder may be removed when room is needed."""
        self._pinned[folder] -= 1

    async def _blob(self, file: Download) -> None:
        blob = self._blobs / file.sha256
        async with self._locks[file.sha256]:
            if blob.is_file():
                return
            part = blob.with_suffix(".part")
            try:
                async for attempt in tenacity.AsyncRetrying(
                    retry=tenacity.retry_if_exception_type((httpx.TransportError, ChecksumMismatch)),
                    stop=tenacity.stop_after_attempt(5),
                    wait=tenacity.wait_random_exponential(multiplier=0.2, max=5),
                    reraise=True,
                ):
                    with attempt:
                        await self._download(file, part)
            except httpx.TransportError as e:
                raise Unavailable(f"{file.name} cannot be fetched from the server: {e}. Send the request again.") from e
            except OSError as e:
                raise StorageFull(f"{file.name} cannot be written to {part.parent}: {e}. Make room there.") from e
            os.replace(part, blob)

    async def _download(self, file: Download, part: Path) -> None:
        """Goes on where an earlier try ended. Wrong bytes are deleted, so that the next try starts afresh."""
        done = _size(part)
        try:
            if done < file.size_bytes or file.size_bytes == 0:
                await self._receive(file, part, done)
            found = await asyncio.to_thread(_sha256, part)
            if found != file.sha256:
                raise ChecksumMismatch(f"{file.name} arrived with sha256 {found}, not {file.sha256}.")
        except ChecksumMismatch:
            _delete(part)
            raise

    async def _receive(self, file: Download, part: Path, done: int) -> None:
        headers = {"Range": f"bytes={done}-"} if done else {}
        async with self._http.stream("GET", file.url, headers=headers) as reply:
            if reply.status_code >= 500:
                raise httpx.TransportError(f"the server answered {reply.status_code}")
            if reply.status_code not in (200, 206):
                raise Unavailable(
                    f"The server answered {reply.status_code} for {file.name}; signed links live 15 minutes. "
                    "Send the request again."
                )
            # A server that does not know Range sends all of it: then the part begins anew.
            with part.open("ab" if reply.status_code == 206 else "wb") as out:
                async for chunk in reply.aiter_bytes(_CHUNK_BYTES):
                    if out.tell() + len(chunk) > file.size_bytes:
                        raise ChecksumMismatch(f"{file.name} is longer than the {file.size_bytes} bytes announced.")
                    out.write(chunk)

    def _build(self, target: Path, files: list[Download]) -> None:
        fresh = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
        try:
            for file in files:
                place = fresh / _safe(file.name)
                place.parent.mkdir(parents=True, exist_ok=True)
                _link(self._blobs / file.sha256, place)
            check_folder(fresh)
            os.replace(fresh, target)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        log.info("model.fetched", folder=target.name, files=len(files), size_bytes=sum(f.size_bytes for f in files))

    def _prune(self) -> None:
        """Removes unpinned folders above the limit. No awaits, so that no fetch can begin in the middle of it."""
        if self._fetching:
            return
        folders = sorted((p for p in self._models.iterdir() if p.is_dir()), key=lambda p: p.stat().st_mtime)
        sizes = {p: sum(f.stat().st_size for f in p.rglob("*") if f.is_file()) for p in folders}
        total = sum(sizes.values())
        for folder in folders:
            if total <= self._limit_bytes:
                break
            if self._pinned[folder] <= 0:
                shutil.rmtree(folder, ignore_errors=True)
                total -= sizes[folder]
                log.info("model.removed", folder=folder.name, size_bytes=sizes[folder])
        for blob in self._blobs.iterdir():
            if blob.stat().st_nlink == 1 and blob.suffix != ".part":
                blob.unlink()


def digest(files: list[Download]) -> str:
    """A name for exactly these files."""
    lines = sorted(f"{file.name} {file.sha256}" for file in files)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32]


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _delete(part: Path) -> None:
    part.unlink(missing_ok=True)


def _safe(name: str) -> str:
    if not _SAFE_NAME.fullmatch(name):
        raise Invalid(f"{name!r} is no plain relative path; the model's file list is refused.")
    return name


def _link(blob: Path, place: Path) -> None:
    try:
        os.link(blob, place)
    except OSError:  # a file system without hard links
        shutil.copyfile(blob, place)


def _sha256(path: Path) -> str:
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()
