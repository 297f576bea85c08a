"""The lease as the worker holds it, and the orders that end a run.

The lease is trusted from the start of the last report that was answered, on the monotonic clock. When that is too
long ago the worker fences itself: nothing leaves the machine until a report is answered again, while training goes on.
"""

import asyncio
from enum import IntEnum

from tunesmith.client import problem_of
from tunesmith.client.resources.worker import Lease
from tunesmith.schemas.errors import AlreadyTerminal, Forbidden, Gone, LeaseLost, TunesmithError
from tunesmith.worker.clock import Clock


class Stop(IntEnum):
    """Why a run is to end; a higher one overrides a lower one."""

    PAUSE = 1
    DRAIN = 2
    SHUTDOWN = 3
    CANCELLED = 4
    LOST = 5


class Stopped(Exception):
    """Raised out of a step that an order ended."""

    def __init__(self, stop: Stop) -> None:
        super().__init__(stop.name)
        self.stop = stop


class Orders:
    """The strongest order so far."""

    def __init__(self) -> None:
        self.current: Stop | None = None
        self.grace_s: float | None = None
        self._changed = asyncio.Event()

    def give(self, stop: Stop, *, grace_s: float | None = None) -> None:
        """Takes the order unless a stronger one stands."""
        if self.current is None or stop > self.current:
            self.current, self.grace_s = stop, grace_s
            self._changed.set()

    async def wait(self, least: Stop) -> Stop:
        """The order, once one of at least this strength was given."""
        while self.current is None or self.current < least:
            self._changed.clear()
            await self._changed.wait()
        return self.current


class HeldLease:
    """One claim: its token, and how long it may still be trusted."""

    def __init__(self, wire: Lease, ttl_s: float, report_s: float, clock: Clock) -> None:
        self.wire = wire
        self.ttl_s = ttl_s
        self.report_s = report_s
        self._clock = clock
        self._held_since = clock.monotonic()
        self._renewed = asyncio.Event()

    def renew(self, asked_at: float, ttl_s: float, report_s: float) -> None:
        """A report that left at `asked_at` (monotonic) was answered."""
        self._held_since = max(self._held_since, asked_at)
        self.ttl_s, self.report_s = ttl_s, report_s
        self._renewed.set()

    @property
    def silent_s(self) -> float:
        """Seconds since the lease was surely ours."""
        return self._clock.monotonic() - self._held_since

    @property
    def fenced(self) -> bool:
        """True when the server may have given the job to somebody else by now."""
        return self.silent_s >= self.ttl_s - min(5.0, self.ttl_s / 4)

    async def until_held(self) -> None:
        """Returns when outside effects are allowed."""
        while self.fenced:
            self._renewed.clear()
            await self._renewed.wait()

    def is_stop_order(self, error: TunesmithError) -> bool:
        """True when the server itself ended this claim.

        Only our own body that names this job and epoch counts: a proxy's 403, 409 or 410 must not end a training run.
        """
        if not isinstance(error, (Forbidden, LeaseLost, AlreadyTerminal, Gone)):
            return False
        problem = problem_of(error)
        return (
            problem is not None
            and problem.status in (403, 409, 410)
            and problem.job_id == self.wire.job_id
            and problem.epoch == self.wire.epoch
        )
