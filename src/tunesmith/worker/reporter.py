"""Tells the server how the run goes: keeps the streams on disk, sends what is new, renews the lease, hears commands."""

import asyncio
import math
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import structlog

from tunesmith.client import AsyncTunesmith, problem_of
from tunesmith.client.errors import retry_after_s
from tunesmith.schemas.datasets import Checkup
from tunesmith.schemas.errors import Invalid, TooLarge, TunesmithError, Unprocessable
from tunesmith.schemas.training import LogLine, MetricPoint, RunEvent, RunMetrics, RunStarted
from tunesmith.schemas.worker import (
    MAX_BODY_BYTES,
    MAX_ITEMS,
    EventSlice,
    LogSlice,
    MetricSlice,
    ReportReply,
    ReportRequest,
    Resources,
    StreamPositions,
)
from tunesmith.worker.clock import Clock
from tunesmith.worker.lease import HeldLease, Orders, Stop
from tunesmith.worker.streams import StreamFile

SliceT = TypeVar("SliceT", MetricSlice, LogSlice, EventSlice)
log = structlog.get_logger()
FIRST_RETRY_S = 0.5
BODY_BYTES = MAX_BODY_BYTES * 3 // 4
"""Of items in one report; the rest is for what JSON adds."""
LINE_CHARS = 8192
COMMANDS = {"cancel": Stop.CANCELLED, "pause": Stop.PAUSE, "drain": Stop.DRAIN}


