"""One claim on this machine: its folder, its voice, its uploads, its child, and the orders that may end it."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import uuid4

import structlog

from tunesmith.client import AsyncTunesmith, TunesmithError
from tunesmith.client.resources.worker import Lease, NoWork
from tunesmith.schemas.training import (
    Progress,
    RunCheckpoint,
    RunCheckup,
    RunEvent,
    RunMessage,
    RunMetrics,
    RunPhase,
    RunStarted,
    TrainingSpec,
)
from tunesmith.schemas.worker import Capabilities, ClaimReply, ClaimRequest, ReleaseRequest
from tunesmith.worker.artifacts import Inputs
from tunesmith.worker.calls import Caller
from tunesmith.worker.clock import Clock
from tunesmith.worker.lease import HeldLease, Orders, Stop, Stopped
from tunesmith.worker.process import Child, Listener, child_environment
from tunesmith.worker.reporter import Reporter
from tunesmith.worker.resources import Meter
from tunesmith.worker.runs import RunFolder
from tunesmith.worker.settings import WorkerSettings
from tunesmith.worker.uploads import Uploader

T = TypeVar("T")
log = structlog.get_logger()


@dataclass
class Worker:
    """What lives as long as the process."""

    settings: WorkerSettings
    client: AsyncTunesmith
    worker_id: str
    capabilities: Capabilities
    threads: int
    clock: Clock = field(default_factory=Clock)
    session_id: str = field(default_factory=lambda: uuid4().hex)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when this worker should leave."""

    def claim_request(self) -> ClaimRequest:
        """A request for one job; the same one again answers the same lease."""
        return ClaimRequest(
            worker_id=self.worker_id,
            session_id=self.session_id,
            claim_id=uuid4(),
            capabilities=self.capabilities,
            wait_s=self.settings.claim_wait_s,
        )


@dataclass(frozen=True)
class Claimed:
    """A job that was won, with the request that won it."""

    request: ClaimRequest
    reply: ClaimReply


