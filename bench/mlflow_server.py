"""MLflow's server under test, in the peer's own environment."""

import contextlib
import os
import subprocess
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.installation import free_port
from bench.peers import python_of

START_LIMIT_S = 120


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
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=os.environ | dict(env or {}))
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


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(url, timeout=5).status_code == 200:
                return
        time.sleep(0.02)
    raise RuntimeError(f"MLflow's server did not start:\n{log.read_text()[-2000:]}")
