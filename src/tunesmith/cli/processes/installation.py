"""A `tunesmith up` for the length of a block, as a process of its own: what the demo runs on."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tunesmith.cli.exit_codes import WorkFailed
from tunesmith.cli.processes.parent import SUPERVISOR
from tunesmith.cli.processes.supervisor import free_port, port_is_free

HOST = "127.0.0.1"
USUAL_PORT = 8000
STOP_S = 15


@dataclass(frozen=True)
class Running:
    """The address of the installation, which answers."""

    url: str
    _process: subprocess.Popen[str]

    def wait(self) -> None:
        """Returns when it ends by itself; a Ctrl-C is passed on as KeyboardInterrupt."""
        self._process.wait()


@contextmanager
def installation(data_dir: Path, port: int | None, *, say: Callable[[str], None]) -> Generator[Running]:
    """Server, one worker and the engine on `data_dir`, stopped at the end of the block.

    Without a port it is 8000, or a free one when that is taken, and `say` hears so. Raises WorkFailed with the reason
    when it does not start; its own messages are in logs/up.log.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    log = data_dir / "logs" / "up.log"
    log.parent.mkdir(exist_ok=True)
    if port is None:
        port = USUAL_PORT if port_is_free(HOST, USUAL_PORT) else free_port(HOST)
        if port != USUAL_PORT:
            say(f"Port {USUAL_PORT} is taken; using {port}.")
    say(f"Starting server, database, worker and engine in {data_dir} ...")
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "tunesmith.cli.main", "up", "--data-dir", str(data_dir), "--host", HOST,
             "--port", str(port), "--no-browser"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True,
            env={**os.environ, SUPERVISOR: str(os.getpid())},
        )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        if not line.startswith("ready "):
            process.wait(STOP_S)
            reasons = log.read_text().strip().splitlines()
            raise WorkFailed((reasons[-1] if reasons else f"It did not start; see {log}").removeprefix("tunesmith: "))
        yield Running(line.removeprefix("ready "), process)
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
