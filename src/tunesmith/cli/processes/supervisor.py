"""The whole of `tunesmith up`: server, workers and engine on one data folder, kept running until told to stop."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from tunesmith.cli.processes import postgres
from tunesmith.cli.processes.child import Child, descendants, kill
from tunesmith.cli.processes.running import Leftover, PidFile

START_LIMIT_S = 120.0
POLL_S = 0.05
WORKERS_STOP_S = 5.0
SERVER_STOP_S = 3.0
LOG_CHECK_S = 60.0
_ERROR_LINE = re.compile(r"tunesmith: |[A-Za-z_.]+(Error|Exception|Start|Exit)\b.*:")
"""Where a command's own message or a traceback says what happened."""


class StartFailed(Exception):
    """It cannot start here; the message says what to do."""


@dataclass(frozen=True)
class UpSettings:
    """What `up` was asked for."""

    data_dir: Path
    host: str
    port: int
    workers: int
    embedded_database: bool
    say: Callable[[str], None]
    """Hears a line for each thing that a person should know."""

    @property
    def url(self) -> str:
        """The address as it is printed."""
        return f"http://{_bracketed(self.host)}:{self.port}"

    @property
    def local_url(self) -> str:
        """The address for the processes of this machine."""
        host = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"http://{_bracketed(host)}:{self.port}"


