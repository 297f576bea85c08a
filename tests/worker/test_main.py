"""The worker as a process of its own: signals, kills, and what the next start does about them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

PROGRAM = """
import sys, json
from tunesmith.worker.main import run
from tunesmith.worker.settings import WorkerSettings
sys.exit(run(WorkerSettings(**json.loads(sys.argv[1]))))
"""


def start(floor: Any, *trainer: str) -> "subprocess.Popen[bytes]":
    settings = floor.settings(*trainer)
    fields = settings.model_dump(mode="json", exclude={"key"}) | {"key": "worker-key"}
    return subprocess.Popen([sys.executable, "-c", PROGRAM, json.dumps(fields)], stderr=subprocess.DEVNULL)


def until(true: Callable[[], Any], limit_s: float = 20) -> None:
    end = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def child_of(floor: Any) -> psutil.Process:
    (noted,) = (floor.settings().folder / "runs").glob("*/child.pid")
    return psutil.Process(json.loads(noted.read_text())["pid"])


def gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_sigterm_releases_within_two_seconds_and_leaves_nothing(floor, board):
    worker = start(floor, "--hold-at", "2")
    until(lambda: len(board.streams["metrics"]) == 2)
    child = child_of(floor)
    asked_at = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    until(lambda: board.released)
    assert time.monotonic() - asked_at < 2
    assert worker.wait(5) == 0
    assert board.released == ["shutdown"]
    assert gone(child)
    assert not any((floor.settings().folder / "runs").iterdir())


def test_the_process_stays_small_and_free_of_torch(floor, board):
    worker = start(floor, "--hold-at", "2")
    until(lambda: len(board.streams["metrics"]) == 2)
    process = psutil.Process(worker.pid)
    assert process.memory_info().rss < 120 * 1024 * 1024
    assert not any("torch" in m.path for m in process.memory_maps())
    worker.send_signal(signal.SIGTERM)
    worker.wait(5)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_kill_9_of_the_worker_takes_the_child_along_and_the_next_start_hands_the_job_back(floor, board):
    worker = start(floor, "--hold-at", "2")
    until(lambda: len(board.streams["metrics"]) == 2)
    child = child_of(floor)
    assert Path(f"/proc/{child.pid}/oom_score_adj").read_text().strip() == "800"
    worker.kill()
    worker.wait(5)
    until(lambda: gone(child))
    assert board.released == []
    again = start(floor)
    until(lambda: board.released and not any((floor.settings().folder / "runs").iterdir()))
    again.send_signal(signal.SIGTERM)
    assert again.wait(5) == 0


def test_an_orphan_of_a_killed_worker_is_ended_by_the_next(floor, board):
    board.status = "held"
    orphan = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    run = floor.settings().folder / "runs" / "ftjob-0-e1"
    run.mkdir(parents=True)
    started_at = psutil.Process(orphan.pid).create_time()
    (run / "child.pid").write_text(json.dumps({"pid": orphan.pid, "started_at": started_at}))
    worker = start(floor)
    assert orphan.wait(20) == -signal.SIGKILL
    until(lambda: not run.exists())
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(5) == 0


def test_a_process_that_only_has_the_orphan_s_pid_is_left_alone(floor, board):
    from tunesmith.worker.runs import RunFolder

    run = floor.settings().folder / "runs" / "ftjob-0-e1"
    run.mkdir(parents=True)
    (run / "child.pid").write_text(json.dumps({"pid": os.getpid(), "started_at": 1.0}))
    RunFolder(run).end_orphan()  # this very process would be ended
