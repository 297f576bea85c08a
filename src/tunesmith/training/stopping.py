"""SIGTERM asks the run to stop. While there is nothing to save it stops at once; during training it stops after the
micro-batch, when the state can be written."""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType


class Stopped(BaseException):
    """The run was asked to stop. Not an Exception, so that no handler of a library takes it for a fault."""


class StopSwitch:
    """Remembers that a stop was asked for, and raises Stopped where that is safe."""

    def __init__(self) -> None:
        self.asked = False
        self._deferred = False

    def install(self) -> None:
        """Listen to SIGTERM (and Ctrl-C) from here on. Only in the main thread."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)

    def ask(self) -> None:
        """Ask for the stop as a signal would."""
        self.asked = True
        if not self._deferred:
            raise Stopped

    @contextmanager
    def deferred(self) -> Generator[None]:
        """Within, a signal only sets `asked`: the code looks at it where it can save. Raises Stopped on leaving."""
        self._deferred = True
        try:
            yield
        finally:
            self._deferred = False
        if self.asked:
            raise Stopped

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.ask()
