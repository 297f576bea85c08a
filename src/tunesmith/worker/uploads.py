"""Checkpoints and the result on their way to the server: what it lacks, from where it stands, then the commit."""

import asyncio
import hashlib
import shutil
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from tunesmith.client import AsyncTunesmith, TunesmithError, problem_of
from tunesmith.schemas.errors import Invalid, OffsetMismatch, Unprocessable
from tunesmith.schemas.models import ArtifactFile
from tunesmith.schemas.training import CheckpointAnswer, RunCheckpoint
from tunesmith.schemas.worker import UploadKind, UploadRequest, UploadTarget
from tunesmith.worker.artifacts import LINK_REFUSALS, link
from tunesmith.worker.calls import REFUSALS, Caller
from tunesmith.worker.runs import RunFolder

log = structlog.get_logger()
ROUNDS = 8
"""Times in a row that new links are asked for although no byte got through."""
ASK_AGAIN = ("checksum_mismatch", "incomplete_upload", "upload_closed")
"""Refusals that the next answer to `uploads` puts right: it says what is lacking now, or that all is committed."""
SENT_ANEW = 3
"""Times that bytes which arrived damaged are sent anew."""


@dataclass(frozen=True)
class Waiting:
    """A checkpoint in the outbox."""

    checkpoint: RunCheckpoint
    folder: Path


class Uploader:
    """One attempt's uploads: `run` sends checkpoints in the background, `send` one folder now."""

    def __init__(
        self,
        client: AsyncTunesmith,
        caller: Caller,
        run: RunFolder,
        *,
        chunk_bytes: int,
        warn: Callable[[str], None],
    ) -> None:
        self._client, self._caller, self._run = client, caller, run
        self._chunk_bytes = chunk_bytes
        self._warn = warn
        self._bytes_through = 0
        self._waiting: deque[Waiting] = deque()
        self._current: Waiting | None = None
        self._changed = asyncio.Condition()
        self._offered = asyncio.Event()

    def offer(self, checkpoint: RunCheckpoint) -> None:
        """Takes a checkpoint for upload. A newer resume checkpoint takes the place of one that still waits."""
        source = self._run.out / checkpoint.path
        folder = self._run.outbox / f"{checkpoint.kind}-{checkpoint.step}"
        try:
            _link_folder(source, folder)
        except OSError as error:
            self._warn(f"The {checkpoint.kind} checkpoint of step {checkpoint.step} was not uploaded: {error}")
            return
        if checkpoint.kind == "resume":
            self.drop_resume()
        self._waiting.append(Waiting(checkpoint, folder))
        self._offered.set()

    def drop_resume(self) -> None:
        """Forgets a resume checkpoint that waits: nobody will need it."""
        for old in [w for w in self._waiting if w.checkpoint.kind == "resume"]:
            self._waiting.remove(old)
            shutil.rmtree(old.folder, ignore_errors=True)

    async def run(self) -> None:
        """Uploads what is offered, one after another, until cancelled."""
        while True:
            self._offered.clear()
            while self._waiting:
                self._current = self._waiting.popleft()
                await self._upload(self._current)
                self._current = None
            async with self._changed:
                self._changed.notify_all()
            await self._offered.wait()

    async def drain(self) -> None:
        """Returns when nothing waits any more."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._waiting and self._current is None)

    async def send(
        self,
        kind: UploadKind,
        step: int,
        folder: Path,
        metrics: dict[str, float],
        answers: Sequence[CheckpointAnswer] = (),
    ) -> str:
        """Uploads and commits a folder; the upload's id.

        Goes on where an earlier try stopped. Raises what the server refused for good: a wrong format, a quota.
        """
        manifest = await asyncio.to_thread(manifest_of, folder)
        lease = self._caller.lease.wire
        request = UploadRequest(
            epoch=lease.epoch, kind=kind, step=step, manifest=manifest, metrics=metrics, answers=list(answers[:4])
        )
        paths = {file.sha256: folder / file.path for file in manifest}
        rounds, through, returned = 0, self._bytes_through, 0
        while True:
            reply = await self._caller.persist(lambda: self._client.worker.uploads(lease, request))
            if reply.committed:
                return reply.upload_id
            try:
                for target in reply.targets:
                    await self._send_file(target, paths[target.sha256])
                upload_id = reply.upload_id
                await self._caller.persist(lambda upload_id=upload_id: self._client.worker.commit(lease, upload_id))
                return reply.upload_id
            except Unprocessable as error:
                returned += 1
                if error.error_code not in ASK_AGAIN or returned > SENT_ANEW:
                    raise
                log.warning("upload.returned", job_id=lease.job_id, kind=kind, step=step, reason=error.message)
            except (*LINK_REFUSALS, OffsetMismatch, _Unmoved) as error:
                rounds = rounds + 1 if self._bytes_through == through else 1
                through = self._bytes_through
                if rounds > ROUNDS:
                    raise Unprocessable(f"The server took no bytes of {kind} {step}: {error}") from error
                log.warning("upload.resumed", job_id=lease.job_id, kind=kind, step=step, reason=str(error))
                await self._caller.pause(rounds)

    async def _upload(self, waiting: Waiting) -> None:
        """One checkpoint; a refusal is told and costs the checkpoint, not the run."""
        checkpoint = waiting.checkpoint
        try:
            kind, step = checkpoint.kind, checkpoint.step
            await self.send(kind, step, waiting.folder, checkpoint.metrics, checkpoint.answers)
            log.info("checkpoint.uploaded", job_id=self._caller.lease.wire.job_id, step=checkpoint.step)
        except (*REFUSALS, OSError) as error:
            reason = error.message if isinstance(error, TunesmithError) else str(error)
            self._warn(f"The {checkpoint.kind} checkpoint of step {checkpoint.step} was not stored: {reason}")
        finally:
            await asyncio.to_thread(shutil.rmtree, waiting.folder, ignore_errors=True)

    async def _send_file(self, target: UploadTarget, path: Path) -> None:
        """Sends one file from the server's offset on; an empty file is one empty request."""
        offset, mismatches, told = target.offset, 0, False
        while offset < target.size_bytes or not (target.size_bytes or told):
            chunk = await asyncio.to_thread(_read_at, path, offset, self._chunk_bytes)
            try:
                offset = await self._caller.persist(
                    lambda offset=offset, chunk=chunk: self._client.worker.upload_chunk(target.url, offset, chunk),
                    refusals=LINK_REFUSALS,
                )
                told, mismatches = True, 0
                self._bytes_through += len(chunk)
            except OffsetMismatch as error:
                # An answer was lost, or the server was restored: its own offset is the true one.
                mismatches += 1
                if problem_of(error) is None or mismatches > ROUNDS:
                    raise
                offset = error.offset
            if offset > target.size_bytes:
                raise _Unmoved(f"{path.name}: the server has more bytes than the file")


