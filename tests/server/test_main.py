"""The server as a process: it starts, says where, ends when told, and comes back after kill -9."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

PROGRAM = """
import sys
from pathlib import Path
from tunesmith.server import main
from tunesmith.server.settings import Settings
try:
    main.run(Settings(data_dir=Path(sys.argv[1]), port=int(sys.argv[2])), ready=lambda url: print(url, flush=True))
except main.CannotStart as e:
    sys.exit(f"cannot start: {e}")
"""
STOP_S = 5.0


@dataclass
class Running:
    process: subprocess.Popen[str]
    url: str
    data_dir: Path

    @property
    def key(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {(self.data_dir / 'admin.key').read_text().strip()}"}

    def names_of_keys(self) -> list[str]:
        return [k["name"] for k in httpx.get(f"{self.url}/v1/keys", headers=self.key).json()["data"]]

    def stop(self) -> float:
        """Seconds until it had ended after SIGTERM."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=20) == 0
        return time.monotonic() - began


def launch(data_dir: Path, port: int = 0) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(data_dir), str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={k: v for k, v in os.environ.items() if not k.startswith("TUNESMITH_")},
    )


@contextlib.contextmanager
def serving(data_dir: Path) -> Iterator[Running]:
    process = launch(data_dir)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:"), process.communicate(timeout=20)[1]
        yield Running(process, url, data_dir)
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "data"
    yield folder
    postgres = postgres_of(folder)
    if postgres is not None:
        postgres.send_signal(signal.SIGQUIT)
        psutil.wait_procs([postgres], timeout=10)


def postgres_of(data_dir: Path) -> psutil.Process | None:
    """The PostgreSQL that runs on the folder, by its own command line, not by a file that may be stale."""
    for process in psutil.process_iter(["name", "cmdline"]):
        if str(data_dir / "postgres") in (process.info["cmdline"] or []) and process.info["name"] == "postgres":
            return process
    return None


def test_it_says_where_it_answers_and_sigterm_ends_it_with_its_database(data_dir):
    with serving(data_dir) as server:
        assert httpx.get(f"{server.url}/readyz").json() == {"status": "ready"}
        assert server.stop() < STOP_S
        assert postgres_of(data_dir) is None


def test_a_request_that_never_ends_does_not_hold_up_the_stop(data_dir):
    with serving(data_dir) as server:
        host, port = server.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as half:
            half.sendall(b"POST /v1/keys HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\n{")
            httpx.get(f"{server.url}/health")
            assert server.stop() < STOP_S
        assert postgres_of(data_dir) is None


def test_a_busy_port_names_the_option_before_anything_is_made(data_dir):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = launch(data_dir, taken.getsockname()[1])
        _, told = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "--port" in told
    assert not data_dir.exists()


def test_a_second_server_on_the_folder_is_refused_and_harms_nothing(data_dir):
    with serving(data_dir) as server:
        second = launch(data_dir)
        _, told = second.communicate(timeout=30)
        assert second.returncode == 1
        assert "--data-dir" in told
        assert server.names_of_keys()


def test_after_kill_9_of_the_server_the_next_start_takes_over_its_database(data_dir):
    with serving(data_dir) as server:
        httpx.post(f"{server.url}/v1/keys", json={"name": "kept"}, headers=server.key).raise_for_status()
    postgres = postgres_of(data_dir)
    assert postgres is not None
    with serving(data_dir) as again:
        assert postgres_of(data_dir) == postgres
        assert "kept" in again.names_of_keys()
        assert again.stop() < STOP_S
        assert postgres_of(data_dir) is None


def test_after_kill_9_of_everything_stale_and_half_written_files_are_no_obstacle(data_dir):
    with serving(data_dir) as server:
        httpx.post(f"{server.url}/v1/keys", json={"name": "kept"}, headers=server.key).raise_for_status()
        postgres = postgres_of(data_dir)
        assert postgres is not None
        family = [postgres, *postgres.children(recursive=True)]
        for each in family:
            each.kill()
        psutil.wait_procs(family, timeout=10)
    pid_file = data_dir / "postgres" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]))  # the number belongs to another process by now
    (data_dir / "postgres" / ".handle_pids.json").write_text("[12")
    (data_dir / "admin.part").write_text("half")
    with serving(data_dir) as again:
        assert "kept" in again.names_of_keys()
        assert again.stop() < STOP_S


def test_it_starts_within_three_seconds_of_work_and_stays_small(data_dir):
    with serving(data_dir) as first:
        first.stop()
    with serving(data_dir) as server:
        process = psutil.Process(server.process.pid)
        spent = process.cpu_times()
        # CPU time rather than the wall's, so that a busy machine does not decide.
        assert spent.user + spent.system < 3.0
        assert process.memory_info().rss < 200 * 1024**2
        assert json.loads(httpx.get(f"{server.url}/version").text)["version"]
