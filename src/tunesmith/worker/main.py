"""The worker as a process: identity, signals, what an earlier one left behind, then the loop."""

import asyncio
import fcntl
import os
import re
import signal
import socket
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import structlog

from tunesmith.client import AsyncTunesmith
from tunesmith.schemas.errors import StateConflict, TunesmithError, Unsupported
from tunesmith.schemas.worker import ReleaseRequest
from tunesmith.worker import devices, runs
from tunesmith.worker.attempt import Worker
from tunesmith.worker.loop import work
from tunesmith.worker.settings import WorkerSettings

log = structlog.get_logger()
RECOVERY_TIMEOUT_S = 5.0


def run(settings: WorkerSettings) -> None:
    """Works until SIGTERM or Ctrl-C. Raises a TunesmithError when this worker can never claim."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    asyncio.run(serve(settings))


async def serve(settings: WorkerSettings) -> None:
    """Works until a signal. Raises a TunesmithError when it can never claim: key, version, missing packages."""
    _check_packages(settings)
    settings.folder.mkdir(parents=True, exist_ok=True)
    with _only_one(settings.folder):
        # Every call of a worker has its own rule for retries, so the client's is off.
        async with AsyncTunesmith(settings.server_url, settings.worker_key(), max_retries=0) as client:
            worker = Worker(
                settings,
                client,
                worker_id(settings.folder, settings.name),
                await asyncio.to_thread(devices.capabilities),
                settings.threads or devices.cpu_count(),
            )
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, worker.stopping.set)
            await recover(worker)
            log.info("worker.started", worker_id=worker.worker_id, server=settings.server_url, threads=worker.threads)
            await work(worker)
            log.info("worker.stopped", worker_id=worker.worker_id)


def worker_id(folder: Path, name: str | None) -> str:
    """The id kept in the worker's folder, made at the first start from the name or the host's."""
    path = folder / "worker_id"
    if path.exists():
        kept = path.read_text(encoding="utf-8").strip()
        if re.fullmatch(r"[A-Za-z0-9._-]{1,64}", kept):
            return kept
    host = re.sub(r"[^A-Za-z0-9._-]", "-", name or socket.gethostname())[:48] or "worker"
    made = f"{host}-{uuid4().hex[:8]}"
    path.write_text(made, encoding="utf-8")
    return made


async def recover(worker: Worker) -> None:
    """Ends what a killed worker left running here and hands its jobs back, so that they need not wait for the lease."""
    for run_ in runs.leftovers(worker.settings.folder / "runs"):
        run_.end_orphan()
        lease = run_.lease()
        if lease is not None:
            try:
                request = ReleaseRequest(epoch=lease.epoch, reason="shutdown")
                await worker.client.worker.release(lease, request, timeout_s=RECOVERY_TIMEOUT_S)
                log.info("run.recovered", job_id=lease.job_id, epoch=lease.epoch)
            except TunesmithError as error:
                # Most often the lease is gone already, and the job with another worker.
                log.info("run.not_released", job_id=lease.job_id, epoch=lease.epoch, reason=error.message)
        await asyncio.to_thread(run_.remove)


def _check_packages(settings: WorkerSettings) -> None:
    if settings.training_command != WorkerSettings.model_fields["training_command"].default:
        return
    missing = devices.missing_packages()
    if missing:
        raise Unsupported(
            f"This machine cannot train: {', '.join(missing)} not installed. "
            "Install them with `pip install 'tunesmith[train]'`."
        )


@contextmanager
def _only_one(folder: Path) -> Generator[None, None, None]:
    """Holds the folder. Raises StateConflict when another worker lives in it."""
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StateConflict(
                f"Another worker uses the folder {folder}. Give each its own TUNESMITH_WORKER_WORK_DIR."
            ) from error
        yield
    finally:
        os.close(handle)
