"""The clockwork: one loop in each server process that keeps jobs moving when nobody calls.

It notes that the server is alive, reads the files of new jobs, sweeps leases and deadlines, has engines repeat what
training saw of new models, and cleans up. What must
happen once among several servers happens under a lock of PostgreSQL's, for the length of one sweep.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog

from tunesmith.schemas.errors import TunesmithError
from tunesmith.server import tasks
from tunesmith.server.accounts import idempotency, links, web_sessions
from tunesmith.server.datasets import service as datasets
from tunesmith.server.db import Database
from tunesmith.server.inference.parity import ParityCheck
from tunesmith.server.jobs import leftovers, reaper, validation
from tunesmith.server.settings import Settings
from tunesmith.server.storage.blobs import BlobStore
from tunesmith.server.storage.garbage import collect_garbage

log = structlog.get_logger()

VALIDATORS = 4
"""Jobs whose files one server reads at once."""
CLEAN_EVERY_S = 900.0


class Clockwork:
    """The loops of one process. `hand` gives it a new job whose files are to be read."""

    def __init__(self, db: Database, blobs: BlobStore, settings: Settings, parity: ParityCheck) -> None:
        self._db = db
        self._parity = parity
        self._blobs = blobs
        self._settings = settings
        self._kicked = asyncio.Event()
        self._handed: deque[str] = deque()
        self._validating: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """The loops run for the length of the block; first the time that no server was alive is forgiven."""
        downtime_s = await reaper.forgive_downtime(self._db, self._settings)
        log.info("clockwork.started", downtime_s=round(downtime_s, 1))
        loops = [
            asyncio.create_task(self._every(reaper.BEAT_S, self._beat)),
            asyncio.create_task(self._every(self._settings.sweep_interval_s, self.sweep)),
            asyncio.create_task(self._every(CLEAN_EVERY_S, self.clean)),
            asyncio.create_task(self._every(self._settings.sweep_interval_s, self.compare)),
            asyncio.create_task(self._every(self._settings.sweep_interval_s, self._validate_pending, self._kicked)),
        ]
        try:
            yield
        finally:
            await tasks.end(*loops, *self._validating)

    def hand(self, job_id: str) -> None:
        """A new job, committed with this process's turn to read its files: it does so at once."""
        self._handed.append(job_id)
        self._kicked.set()

    async def _every(
        self, seconds: float, work: Callable[[], Awaitable[object]], kicked: asyncio.Event | None = None
    ) -> None:
        """Does the work again and again; a failure is told and does not end the loop."""
        kicked = kicked or asyncio.Event()
        while True:
            kicked.clear()
            try:
                await work()
            except TunesmithError as e:
                log.warning("clockwork.stumbled", work=work.__name__, reason=e.message)
            except Exception as e:
                log.error("clockwork.failed", work=work.__name__, exc_info=e)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await kicked.wait()

    async def _beat(self) -> None:
        await reaper.beat(self._db)

    async def sweep(self) -> reaper.Swept:
        """One sweep of leases and deadlines."""
        return await reaper.sweep(self._db, self._settings)

    async def compare(self) -> int:
        """Has engines repeat what training saw of new models, one model after the other; how many were compared."""
        count = 0
        while await self._parity.next() is not None:
            count += 1
        return count

    async def _validate_pending(self) -> None:
        """Starts reading the files of every job that waits for it, VALIDATORS at a time."""
        while len(self._validating) < VALIDATORS:
            job_id = self._handed.popleft() if self._handed else await validation.take(self._db)
            if job_id is None:
                return
            task = asyncio.create_task(self._validate(job_id))
            self._validating.add(task)
            task.add_done_callback(self._validated)

    async def _validate(self, job_id: str) -> None:
        try:
            await validation.validate(self._db, self._blobs, job_id)
        except TunesmithError as e:
            log.warning("job.validation_stumbled", job_id=job_id, reason=e.message)
        except Exception as e:
            log.error("job.validation_failed", job_id=job_id, exc_info=e)

    def _validated(self, task: asyncio.Task[None]) -> None:
        self._validating.discard(task)
        self._kicked.set()

    async def clean(self) -> None:
        """Lets go of what ended jobs held, and removes expired files, old answers and unused bytes."""
        await leftovers.let_go(self._db, self._blobs)
        await datasets.delete_expired(self._db, self._blobs)
        async with self._db.session() as session:
            await idempotency.forget_expired(session)
            await links.forget_expired(session)
            await web_sessions.forget_expired(session)
        await collect_garbage(self._db, self._blobs)
