"""`tunesmith` as a program of its own, and `tunesmith up` on a folder of the test's own."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

PROGRAM = (sys.executable, "-m", "tunesmith.cli.main")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Nothing of the developer's own set-up: no server, key or data folder."""
    return plain_environment(tmp_path / "default-data")


def plain_environment(data_dir: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TUNESMITH_", "FINETUNE_"))}
    return kept | {"TUNESMITH_DATA_DIR": str(data_dir), "OMP_NUM_THREADS": "1"}


Tunesmith = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def tunesmith(environment: dict[str, str]) -> Tunesmith:
    """Runs a command line to its end; nothing runs on the default folder."""
    return program(environment)


def program(environment: dict[str, str]) -> Tunesmith:
    def run(*arguments: str, typed: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*PROGRAM, *arguments], env=environment | more, input=typed, capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip

    return run


@pytest.fixture(scope="module")
def on_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tunesmith]:
    """Runs command lines against a server that runs on the default folder, for all tests of a module."""
    folder = tmp_path_factory.mktemp("server") / "data"
    environment = plain_environment(folder)
    port = free_port()
    process = subprocess.Popen(
        [*PROGRAM, "server", "--port", str(port)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == f"ready http://127.0.0.1:{port}\n"
    yield program(environment | {"TUNESMITH_URL": f"http://127.0.0.1:{port}"})
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


@dataclass
class Up:
    """A `tunesmith up` that was started."""

    process: subprocess.Popen[str]
    data_dir: Path
    port: int
    errors: Path

    def line(self) -> str:
        """The next line of its stdout; empty when it ended."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def family(self) -> list[psutil.Process]:
        """All its processes, and its PostgreSQL."""
        found = psutil.Process(self.process.pid).children(recursive=True)
        return [*found, psutil.Process(self.postgres_pid())]

    def child(self, command: str) -> psutil.Process:
        """The process of one command."""
        for process in psutil.Process(self.process.pid).children():
            if command in process.cmdline():
                return process
        raise AssertionError(f"no {command} runs")

    def postgres_pid(self) -> int:
        return int((self.data_dir / "postgres/postmaster.pid").read_text().splitlines()[0])

    def stop(self) -> tuple[int, str]:
        """SIGTERM; the exit code, and what stdout still held. Raises TimeoutExpired after the promised 10 s."""
        self.process.send_signal(signal.SIGTERM)
        rest, _ = self.process.communicate(timeout=10)
        return self.process.returncode, rest


@pytest.fixture
def start_up(tmp_path: Path, environment: dict[str, str]) -> Iterator[Callable[..., Up]]:
    """Starts `tunesmith up --workers 0` on a free port; whatever a test leaves running is killed."""
    started: list[Up] = []

    def start(*more: str, data_dir: Path | None = None, port: int | None = None, workers: int = 0) -> Up:
        folder = data_dir or tmp_path / "data"
        port = port or free_port()
        errors = tmp_path / f"up-{len(started)}.err"
        with errors.open("w") as f:
            process = subprocess.Popen(
                [*PROGRAM, "up", "--data-dir", str(folder), "--port", str(port), "--workers", str(workers), *more],
                env=environment, stdout=subprocess.PIPE, stderr=f, text=True,
            )  # fmt: skip
        started.append(Up(process, folder, port, errors))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            for process in each.family():
                process.kill()
            each.process.kill()
            each.process.wait(10)


@pytest.fixture
def gone() -> Callable[[list[psutil.Process]], bool]:
    """Whether none of the processes lives; a zombie that nobody has buried yet does not."""

    def check(processes: list[psutil.Process]) -> bool:
        return not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)

    return check


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])