class Attempt:
    """The parts of one run, joined. The story is told by `loop.run` and `ending`."""

    def __init__(self, worker: Worker, claimed: Claimed) -> None:
        settings, clock, reply = worker.settings, worker.clock, claimed.reply
        self.worker, self.claimed = worker, claimed
        self.client, self.settings = worker.client, settings
        self.orders = Orders()
        self.lease = HeldLease(Lease(reply.job_id, reply.epoch, reply.lease_token), reply.ttl_s, reply.report_s, clock)
        self.caller = Caller(self.lease, self.orders, clock, longest_s=settings.retry_longest_s)
        self.folder = RunFolder.make(settings.folder / "runs", reply)
        self.reporter = Reporter(
            worker.client,
            self.lease,
            self.orders,
            self.folder.streams,
            clock,
            orphan_limit_s=settings.orphan_limit_s,
            stream_max_bytes=settings.stream_max_bytes,
            resources=lambda: self.meter.latest,
        )
        self.meter = Meter(clock.monotonic, settings.resources_every_s)
        self.uploader = Uploader(
            worker.client, self.caller, self.folder, chunk_bytes=settings.chunk_bytes, warn=self.warn
        )
        self.child: Child | None = None
        self._background: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[None, None]:
        """Reports and uploads in the background; at the end nothing of the run is left, whatever happened."""
        self._background = {
            asyncio.create_task(self.reporter.run()),
            asyncio.create_task(self.uploader.run()),
            asyncio.create_task(self._relay_shutdown()),
        }
        try:
            yield
        finally:
            for task in self._background:
                task.cancel()
            if self.child is not None and self.child.running:
                self.child.kill()
            await asyncio.gather(*self._background, return_exceptions=True)
            if self.child is not None:
                await asyncio.gather(self.child.wait(), return_exceptions=True)
            self.reporter.close()
            await asyncio.to_thread(self.folder.remove)

    async def guard(self, step: Coroutine[Any, Any, T], *, least: Stop = Stop.PAUSE, finish_s: float = 0) -> T:
        """The step's result. Raises Stopped when an order of at least `least` comes first.

        After a SHUTDOWN the step still has `finish_s` to end. An error of the background tasks ends the step too.
        """
        working = asyncio.ensure_future(step)
        ordered = asyncio.ensure_future(self.orders.wait(least))
        try:
            await asyncio.wait({working, ordered, *self._background}, return_when=asyncio.FIRST_COMPLETED)
            while not working.done() and not ordered.done():
                self._raise_background()
                alive = {task for task in self._background if not task.done()}
                await asyncio.wait({working, ordered, *alive}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done() and ordered.result() is Stop.SHUTDOWN and finish_s > 0:
                await asyncio.wait({working}, timeout=finish_s)
            if working.done():
                return working.result()
            raise Stopped(ordered.result())
        finally:
            ordered.cancel()
            if not working.done():
                working.cancel()
                await asyncio.gather(working, return_exceptions=True)

    async def bring_inputs(self) -> TrainingSpec:
        """Files, parent model and checkpoint on disk; the spec with their paths."""
        inputs = Inputs(
            self.client, self.caller, self.settings.folder / "cache", self.settings.cache_bytes, self.folder
        )
        self.reporter.phase("fetching_inputs")
        return await inputs.bring(self.claimed.reply, self._renew_links)

    async def start_child(self, spec: TrainingSpec) -> Child:
        """The training program, running."""
        self.folder.spec.write_text(spec.model_dump_json())
        self.child = await Child.start(
            self.settings.training_command,
            spec=self.folder.spec,
            out=self.folder.out,
            environment=child_environment(threads=self.worker.threads, models_dir=self.settings.models_folder),
            listener=Listener(self._on_progress, self.reporter.log),
            poll_s=self.settings.progress_poll_s,
        )
        self.folder.note_child(self.child.pid)
        self._background.add(asyncio.create_task(self.meter.run(self.child.pid)))
        log.info("run.started", job_id=spec.job_id, epoch=self.lease.wire.epoch, pid=self.child.pid)
        return self.child

    def warn(self, text: str) -> None:
        """Tells the job's people something."""
        log.warning("run.warned", job_id=self.lease.wire.job_id, text=text)
        self.reporter.event(RunEvent(at=self.worker.clock.now(), level="warn", message=text[:4096]))

    def _on_progress(self, progress: Progress) -> None:
        match progress:
            case RunStarted():
                self.reporter.started(progress)
            case RunCheckup():
                self.reporter.checkup(progress.checkup)
            case RunPhase():
                self.reporter.phase(progress.phase)
            case RunMetrics():
                self.reporter.metrics(progress)
            case RunCheckpoint():
                self.uploader.offer(progress)
            case RunMessage():
                self.reporter.event(progress.event)

    async def _renew_links(self) -> ClaimReply:
        """The same claim again, with fresh links."""
        reply = await self.caller.persist(lambda: self.client.worker.claim(self.claimed.request))
        if not isinstance(reply, NoWork) and (reply.job_id, reply.epoch) == (
            self.lease.wire.job_id,
            self.lease.wire.epoch,
        ):
            return reply
        if not isinstance(reply, NoWork):
            # The lease was lost and the request won another job: it goes back, the next report tells the rest.
            other = Lease(reply.job_id, reply.epoch, reply.lease_token)
            try:
                await self.client.worker.release(other, ReleaseRequest(epoch=other.epoch, reason="shutdown"))
            except TunesmithError as error:
                log.warning("release.failed", job_id=other.job_id, reason=error.message)
        return self.claimed.reply

    async def _relay_shutdown(self) -> None:
        await self.worker.stopping.wait()
        self.orders.give(Stop.SHUTDOWN)

    def _raise_background(self) -> None:
        for task in self._background:
            if task.done() and not task.cancelled():
                error = task.exception()
                # A Stopped has given its order already; the guard hears that.
                if error is not None and not isinstance(error, Stopped):
                    raise error
