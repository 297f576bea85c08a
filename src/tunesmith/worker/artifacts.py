"""Inputs of a run: fetched once into a cache by sha256, checked, and linked into the run's folder."""

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from tunesmith.client import AsyncTunesmith, TunesmithError
from tunesmith.client import Download as Fetch
from tunesmith.schemas.errors import ChecksumMismatch, Forbidden, Gone, NotFound, Unauthenticated
from tunesmith.schemas.models import ArtifactFile
from tunesmith.schemas.training import InputFile, TrainingFailure, TrainingSpec
from tunesmith.schemas.worker import ClaimReply, Download
from tunesmith.worker.calls import Caller
from tunesmith.worker.runs import RunFolder

log = structlog.get_logger()
LINK_REFUSALS = (Unauthenticated, Forbidden, NotFound, Gone)
"""What a signed link that has run out may answer; only new links help."""
ROUNDS = 5


class RunFailed(Exception):
    """The run cannot go on, for a reason the server should hear."""

    def __init__(self, failure: TrainingFailure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Inputs:
    """Brings what a claim names onto this machine."""

    def __init__(self, client: AsyncTunesmith, caller: Caller, cache: Path, cache_bytes: int, run: RunFolder) -> None:
        self._client, self._caller, self._run = client, caller, run
        self._cache, self._cache_bytes = cache, cache_bytes

    async def bring(self, reply: ClaimReply, renew: Callable[[], Awaitable[ClaimReply]]) -> TrainingSpec:
        """The spec with local paths. `renew` answers the same claim with fresh links.

        Raises RunFailed when an input stays refused or is never what was announced.
        """
        for round_ in range(1, ROUNDS + 1):
            try:
                await self._fetch_all(reply)
                break
            except (*LINK_REFUSALS, ChecksumMismatch) as error:
                log.warning("input.refused", job_id=reply.job_id, round=round_, reason=error.message)
                if round_ == ROUNDS:
                    raise RunFailed(_unavailable(error)) from error
            await self._caller.pause(round_)
            reply = await renew()
        return await asyncio.to_thread(self._place, reply)

    async def _fetch_all(self, reply: ClaimReply) -> None:
        for wanted in (*reply.inputs, *(reply.parent or ()), *(reply.resume.files if reply.resume else ())):
            target = self._cached(wanted)
            if target.exists() and target.stat().st_size == wanted.size_bytes:
                os.utime(target)  # used: the last to be cleaned away
                continue
            fetch = Fetch(wanted.url, target, wanted.size_bytes, wanted.sha256)
            await self._caller.persist(
                lambda fetch=fetch: self._client.sender.download(fetch), refusals=(*LINK_REFUSALS, ChecksumMismatch)
            )

    def _place(self, reply: ClaimReply) -> TrainingSpec:
        spec = reply.spec
        changes: dict[str, object] = {"training_file": self._input(reply, spec.training_file)}
        if spec.validation_file is not None:
            changes["validation_file"] = self._input(reply, spec.validation_file)
        changes["parent_path"] = self._folder("parent", reply.parent)
        changes["resume_path"] = self._folder("resume", reply.resume.files if reply.resume else None)
        self._prune()
        return spec.model_copy(update=changes)

    def _input(self, reply: ClaimReply, file: InputFile) -> InputFile:
        found = next((d for d in reply.inputs if d.name == file.path), None)
        if found is None:
            raise _bad_claim(f"it names the file {file.path} but brings no link to it")
        target = self._run.inputs / found.sha256
        link(self._cached(found), target)
        return file.model_copy(update={"path": str(target)})

    def _folder(self, name: str, files: list[Download] | None) -> str | None:
        if files is None:
            return None
        folder = self._run.inputs / name
        folder.mkdir()
        for file in files:
            try:
                safe = ArtifactFile(path=file.name, size_bytes=file.size_bytes, sha256=file.sha256).path
            except ValueError as error:
                raise _bad_claim(f"'{file.name}' of its {name} files is no plain relative path") from error
            link(self._cached(file), folder / safe)
        return str(folder)

    def _cached(self, wanted: Download) -> Path:
        return self._cache / wanted.sha256[:2] / wanted.sha256

    def _prune(self) -> None:
        """Removes what was not used for longest until the cache fits; linked files live on in their run."""
        files = sorted((p for p in self._cache.glob("*/*") if p.is_file()), key=lambda p: p.stat().st_mtime)
        total = sum(p.stat().st_size for p in files)
        for path in files:
            if total <= self._cache_bytes:
                return
            total -= path.stat().st_size
            path.unlink()


def link(source: Path, target: Path) -> None:
    """The same bytes under another name; a copy where the file system has no hard links."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except FileExistsError:
        return  # the same file was named twice
    except OSError:
        shutil.copyfile(source, target)


def _bad_claim(what: str) -> RunFailed:
    message = f"The claim cannot be run: {what}."
    return RunFailed(TrainingFailure(failure_class="internal", code="internal", message=message))


def _unavailable(error: TunesmithError) -> TrainingFailure:
    return TrainingFailure(
        failure_class="infra",
        code="input_unavailable",
        message=f"An input could not be fetched after {ROUNDS} tries with fresh links: {error.message}",
    )
