"""The training child: a program in a process group of its own, its progress file and its output read as they grow."""

import asyncio
import os
import signal
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunesmith.schemas.training import Progress
from tunesmith.worker.kernel import oom_kills
from tunesmith.worker.progress import LineSplitter, ProgressTail, last_of_bar

LAUNCHER = Path(__file__).with_name("launch.py")
SECRETS = ("FINETUNE_WORKER_KEY", "TUNESMITH_WORKER_KEY", "TUNESMITH_API_KEY", "TUNESMITH_DATABASE_URL")
"""Kept from the child: it runs libraries and data that need none of them."""
STDERR_LINES = 40
OUTPUT_END_S = 2.0
"""After the child has ended, output of processes it left behind is read no longer than this."""


@dataclass(frozen=True)
class Exit:
    """How the child ended. `signal` is None when it exited by itself."""

    code: int
    signal: int | None
    oom: bool
    """The kernel killed it for want of memory."""
    stderr: str
    """Its last lines."""


@dataclass(frozen=True)
class Listener:
    """Who hears the child."""

    progress: Callable[[Progress], None]
    line: Callable[[str, str], None]
    """stdout or stderr, and the text."""


class Child:
    """A running training program."""

    def __init__(self, process: asyncio.subprocess.Process, tail: ProgressTail, listener: Listener) -> None:
        self.pid = process.pid
        self._process = process
        self._tail = tail
        self._listener = listener
        self._stderr: deque[str] = deque(maxlen=STDERR_LINES)
        self._kills_before = oom_kills()
        self._ended = asyncio.create_task(self._watch())

    @classmethod
    async def start(
        cls,
        command: tuple[str, ...],
        *,
        spec: Path,
        out: Path,
        environment: dict[str, str],
        listener: Listener,
        poll_s: float,
    ) -> "Child":
        """Starts `command spec out` as the leader of its own process group. Raises OSError when it cannot start."""
        launcher = (sys.executable, "-S", str(LAUNCHER), str(os.getpid()))
        process = await asyncio.create_subprocess_exec(
            *launcher,
            *command,
            str(spec),
            str(out),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            cwd=spec.parent,
            env=environment,
        )
        return cls(process, ProgressTail(out / "progress.jsonl", listener.progress, poll_s), listener)

    @property
    def running(self) -> bool:
        return self._process.returncode is None

    async def wait(self) -> Exit:
        """How it ended, after all it said was heard. May be asked again."""
        return await asyncio.shield(self._ended)

    def terminate(self) -> None:
        """Asks it to write a resume checkpoint and exit with 75. Only the leader is told: it looks after the others."""
        if self.running:
            os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """Ends it and all that it started, at once."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return  # all gone already

    async def stop(self, grace_s: float) -> Exit:
        """`terminate`, and `kill` when that was not enough within `grace_s`."""
        self.terminate()
        try:
            async with asyncio.timeout(grace_s):
                return await self.wait()
        except TimeoutError:
            self.kill()
            return await self.wait()

    async def _watch(self) -> Exit:
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        exiting = asyncio.create_task(self._process.wait())
        tailing = asyncio.create_task(self._tail.run())
        reading = asyncio.gather(self._read("stdout", self._process.stdout), self._read("stderr", self._process.stderr))
        try:
            while not exiting.done():
                alive = {task for task in (exiting, tailing, reading) if not task.done()}
                await asyncio.wait(alive, return_when=asyncio.FIRST_COMPLETED)
                # A reader that failed (a full disk) must not go unheard while the child trains on.
                _raise_failed(tailing, reading)
            kills = oom_kills()
            self.kill()  # what the leader left behind
            await asyncio.wait({reading}, timeout=OUTPUT_END_S)
            _raise_failed(tailing, reading)
            self._tail.read()
        finally:
            self.kill()
            tailing.cancel()
            reading.cancel()
        code = exiting.result()
        killed = -code if code < 0 else None
        oom = killed == signal.SIGKILL and kills > self._kills_before
        return Exit(code, killed, oom, "\n".join(self._stderr))

    async def _read(self, name: str, stream: asyncio.StreamReader) -> None:
        splitter = LineSplitter()
        while chunk := await stream.read(65536):
            self._heard(name, splitter.feed(chunk))
        self._heard(name, splitter.rest())

    def _heard(self, name: str, lines: list[bytes]) -> None:
        for line in lines:
            text = last_of_bar(line)
            if name == "stderr" and text:
                self._stderr.append(text)
            self._listener.line(name, text)


def _raise_failed(*readers: "asyncio.Future[Any]") -> None:
    for reader in readers:
        if reader.done() and not reader.cancelled():
            reader.result()


def child_environment(*, threads: int, models_dir: Path) -> dict[str, str]:
    """This process's environment with the child's share of the cores and without its secrets."""
    environment = {k: v for k, v in os.environ.items() if k not in SECRETS}
    environment |= {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    environment.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")  # the numbers that nvidia-smi uses
    environment |= {"TUNESMITH_MODELS_DIR": str(models_dir), "PYTHONUNBUFFERED": "1"}
    return environment
