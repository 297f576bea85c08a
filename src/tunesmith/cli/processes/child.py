"""One process of `up`: started, started again with back-off when it dies, stopped with all it started."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tunesmith.cli.processes.parent import SUPERVISOR
from tunesmith.cli.processes.running import Leftover

FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 30.0
STEADY_S = 60.0
"""A child that lived this long starts its back-off anew."""
LOG_BYTES = 20_000_000
TAIL_BYTES = 4_000


@dataclass
class Child:
    """A command that should always run. `environment` is asked at each start, since keys may change."""

    name: str
    arguments: list[str]
    """Of the program."""
    environment: Callable[[], Mapping[str, str]]
    log: Path
    say: Callable[[str], None]
    on_start: Callable[[], None] = lambda: None
    program: tuple[str, ...] = (sys.executable, "-m", "tunesmith.cli.main")
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    stopping: bool = False
    failures: int = 0
    process: asyncio.subprocess.Process | None = None
    _facts: Leftover | None = field(default=None)

    async def start(self) -> None:
        """Starts it once, in a session of its own, so that a Ctrl-C on the terminal reaches `up` alone."""
        self._shorten_log()
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.program, *self.arguments,
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, **self.environment(), SUPERVISOR: str(os.getpid())},
            )  # fmt: skip
        self._facts = _facts(self.process.pid)
        self.on_start()

    async def keep(self) -> None:
        """Waits for its end and starts it again, without end; returns when it was told to stop."""
        while not self.stopping:
            if self.process is None:
                await self.start()
            began = self.clock()
            code = await self.wait()
            if self.stopping:
                return
            self.failures = 0 if self.clock() - began > STEADY_S else self.failures + 1
            wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (self.failures - 1)) if self.failures else FIRST_WAIT_S
            self.say(f"{self.name} {_ended(code)}; starting it again in {wait_s:.1f} s. Its log: {self.log}")
            await self.sleep(wait_s)
            if not self.stopping:
                await self.start()

    async def wait(self) -> int:
        """Its exit status."""
        assert self.process is not None
        return await self.process.wait()

    @property
    def running(self) -> Leftover | None:
        """Its pid and start time; None when it does not run."""
        alive = self.process is not None and self.process.returncode is None
        return self._facts if alive else None

    async def stop(self, within_s: float) -> None:
        """SIGTERM, and SIGKILL to it and all it started for what is left after `within_s`."""
        self.stopping = True
        if self.process is None:
            return
        family = descendants(self.process.pid)
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.process.wait(), within_s)
        kill([*family, *descendants(self.process.pid)])
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()

    def shorten_log(self) -> None:
        """Keeps the log below a size: its older part goes to `.1`. The child appends, so it may go on writing."""
        self._shorten_log()

    def tail(self) -> str:
        """The end of its log."""
        try:
            with self.log.open("rb") as f:
                f.seek(max(0, self.log.stat().st_size - TAIL_BYTES))
                return f.read().decode("utf-8", errors="replace")
        except OSError:
            return ""

    def _shorten_log(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            if self.log.stat().st_size > LOG_BYTES:
                self.log.with_suffix(".log.1").write_bytes(self.log.read_bytes())
                os.truncate(self.log, 0)


def descendants(pid: int) -> list[psutil.Process]:
    """All that a process started, but for PostgreSQL, which is stopped in its own way."""
    try:
        family = psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []
    return [process for process in family if not _is_postgres(process)]


def kill(processes: list[psutil.Process]) -> None:
    """SIGKILL to those that still live."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(processes, timeout=1)


def _is_postgres(process: psutil.Process) -> bool:
    try:
        return process.name().startswith("postgres")
    except psutil.Error:
        return False


def _facts(pid: int) -> Leftover | None:
    try:
        return Leftover(pid, psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def _ended(code: int) -> str:
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