@contextlib.asynccontextmanager
async def running(settings: UpSettings) -> AsyncGenerator["Supervisor"]:
    """Everything, started and answering, for the length of a block.

    Raises AlreadyRunning when another `up` has the folder, StartFailed when the port is busy or the server dies.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    pid_file = PidFile(settings.data_dir, settings.local_url)
    supervisor = Supervisor(settings, pid_file)
    try:
        end_leftovers(pid_file.leftovers, settings.say)
        check_port(settings.host, settings.port)
        settings.say(f"starting in {settings.data_dir}; logs are in {settings.data_dir / 'logs'}")
        await supervisor.start()
        yield supervisor
    finally:
        await supervisor.stop()
        pid_file.release()


class Supervisor:
    """The children of one `up`."""

    def __init__(self, settings: UpSettings, pid_file: PidFile) -> None:
        self._settings = settings
        self._pid_file = pid_file
        self._logs = settings.data_dir / "logs"
        self._server = self._child("server", ["--host", settings.host, "--port", str(settings.port)])
        self._others = [self._worker(n) for n in range(1, settings.workers + 1)]
        self._others.append(self._child("engine", ["--url", settings.local_url], {"TUNESMITH_ENGINE_PORT": "0"}))
        self._keeping: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Returns once the server answers; workers and engine are started then, and get ready by themselves."""
        self._logs.mkdir(exist_ok=True)
        await self._server.start()
        await self._answering()
        for child in [self._server, *self._others]:
            self._keeping.append(asyncio.create_task(child.keep(), name=child.name))
        self._keeping.append(asyncio.create_task(self._watch_logs(), name="logs"))

    async def stop(self) -> None:
        """Ends every child within 10 s: workers and engine first, since they hand back their work to the server."""
        for child in [self._server, *self._others]:
            child.stopping = True
        for task in self._keeping:
            task.cancel()
        await asyncio.gather(*self._keeping, return_exceptions=True)
        await asyncio.gather(*(child.stop(WORKERS_STOP_S) for child in self._others))
        await self._server.stop(SERVER_STOP_S)
        if self._settings.embedded_database:
            postgres.stop(self._settings.data_dir)
        kill(descendants(os.getpid()))

    async def failed(self) -> None:
        """Waits for an error of the supervision itself, and raises it."""
        done, _ = await asyncio.wait(self._keeping, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()

    def _worker(self, n: int) -> Child:
        share = max(1, available_cores() // self._settings.workers)
        # Its folder is fixed by its number, so that it finds its runs again after a crash.
        folder = self._settings.data_dir / "worker" / str(n)
        environment = {
            "TUNESMITH_WORKER_WORK_DIR": str(folder),
            "TUNESMITH_WORKER_THREADS": str(share),
            "OMP_NUM_THREADS": str(share),
        }
        return self._child("worker", ["--url", self._settings.local_url], environment, name=f"worker-{n}")

    def _child(
        self, command: str, options: list[str], more: dict[str, str] | None = None, name: str | None = None
    ) -> Child:
        data_dir = self._settings.data_dir

        def environment() -> dict[str, str]:
            # A key of the environment may be another server's; this folder's own is what this server knows.
            key = _text(data_dir / "worker.key")
            own = {"FINETUNE_WORKER_KEY": key} if key and command != "server" else {}
            return {"TUNESMITH_DATA_DIR": str(data_dir), **own, **(more or {})}

        name = name or command
        return Child(
            name, [command, "--data-dir", str(data_dir), *options], environment, self._logs / f"{name}.log",
            self._settings.say, on_start=self._note,
        )  # fmt: skip

    def _note(self) -> None:
        found = [child.running for child in [self._server, *self._others]]
        self._pid_file.write([facts for facts in found if facts is not None])

    async def _answering(self) -> None:
        """Returns when the server answers. Raises StartFailed, with the end of its log, when it dies or is silent."""
        import httpx

        deadline = time.monotonic() + START_LIMIT_S
        async with httpx.AsyncClient(base_url=self._settings.local_url, timeout=2, trust_env=False) as http:
            while time.monotonic() < deadline:
                if self._server.running is None:
                    raise StartFailed(f"The server ended while it started. {_last_lines(self._server)}")
                with contextlib.suppress(httpx.HTTPError):
                    if (await http.get("/readyz")).status_code == 200:
                        return
                await asyncio.sleep(POLL_S)
        raise StartFailed(f"The server did not answer within {START_LIMIT_S:.0f} s. {_last_lines(self._server)}")

    async def _watch_logs(self) -> None:
        while True:
            await asyncio.sleep(LOG_CHECK_S)
            for child in [self._server, *self._others]:
                child.shorten_log()


def check_port(host: str, port: int) -> None:
    """Raises StartFailed, naming --port, when nothing can listen there."""
    if not port_is_free(host, port):
        raise StartFailed(f"Port {port} on {host} is taken by another program. Choose another with --port.")


def port_is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError as e:
            raise StartFailed(f"Port {port} needs more rights than you have. Choose one above 1023 with --port.") from e
        except OverflowError as e:
            raise StartFailed(f"{port} is not a port. Choose one from 1 to 65535 with --port.") from e
        except socket.gaierror as e:
            raise StartFailed(f"{host} is not an address of this machine ({e.strerror}). Correct --host.") from e
        except OSError:
            return False
    return True


def free_port(host: str) -> int:
    """A port that is free now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def available_cores() -> int:
    """Cores this process may use; fewer where OMP_NUM_THREADS asks for fewer."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return min(allowed, int(wanted)) if wanted.isdigit() and int(wanted) > 0 else allowed


def end_leftovers(leftovers: list[Leftover], say: Callable[[str], None]) -> None:
    """Ends what an `up` that was killed left running, so that ports and runs are free again."""
    found = [process for leftover in leftovers if (process := leftover.find()) is not None]
    if not found:
        return
    say(f"an earlier `up` was killed: ending {len(found)} of its processes first")
    family = [*found, *(child for process in found for child in descendants(process.pid))]
    for process in found:
        with contextlib.suppress(psutil.Error):
            process.send_signal(signal.SIGTERM)
    _, alive = psutil.wait_procs(family, timeout=WORKERS_STOP_S)
    kill(alive)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except OSError:
        return None


def _last_lines(child: Child) -> str:
    lines = [line for line in child.tail().splitlines() if line.strip()]
    told = [line for line in lines if _ERROR_LINE.match(line)]
    return f"Its log {child.log} ends with: {(told or lines or ['nothing'])[-1]}"