class _Unmoved(Exception):
    """The server stands where it cannot; new places are asked for."""


def manifest_of(folder: Path) -> list[ArtifactFile]:
    """Each file of a folder with size and sha256, by path. Hidden files are left out; links are refused.

    Raises Invalid for an empty folder or a name that the protocol does not take.
    """
    files: list[ArtifactFile] = []
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if any(part.startswith(".") for part in relative.parts):
            continue
        if path.is_symlink():
            raise Invalid(f"{relative} is a link; only plain files are uploaded.")
        if path.is_file():
            files.append(_describe(path, relative.as_posix()))
    if not files:
        raise Invalid(f"The folder {folder.name} holds no file to upload.")
    return files


def _describe(path: Path, name: str) -> ArtifactFile:
    with path.open("rb") as f:
        digest = hashlib.file_digest(f, "sha256").hexdigest()
    try:
        return ArtifactFile(path=name, size_bytes=path.stat().st_size, sha256=digest)
    except ValueError as error:
        raise Invalid(f"'{name}' cannot be the name of an artifact: letters, digits and . _ - only.") from error


def _read_at(path: Path, offset: int, size: int) -> bytes:
    with path.open("rb") as f:
        f.seek(offset)
        return f.read(size)


def _link_folder(source: Path, target: Path) -> None:
    """A folder of links: the training program prunes its own checkpoints while ours still travel."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for path in source.rglob("*"):
        if path.is_file() and not path.is_symlink():
            link(path, target / path.relative_to(source))
    if not source.is_dir():
        raise FileNotFoundError(f"{source.name} is not there")
