"""A run's folder: everything of one claim on this machine, and what a worker that died left of one.

runs/JOB-eEPOCH/  lease.json  child.pid  spec.json  inputs/  streams/  outbox/  out/
"""

import os
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

import psutil
import structlog
from pydantic import BaseModel, ValidationError

from tunesmith.client.resources.worker import Lease
from tunesmith.schemas.worker import ClaimReply

log = structlog.get_logger()


class _LeaseFile(BaseModel):
    job_id: str
    epoch: int
    token: str


class _PidFile(BaseModel):
    pid: int
    started_at: float
    """As the kernel tells it: the same pid with another start is another process."""


@dataclass(frozen=True)
class RunFolder:
    """Paths of one run."""

    path: Path

    @classmethod
    def make(cls, runs: Path, reply: ClaimReply) -> "RunFolder":
        """An empty folder for the claim."""
        # The job's id comes from the server: only its safe characters become a name.
        safe_id = "".join(c for c in reply.job_id if c.isalnum() or c in "-_")
        run = cls(runs / f"{safe_id}-e{reply.epoch}")
        shutil.rmtree(run.path, ignore_errors=True)
        for folder in (run.out, run.inputs, run.streams, run.outbox):
            folder.mkdir(parents=True)
        lease = _LeaseFile(job_id=reply.job_id, epoch=reply.epoch, token=reply.lease_token)
        _write_private(run.path / "lease.json", lease.model_dump_json())
        return run

    @property
    def spec(self) -> Path:
        return self.path / "spec.json"

    @property
    def out(self) -> Path:
        return self.path / "out"

    @property
    def inputs(self) -> Path:
        return self.path / "inputs"

    @property
    def streams(self) -> Path:
        return self.path / "streams"

    @property
    def outbox(self) -> Path:
        """Checkpoints waiting to be uploaded, linked so that the training program may prune its own."""
        return self.path / "outbox"

    def note_child(self, pid: int) -> None:
        """Remembers the child, so that a later worker can end it."""
        try:
            started_at = psutil.Process(pid).create_time()
        except psutil.NoSuchProcess:
            return  # it ended at once
        (self.path / "child.pid").write_text(_PidFile(pid=pid, started_at=started_at).model_dump_json())

    def end_orphan(self) -> None:
        """Ends the child that a dead worker left behind, if it still runs."""
        try:
            noted = _PidFile.model_validate_json((self.path / "child.pid").read_bytes())
            if abs(psutil.Process(noted.pid).create_time() - noted.started_at) > 1:
                return
            os.killpg(noted.pid, signal.SIGKILL)
            log.warning("orphan.killed", pid=noted.pid, run=self.path.name)
        except (OSError, ValidationError, psutil.NoSuchProcess):
            return  # no child was noted, or it is gone

    def lease(self) -> Lease | None:
        """The lease that the folder belongs to; None when it was never written."""
        try:
            noted = _LeaseFile.model_validate_json((self.path / "lease.json").read_bytes())
        except (OSError, ValidationError):
            return None
        return Lease(noted.job_id, noted.epoch, noted.token)

    def remove(self) -> None:
        """Takes the folder away."""
        shutil.rmtree(self.path, ignore_errors=True)


def leftovers(runs: Path) -> list[RunFolder]:
    """Folders of runs that a worker which died did not finish."""
    if not runs.is_dir():
        return []
    return [RunFolder(path) for path in sorted(runs.iterdir()) if path.is_dir()]


def _write_private(path: Path, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as f:
        f.write(text)
