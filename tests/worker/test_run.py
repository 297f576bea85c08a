"""A job from claim to its end, and what must not end it."""

import json
import os
import signal

import psutil
import pytest
from fastapi import Response

from tunesmith.worker.lease import Stop


async def test_a_job_is_trained_uploaded_and_completed(floor, board):
    async with floor.worker("--steps", "5", "--save-at", "3") as hand:
        await hand.until_status("succeeded")
        await hand.until_idle()
    assert board.files_of("result") == {"adapter.safetensors": b"adapter" * 300, "empty.txt": b""}
    assert board.files_of("published")["state/step.json"] == b'{"step": 3}'
    assert [p["step"] for p in board.streams["metrics"]] == [1, 2, 3, 4, 5]
    # A figure that is no number is left out; the point stays.
    assert board.streams["metrics"][1]["values"] == {"train_loss": 0.5}
    assert len(board.started) == 1
    assert board.completed["last_seq"]["metrics"] == 5
    stderr = [line["text"] for line in board.streams["logs"] if line["stream"] == "stderr"]
    assert stderr == ['training data {"messages": []}']


async def test_the_child_gets_its_threads_and_none_of_the_secrets(floor, board, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FINETUNE_WORKER_KEY", "worker-key")
    async with floor.worker() as hand:
        await hand.until_status("succeeded")
    line = next(i["text"] for i in board.streams["logs"] if i["text"].startswith("environment"))
    assert json.loads(line.removeprefix("environment ")) == {"OMP_NUM_THREADS": "1", "FINETUNE_WORKER_KEY": None}


async def test_heavy_work_waits_for_the_first_answered_report(floor, board, faults):
    away = [True]
    board.faults.append(faults.while_true("/report", lambda: away[0]))
    async with floor.worker() as hand:
        await hand.until(lambda: board.called("/report") > 5)
        assert board.ranges == []  # not even an input was fetched
        away[0] = False
        await hand.until_status("succeeded")


async def test_every_first_answer_lost_still_makes_one_model_and_no_double_items(floor, board, faults):
    board.faults.append(faults.first_lost())
    async with floor.worker("--steps", "20", "--save-at", "7") as hand:
        await hand.until_status("succeeded")
        await hand.until_idle()
    assert board.completions == 1
    assert board.epoch == 1
    assert len({c["claim_id"] for c in board.claims[:2]}) == 1
    assert [p["step"] for p in board.streams["metrics"]] == list(range(1, 21))
    assert board.files_of("result")["adapter.safetensors"] == b"adapter" * 300


@pytest.mark.parametrize("status", [200, 302, 401, 403, 404, 409, 410, 500, 502, 504])
async def test_pages_of_proxies_and_portals_end_nothing(floor, board, faults, status: int):
    for call in ("/claim", "/report", "/uploads", "/commit", "/complete"):
        board.faults.append(faults.answers(call, [faults.html(status) for _ in range(3)]))
    async with floor.worker("--save-at", "2") as hand:
        await hand.until_status("succeeded")
    assert board.epoch == 1


@pytest.mark.parametrize(("status", "code"), [(409, "lease_lost"), (410, "gone"), (403, "wrong_key")])
async def test_our_own_stop_order_ends_the_child_and_all_calls(floor, board, faults, status: int, code: str):
    async with floor.worker("--hold-at", "2") as hand:
        await hand.until(lambda: len(board.streams["metrics"]) == 2)
        board.claim_id, board.status = None, "held"
        board.faults.append(faults.answers("/report", [faults.problem(board, status, code)]))
        await hand.until_idle()
        assert board.called("/uploads") + board.called("/release") + board.called("/fail") == 0


async def test_a_stop_order_for_another_epoch_or_job_is_not_for_us(floor, board, faults):
    async with floor.worker("--hold-at", "2") as hand:
        await hand.until(lambda: len(board.streams["metrics"]) == 2)
        strange = [
            faults.problem(board, 409, "lease_lost", epoch=7),
            faults.problem(board, 409, "lease_lost", job_id="ftjob-2"),
            faults.problem(board, 409, "lease_lost", epoch=None, job_id=None),
        ]
        board.faults.append(faults.answers("/report", strange))
        before = len(board.reports)
        await hand.until(lambda: len(board.reports) > before + 2)
        assert board.status == "running"
    assert board.released == ["shutdown"]


async def test_cancel_ends_the_child_at_once_without_further_calls(floor, board):
    async with floor.worker("--hold-at", "2", "--slow-stop", "--orphan") as hand:
        await hand.until(lambda: len(board.streams["metrics"]) == 2)
        (noted,) = (hand.worker.settings.folder / "runs").glob("*/child.pid")
        child = psutil.Process(json.loads(noted.read_text())["pid"])
        family = [child, *child.children()]
        assert len(family) == 2
        board.status = "cancelled"
        await hand.until_idle()
        await hand.until(lambda: all(not p.is_running() or p.status() == "zombie" for p in family))
        after = board.calls[-6:]
        assert not any(path.endswith(("/release", "/fail", "/complete")) for _, path, _ in after)


async def test_pause_stores_a_checkpoint_and_the_next_run_goes_on_from_it(floor, board):
    async with floor.worker("--steps", "4", "--hold-at", "2") as hand:
        await hand.until(lambda: len(board.streams["metrics"]) == 2)
        board.command = "pause"
        await hand.until_status("paused")
        await hand.until_idle()
        assert board.released == ["paused"]
        assert board.files_of("resume")["state/step.json"] == b'{"step": 2}'
        board.command, board.status = "none", "queued"
        await hand.until_status("succeeded")
    assert board.epoch == 2
    assert [p["step"] for p in board.streams["metrics"]] == [3, 4]


async def test_drain_hands_the_job_back_and_ends_the_worker(floor, board):
    async with floor.worker("--hold-at", "2") as hand:
        await hand.until(lambda: len(board.streams["metrics"]) == 2)
        board.command = "drain"
        await hand.until(hand.task.done)
    assert board.released == ["drain"]
    assert board.upload_of("resume") is not None


async def test_a_child_that_ignores_the_pause_is_killed_after_its_grace(floor, board):
    async with floor.worker("--hold-at", "2", "--slow-stop", "--resume-at", "1", grace_s=0.1) as hand:
        await hand.until(lambda: len(board.streams["metrics"]) == 2)
        board.command = "pause"
        await hand.until_status("paused")
    assert board.upload_of("resume").step == 1


async def test_shutdown_stores_the_checkpoint_and_releases(floor, board):
    async with floor.worker("--hold-at", "2") as hand:
        await hand.until(lambda: len(board.streams["metrics"]) == 2)
        hand.worker.stopping.set()
        await hand.until(hand.task.done)
    assert board.released == ["shutdown"]
    assert board.upload_of("resume").step == 2


async def test_shutdown_does_not_wait_for_a_slow_checkpoint(floor, board):
    async with floor.worker("--hold-at", "2", "--slow-stop", shutdown_s=0.1) as hand:
        await hand.until(lambda: len(board.streams["metrics"]) == 2)
        hand.worker.stopping.set()
        await hand.until(hand.task.done, limit_s=2)
    assert board.released == ["shutdown"]


async def test_shutdown_in_the_middle_of_a_pause_keeps_the_pause(floor, board):
    async with floor.worker("--hold-at", "2", "--slow-stop", shutdown_s=0.05) as hand:
        await hand.until(lambda: len(board.streams["metrics"]) == 2)
        board.command = "pause"
        before = len(board.reports)
        await hand.until(lambda: len(board.reports) > before + 1)
        hand.worker.stopping.set()
        await hand.until(hand.task.done)
    assert board.released == ["paused"]


async def test_shutdown_while_no_job_is_there_is_immediate(floor, board):
    board.status = "held"
    async with floor.worker(claim_wait_s=0) as hand:
        await hand.until(lambda: board.called("/claim") > 1)
        hand.worker.stopping.set()
        await hand.until(hand.task.done, limit_s=1)


def test_a_stronger_order_overrides_a_weaker_one():
    assert Stop.PAUSE < Stop.DRAIN < Stop.SHUTDOWN < Stop.CANCELLED < Stop.LOST


async def test_a_missing_answer_is_flushed_and_completed_again(floor, board):
    board.refuse_complete = 2
    async with floor.worker("--steps", "4") as hand:
        await hand.until_status("succeeded")
    assert board.called("/complete") == 3


async def test_streams_that_the_server_lost_are_sent_again(floor, board):
    async with floor.worker("--steps", "50", "--hold-at", "30") as hand:
        await hand.until(lambda: len(board.streams["metrics"]) == 30)
        board.forget["metrics"] = 4
        await hand.until(lambda: not board.forget)
        await hand.until(lambda: len(board.streams["metrics"]) == 30)
    assert [p["step"] for p in board.streams["metrics"]] == list(range(1, 31))


async def test_a_full_store_is_waited_for(floor, board, faults):
    board.faults.append(faults.answers("/uploads", [Response(status_code=507) for _ in range(4)]))
    async with floor.worker() as hand:
        await hand.until_status("succeeded")


async def test_a_report_the_server_will_not_take_does_not_cost_the_lease(floor, board, faults):
    async with floor.worker("--steps", "40", "--hold-at", "40") as hand:
        await hand.until(lambda: board.reports)
        board.faults.append(faults.answers("/report", [faults.problem(board, 400, "invalid_value") for _ in range(11)]))
        await hand.until(lambda: len(board.streams["metrics"]) == 40)
        assert board.epoch == 1


async def test_an_outage_longer_than_the_limit_gives_the_job_up(floor, board, faults):
    async with floor.worker("--hold-at", "2", orphan_limit_s=0.2) as hand:
        await hand.until(lambda: len(board.streams["metrics"]) == 2)
        board.status = "held"
        board.faults.append(faults.while_true("/report", lambda: True))
        await hand.until_idle()


async def test_a_fenced_worker_uploads_nothing_and_goes_on_when_it_is_answered(floor, board, faults):
    board.ttl_s = 0.2
    away = [False]
    board.faults.append(faults.while_true("/report", lambda: away[0]))
    async with floor.worker("--steps", "4", "--hold-at", "2") as hand:
        await hand.until(lambda: len(board.streams["metrics"]) == 2)
        away[0] = True
        reports = board.called("/report")
        await hand.until(lambda: board.called("/report") > reports + 8)
        (child,) = (hand.worker.settings.folder / "runs").glob("*/child.pid")
        os.kill(json.loads(child.read_text())["pid"], signal.SIGTERM)  # it writes a checkpoint and exits
        await hand.until(lambda: board.called("/report") > reports + 20)
        assert board.called("/uploads") == 0
        away[0] = False
        await hand.until_status("failed")
    assert board.upload_of("resume").step == 2
    assert board.failed["failure_class"] == "preempted"
