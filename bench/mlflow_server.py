"""MLflow's server under test, in the peer's own environment."""

import contextlib
import os
import subprocess
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from bench.installation import free_port
from bench.peers import python_of

START_LIMIT_S = 120
END_LIMIT_S = 20


@dataclass(frozen=True)
class MlflowServer:
    """A running server; `url` answers."""

    pid: int
    url: str
    started_in_s: float
    """From the start of the process to the first answer of /health."""


@contextlib.contextmanager
def mlflow_server(
    folder: Path, *, workers: int | None = None, env: Mapping[str, str] | None = None
) -> Generator[MlflowServer]:
    """`mlflow server` on SQLite as it comes (four workers, a job runner) unless told otherwise, for the block."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = [
        str(python_of("mlflow")), "-m", "mlflow", "server", "--host=127.0.0.1", f"--port={port}",
        f"--backend-store-uri=sqlite:///{folder}/mlflow.db",
        f"--artifacts-destination={folder / 'artifacts'}",
    ]  # fmt: skip
    if workers is not None:
        command.append(f"--workers={workers}")
    began = time.perf_counter()
    with (folder / "mlflow.log").open("a") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=folder, env=os.environ | dict(env or {}), start_new_session=True
        )
    try:
        _wait(process, f"http://127.0.0.1:{port}/health", folder / "mlflow.log")
        yield MlflowServer(process.pid, f"http://127.0.0.1:{port}", time.perf_counter() - began)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        end_session(process.pid)


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    with httpx.Client(timeout=5) as client:  # one for all tries: making it costs more than asking
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                if client.get(url).status_code == 200:
                    return
            time.sleep(0.02)
    raise RuntimeError(f"MLflow's server did not start:\n{log.read_text()[-2000:]}")


def end_session(session: int) -> None:
    """Ends what the server leaves behind: the seven consumers of its job runner go on for five seconds without it, with
    two cores, in whatever is measured next."""
    deadline = time.monotonic() + END_LIMIT_S
    while members := [p for p in psutil.process_iter() if _session_of(p.pid) == session]:
        for member in members:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        if time.monotonic() > deadline:
            raise RuntimeError(f"MLflow's processes do not end: {[p.pid for p in members]}")
        time.sleep(0.02)


def _session_of(pid: int) -> int | None:
    """None for a process that has ended, though nobody may have asked after it yet."""
    try:
        return os.getsid(pid) if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE else None
    except (ProcessLookupError, psutil.NoSuchProcess):
        return None