class Reporter:
    """One attempt's voice. `run` sends; the other methods note what is to be sent."""

    def __init__(
        self,
        client: AsyncTunesmith,
        lease: HeldLease,
        orders: Orders,
        folder: Path,
        clock: Clock,
        *,
        orphan_limit_s: float,
        stream_max_bytes: int,
        resources: Callable[[], Resources | None],
    ) -> None:
        self._client, self._lease, self._orders, self._clock = client, lease, orders, clock
        self._resources = resources
        self._orphan_limit_s = orphan_limit_s
        # In the order in which they are sent: what a person waits for first.
        self._streams = {
            name: StreamFile(folder / f"{name}.jsonl", max_bytes=stream_max_bytes)
            for name in ("events", "metrics", "logs")
        }
        self._sent = dict.fromkeys(self._streams, 0)
        self._seq = 0
        self._failures = 0
        self._limit = MAX_ITEMS
        self._phase: str | None = None
        self._latest: RunMetrics | None = None
        self._started: RunStarted | None = None
        self._checkup: Checkup | None = None
        self._wake = asyncio.Event()
        self._heard = asyncio.Event()
        self._any_answer = False

    async def run(self) -> None:
        """Reports until the claim has ended; never raises for anything the network or the server does."""
        while self._orders.current not in (Stop.CANCELLED, Stop.LOST):
            body = self._body()
            asked_at = self._clock.monotonic()
            try:
                timeout_s = max(1.0, min(30.0, self._lease.ttl_s / 3))
                reply = await self._client.worker.report(self._lease.wire, body, timeout_s=timeout_s)
            except TunesmithError as error:
                await self._clock.sleep(self._refused(error, body))
            else:
                await self._nap(self._answered(reply, body, asked_at))

    def started(self, started: RunStarted) -> None:
        """What will be done, in numbers; repeated until a report with it was answered."""
        self._started = started
        self._wake.set()

    def checkup(self, checkup: Checkup) -> None:
        """What was found in the data; repeated until a report with it was answered."""
        self._checkup = checkup
        self._wake.set()

    def phase(self, phase: str) -> None:
        """What the run does now."""
        self._phase = phase[:64]

    def metrics(self, metrics: RunMetrics) -> None:
        """Figures of one step."""
        self._latest = metrics
        self._append("metrics", metrics.point)

    def event(self, event: RunEvent) -> None:
        """Something a person should read."""
        self._append("events", event)

    def log(self, stream: str, text: str) -> None:
        """A line that the child or the worker printed; long ones come in pieces."""
        text = text.replace("\0", "\ufffd")
        for start in range(0, max(1, len(text)), LINE_CHARS):
            line = LogLine.model_construct(at=self._clock.now(), stream=stream, text=text[start : start + LINE_CHARS])
            self._append("logs", line)

    async def answered(self) -> None:
        """Returns when the first report was answered: the job is surely ours."""
        while not self._any_answer:
            self._heard.clear()
            await self._heard.wait()

    async def flush(self) -> None:
        """Returns when the server has all that was noted."""
        self._wake.set()
        while self._started is not None or self._checkup is not None or self._behind():
            self._heard.clear()
            await self._heard.wait()

    def rewind(self, positions: StreamPositions) -> None:
        """Goes to where the server is."""
        for name in self._streams:
            self._sent[name] = int(getattr(positions, name))

    @property
    def positions(self) -> StreamPositions:
        """The next number of each stream."""
        return StreamPositions(**{name: stream.length for name, stream in self._streams.items()})

    def close(self) -> None:
        """Closes the files."""
        for stream in self._streams.values():
            stream.close()

    def _append(self, name: str, item: MetricPoint | LogLine | RunEvent) -> None:
        stream = self._streams[name]
        if not stream.append(item.model_dump_json().encode()) and stream.dropped == 1:
            text = f"The buffer of the job's {name} is full; what follows is not kept."
            log.warning("stream.full", job_id=self._lease.wire.job_id, stream=name)
            if name != "events":
                self.event(RunEvent(at=self._clock.now(), level="warn", message=text))

    def _body(self) -> ReportRequest:
        """Everything that is new, within the bounds of one report."""
        self._seq += 1
        self._wake.clear()
        checkup = self._checkup
        room, room_bytes = self._limit, BODY_BYTES
        if checkup is not None:
            room_bytes = max(0, room_bytes - len(checkup.model_dump_json().encode()))
        taken: dict[str, list[bytes]] = {}
        for name, stream in self._streams.items():
            taken[name] = stream.read(self._sent[name], limit=room, max_bytes=room_bytes)
            room -= len(taken[name])
            room_bytes -= sum(map(len, taken[name]))
        point = self._latest
        eta_s = point.eta_s if point and point.eta_s is not None and math.isfinite(point.eta_s) else None
        return ReportRequest(
            epoch=self._lease.wire.epoch,
            report_seq=self._seq,
            phase=self._phase,
            step=point.point.step if point else None,
            total=point.total_steps if point else (self._started.total_steps if self._started else None),
            eta_s=max(0.0, eta_s) if eta_s is not None else None,
            started=self._started,
            checkup=checkup,
            resources=self._resources(),
            metrics=_slice(MetricSlice, self._sent["metrics"], taken["metrics"]),
            logs=_slice(LogSlice, self._sent["logs"], taken["logs"]),
            events=_slice(EventSlice, self._sent["events"], taken["events"]),
        )

    def _answered(self, reply: ReportReply, body: ReportRequest, asked_at: float) -> float:
        """Takes in an answer; seconds until the next report."""
        self._lease.renew(asked_at, reply.ttl_s, reply.next_s)
        self._failures = 0
        self._limit = min(MAX_ITEMS, max(1, self._limit * 2))
        before = dict(self._sent)
        self.rewind(reply.next_seq)
        if body.started is not None and body.started is self._started:
            self._started = None
        if body.checkup is not None and body.checkup is self._checkup:
            self._checkup = None
        for name in reply.conflicts:
            log.warning("stream.conflict", job_id=self._lease.wire.job_id, stream=name)
        if reply.command in COMMANDS:
            self._orders.give(COMMANDS[reply.command], grace_s=reply.grace_s or None)
        self._any_answer = True
        self._heard.set()
        moved = any(self._sent[name] != before[name] for name in before)
        if self._behind() and moved:
            return 0.0
        return reply.next_s * self._clock.between(0.8, 1.2)

    def _refused(self, error: TunesmithError, body: ReportRequest) -> float:
        """Takes in a failure; seconds until the next try."""
        wire = self._lease.wire
        if self._lease.is_stop_order(error):
            log.warning("lease.lost", job_id=wire.job_id, epoch=wire.epoch, code=error.error_code)
            self._orders.give(Stop.LOST)
            return 0.0
        if self._lease.silent_s > self._orphan_limit_s:
            log.error("server.gone", job_id=wire.job_id, silent_s=round(self._lease.silent_s))
            self._orders.give(Stop.LOST)
            return 0.0
        self._failures += 1
        if isinstance(error, (Invalid, Unprocessable, TooLarge)) and problem_of(error) is not None:
            # An item the server will not take must not cost the lease: fewer, and in the end a bare heartbeat.
            if body.checkup is not None and self._limit == 0:
                self._checkup = None
                text = f"The data check-up was not stored, since the server refused it: {error.message}"
                self.event(RunEvent(at=self._clock.now(), level="warn", message=text[:4096]))
            self._limit //= 2
            log.warning("report.refused", job_id=wire.job_id, reason=error.message, items=self._limit)
            return 0.0 if self._failures < 12 else self._backoff_s()
        log.warning("report.repeated", job_id=wire.job_id, failures=self._failures, reason=error.message)
        return retry_after_s(error) or self._backoff_s()

    def _backoff_s(self) -> float:
        return self._clock.backoff_s(self._failures, first_s=FIRST_RETRY_S, longest_s=self._lease.report_s)

    def _behind(self) -> bool:
        return any(self._sent[name] < stream.length for name, stream in self._streams.items())

    async def _nap(self, seconds: float) -> None:
        """Waits, or less when there is something that should not wait."""
        sleeping = asyncio.ensure_future(self._clock.sleep(seconds))
        waking = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait({sleeping, waking}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            waking.cancel()


def _slice(kind: type[SliceT], first: int, lines: list[bytes]) -> SliceT | None:
    """The stored lines as they go out; None when there are none."""
    if not lines:
        return None
    return kind.model_validate_json(b'{"first_seq":%d,"items":[%s]}' % (first, b",".join(lines)))
