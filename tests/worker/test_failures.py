"""What a run that ends badly tells the server."""

import json
import os
import signal

import pytest

from tunesmith.worker.ending import failure_of
from tunesmith.worker.process import Exit


async def test_a_killed_child_is_an_infra_failure_with_its_last_words(floor, board):
    async with floor.worker("--hold-at", "2") as hand:
        await hand.until(lambda: len(board.streams["metrics"]) == 2)
        (child,) = (hand.worker.settings.folder / "runs").glob("*/child.pid")
        os.kill(json.loads(child.read_text())["pid"], signal.SIGKILL)
        await hand.until_status("failed")
    assert board.failed["failure_class"] == "infra"
    assert "training data" in board.failed["message"]


async def test_the_child_s_own_reason_is_passed_on(floor, board):
    failure = {"failure_class": "data", "code": "bad_data", "message": "Line 3 is empty."}
    async with floor.worker("--failure", json.dumps(failure), "--exit", "1") as hand:
        await hand.until_status("failed")
    assert board.failed == {"epoch": 1, **failure}


async def test_an_exit_without_a_reason_is_internal_with_the_last_stderr_lines(floor, board):
    async with floor.worker("--exit", "3") as hand:
        await hand.until_status("failed")
    assert board.failed["failure_class"] == "internal"
    assert "exit code 3" in board.failed["message"]
    assert "something broke" in board.failed["message"]
    # Nothing said before the end is lost.
    assert [p["step"] for p in board.streams["metrics"]] == [1, 2, 3]


async def test_a_program_that_cannot_start_is_told(floor, board, tmp_path):
    async with floor.worker(training_command=(str(tmp_path / "nothing"),)) as hand:
        await hand.until_status("failed")
    assert "nothing" in board.failed["message"]


async def test_a_model_the_server_refuses_fails_the_job_with_its_reason(floor, board, faults):
    board.faults.append(
        faults.answers("/commit", [faults.problem(board, 422, "unsafe_weights", detail="pickle found")])
    )
    async with floor.worker() as hand:
        await hand.until_status("failed")
    assert board.failed["code"] == "unsafe_weights"
    assert "pickle found" in board.failed["message"]


async def test_a_checkpoint_the_server_refuses_costs_the_checkpoint_only(floor, board, faults):
    board.faults.append(faults.answers("/commit", [faults.problem(board, 422, "unsafe_weights", detail="no")]))
    async with floor.worker("--save-at", "1") as hand:
        await hand.until_status("succeeded")
    assert any("was not stored" in e["message"] for e in board.streams["events"])


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        (Exit(-9, 9, True, ""), "oom"),
        (Exit(-9, 9, False, ""), "infra"),
        (Exit(75, None, False, ""), "preempted"),
        (Exit(-15, 15, False, ""), "preempted"),
        (Exit(-11, 11, False, ""), "internal"),
        (Exit(1, None, False, ""), "internal"),
    ],
)
def test_each_exit_has_its_class(ended: Exit, expected: str, tmp_path):
    assert failure_of(ended, tmp_path).failure_class == expected
