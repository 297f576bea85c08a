"""One rule for all calls of an attempt but the report: wait for the lease, try for the job's life, obey stop orders."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from tunesmith.client import problem_of
from tunesmith.client.errors import retry_after_s
from tunesmith.schemas.errors import Invalid, NotFound, OffsetMismatch, TooLarge, TunesmithError, Unprocessable
from tunesmith.worker.clock import Clock
from tunesmith.worker.lease import HeldLease, Orders, Stop, Stopped

T = TypeVar("T")
log = structlog.get_logger()
FIRST_S = 0.5
REFUSALS = (Invalid, Unprocessable, TooLarge, OffsetMismatch, NotFound)
"""Answers that a repeat would not change, when they carry our own body."""


class Caller:
    """Makes the calls of one attempt."""

    def __init__(self, lease: HeldLease, orders: Orders, clock: Clock, *, longest_s: float) -> None:
        self.lease = lease
        self._orders = orders
        self._clock = clock
        self._longest_s = longest_s

    async def persist(self, call: Callable[[], Awaitable[T]], *, refusals: tuple[type[TunesmithError], ...] = ()) -> T:
        """The call's answer, however long the server is away.

        Raises Stopped(LOST) on a stop order, and what the server refused for good: REFUSALS under our own body,
        or any of `refusals`.
        """
        failures = 0
        while True:
            await self.lease.until_held()
            try:
                return await call()
            except TunesmithError as error:
                self.obey(error)
                if isinstance(error, refusals) or (isinstance(error, REFUSALS) and problem_of(error) is not None):
                    raise
                failures += 1
                log.warning("call.repeated", job_id=self.lease.wire.job_id, failures=failures, reason=error.message)
                asked_s = retry_after_s(error)
            await self.pause(failures, asked_s=asked_s)

    async def pause(self, failures: int, *, asked_s: float | None = None) -> None:
        """Waits as long as the server asked, else with full jitter."""
        backoff_s = self._clock.backoff_s(failures - 1, first_s=FIRST_S, longest_s=self._longest_s)
        await self._clock.sleep(min(asked_s or backoff_s, self._longest_s))

    def obey(self, error: TunesmithError) -> None:
        """Raises Stopped(LOST), and tells everybody, when the answer is a stop order."""
        if self.lease.is_stop_order(error):
            self._orders.give(Stop.LOST)
            raise Stopped(Stop.LOST) from error
