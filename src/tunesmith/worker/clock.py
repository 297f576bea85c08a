"""Time as the worker sees it; tests pass their own."""

import asyncio
import random
import time


class Clock:
    """Monotonic seconds for decisions, seconds since 1970 for display only."""

    def monotonic(self) -> float:
        return time.monotonic()

    def now(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def between(self, low: float, high: float) -> float:
        """A random duration, so that a fleet does not act in step."""
        return random.uniform(low, high)

    def backoff_s(self, failures: int, *, first_s: float, longest_s: float) -> float:
        """Full jitter: anything up to first_s doubled with each failure."""
        return self.between(0, min(longest_s, first_s * 2 ** min(failures, 30)))
