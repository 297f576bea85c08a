"""Time. Deadlines come from the database's clock, so that no two servers disagree about a lease.

SQL says `tunesmith_now()` (migrations/functions.sql) instead of `now()`. It is the database's clock plus an offset that
only tests set, through `Clock.advance`, so that a lease can expire without anybody waiting.
"""

import datetime as dt
import time
from dataclasses import dataclass

NOW = "tunesmith_now()"


@dataclass
class Clock:
    """What this process adds to the database's clock: nothing, unless a test advanced it."""

    offset: dt.timedelta = dt.timedelta(0)

    def advance(self, seconds: float) -> None:
        """Moves every later transaction of this process forward."""
        self.offset += dt.timedelta(seconds=seconds)

    def now(self) -> dt.datetime:
        """UTC, by this machine's clock: for display and signed links, never for a lease."""
        return dt.datetime.now(dt.UTC) + self.offset

    def monotonic(self) -> float:
        """Seconds that only grow."""
        return time.monotonic() + self.offset.total_seconds()


def epoch_s(at: dt.datetime) -> int:
    """Whole seconds since 1970, as OpenAI's objects carry times."""
    return int(at.timestamp())
