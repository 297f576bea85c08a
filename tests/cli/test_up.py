"""`tunesmith up` with its real processes: start, stop, kill, start again."""

import json
import os
import re
import signal
import socket
import time
from collections.abc import Callable

import httpx
import psutil
import pytest

pytestmark = pytest.mark.timeout(120)


def until(what: Callable[[], object], limit_s: float = 30) -> None:
    deadline = time.monotonic() + limit_s
    while not what():
        assert time.monotonic() < deadline, f"not seen within {limit_s} s"
        time.sleep(0.05)


def answers(up) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{up.port}/readyz", timeout=2).status_code == 200
    except httpx.TransportError:
        return False


def test_the_ready_line_stands_alone_and_sigterm_leaves_nothing(start_up, gone):
    up = start_up("--no-browser", workers=1)
    assert up.line() == f"ready http://127.0.0.1:{up.port}"
    assert answers(up)
    assert (up.data_dir / "admin.key").stat().st_mode & 0o777 == 0o600
    # Workers and engine start after the ready line.
    until(lambda: {"server", "worker", "engine"} <= {word for process in up.family() for word in _words(process)})
    family = up.family()
    code, rest = up.stop()
    assert (code, rest) == (0, "")
    assert gone(family)
    assert not (up.data_dir / "up.pid").exists()


def test_the_sign_in_link_goes_to_stderr_and_signs_in_as_the_admin(start_up):
    up = start_up()
    assert up.line() == f"ready http://127.0.0.1:{up.port}"
    until(lambda: "/sign-in#" in up.errors.read_text())
    base, token = re.findall(r"(http://\S+)/sign-in#(tsl_\S+)", up.errors.read_text())[0]
    assert base == f"http://127.0.0.1:{up.port}"
    signed = httpx.post(f"{base}/v1/session", json={"token": token})
    assert (signed.json()["user"], signed.json()["role"]) == ("admin", "admin")
    assert httpx.post(f"{base}/v1/session", json={"token": token}).status_code == 401


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_sigterm_while_it_starts_leaves_nothing_either(start_up, gone):
    up = start_up()
    until(lambda: (up.data_dir / "postgres/postmaster.pid").exists())
    children = psutil.Process(up.process.pid).children(recursive=True)
    code, out = up.stop()
    assert (code, out) == (0, "")
    assert gone(children)


def test_a_killed_child_comes_back(start_up):
    up = start_up()
    up.line()
    key = (up.data_dir / "admin.key").read_text()
    server = up.child("server")
    server.kill()
    until(lambda: answers(up) and up.child("server").pid != server.pid)
    assert (up.data_dir / "admin.key").read_text() == key
    until(lambda: "server was ended by SIGKILL; starting it again" in up.errors.read_text())


def test_killing_up_takes_its_processes_along(start_up, gone):
    up = start_up()
    up.line()
    family = up.family()
    os.kill(up.process.pid, signal.SIGKILL)
    until(lambda: gone(family), 15)


def test_after_kill_9_of_everything_the_next_start_recovers(start_up):
    up = start_up()
    up.line()
    key = (up.data_dir / "admin.key").read_text()
    postgres = up.postgres_pid()
    _freeze_and_kill(up)
    assert psutil.pid_exists(postgres), "PostgreSQL should have outlived the kill, to be attached again"
    again = start_up(data_dir=up.data_dir, port=up.port)
    assert again.line() == f"ready http://127.0.0.1:{up.port}"
    assert (up.data_dir / "admin.key").read_text() == key
    reply = httpx.get(f"http://127.0.0.1:{up.port}/v1/keys", headers={"Authorization": f"Bearer {key.strip()}"})
    assert reply.status_code == 200


def _freeze_and_kill(up) -> None:
    """SIGKILL to all but PostgreSQL; stopped first, so that no child can end in good order when its parent dies."""
    children = psutil.Process(up.process.pid).children(recursive=True)
    for process in children:
        process.suspend()
    os.kill(up.process.pid, signal.SIGKILL)
    for process in children:
        process.kill()
    up.process.wait(10)


def test_what_a_killed_up_left_running_is_ended_first(start_up, gone):
    up = start_up()
    up.line()
    # The engine starts after the ready line; one that is frozen while it starts is in nobody's books yet.
    until(lambda: len(json.loads((up.data_dir / "up.pid").read_text() or "{}").get("children", [])) == 2)
    children = psutil.Process(up.process.pid).children()
    for process in children:
        process.suspend()
    os.kill(up.process.pid, signal.SIGKILL)
    up.process.wait(10)
    again = start_up(data_dir=up.data_dir, port=up.port)
    assert again.line() == f"ready http://127.0.0.1:{up.port}"
    assert gone(children)
    assert "an earlier `up` was killed" in again.errors.read_text()


def test_a_second_up_on_the_folder_is_refused_and_harms_nothing(start_up):
    up = start_up()
    up.line()
    second = start_up(data_dir=up.data_dir)
    assert second.line() == ""
    assert second.process.wait(10) == 1
    message = second.errors.read_text()
    assert f"pid {up.process.pid}" in message
    assert "--data-dir" in message
    assert answers(up)


def test_a_busy_port_is_an_error_that_names_the_option(start_up):
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        up = start_up(port=port)
        assert up.line() == ""
        assert up.process.wait(20) == 1
    (line,) = up.errors.read_text().splitlines()
    assert str(port) in line
    assert "--port" in line


def test_a_server_that_cannot_start_ends_up_with_the_reason(start_up, environment):
    environment["TUNESMITH_DATABASE_URL"] = "postgresql://nobody@127.0.0.1:1/none"
    up = start_up()
    assert up.line() == ""
    assert up.process.wait(60) == 1
    assert "The server ended while it started" in up.errors.read_text()


def test_the_commands_find_the_address_and_key_of_a_folder(start_up, tunesmith):
    up = start_up()
    up.line()
    done = tunesmith("keys", "ls", "--data-dir", str(up.data_dir))
    assert done.returncode == 0, done.stderr
    assert "admin of the data folder" in done.stdout
