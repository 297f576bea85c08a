"""kill -9 in the middle of a run: nothing acknowledged is lost, and the model is made once."""

import json
import os
import re
import signal
import time

import httpx
import pytest

pytestmark = [pytest.mark.training, pytest.mark.timeout(400)]

SLOW = {"n_epochs": 40, "batch_size": 4, "max_seq_len": 64}
"""Some 360 steps on the toy model: long enough to kill in the middle."""


def submit(stack, chat_file, **options) -> str:
    with httpx.Client(base_url=stack.url, headers={"Authorization": f"Bearer {stack.key()}"}, timeout=30) as http:
        with chat_file.open("rb") as f:
            made = http.post("/v1/files", data={"purpose": "fine-tune"}, files={"file": (chat_file.name, f)})
        body = {"model": "toy-chat", "training_file": made.json()["id"], "hyperparameters": SLOW, "seed": 5} | options
        reply = http.post("/v1/fine_tuning/jobs", json=body)
        assert reply.status_code == 200, reply.text
        return reply.json()["id"]


def job(stack, job_id: str) -> dict:
    return stack.get(f"/v1/fine_tuning/jobs/{job_id}")


def losses(stack, job_id: str) -> dict[int, float]:
    """train_loss by step, oldest page first, as the metrics call lists it."""
    found: dict[int, float] = {}
    after = ""
    while True:
        page = stack.get(f"/v1/fine_tuning/jobs/{job_id}/metrics?limit=100{after}")
        for point in page["data"]:
            if "train_loss" in point["values"]:
                assert point["step"] not in found, f"step {point['step']} stands twice"
                found[point["step"]] = point["values"]["train_loss"]
        if not page["has_more"]:
            return found
        after = f"&after={page['data'][-1]['id']}"


def versions(stack, job_id: str) -> list[dict]:
    return [v for v in stack.get("/v1/registry/models")["data"] if v["lineage"]["job_id"] == job_id]


def test_a_killed_worker_costs_its_lease_and_the_next_goes_on_from_the_checkpoint(start, tmp_path, chat_file):
    stack = start(
        tmp_path / "data",
        TUNESMITH_LEASE_TTL_S="6",
        TUNESMITH_SWEEP_INTERVAL_S="0.5",
        TUNESMITH_CHECKPOINT_INTERVAL_S="2",
    )
    try:
        job_id = submit(stack, chat_file)

        def has_resume_point():
            events = stack.get(f"/v1/fine_tuning/jobs/{job_id}/events?limit=100")["data"]
            told = any(re.search(r"[Cc]heckpoint", e["message"]) for e in events)
            return told and job(stack, job_id)["progress"]["step"] > 30

        stack.until(has_resume_point, 120)
        for process in [*stack.children("tunesmith.training"), *stack.children("cli.main worker")]:
            os.kill(process.pid, signal.SIGKILL)
        done = stack.until(lambda: (j := job(stack, job_id))["finished_at"] and j, 200)
        assert done["status"] == "succeeded", done["error"]
        assert done["attempts"] == 2
        assert len(versions(stack, job_id)) == 1
        curve = losses(stack, job_id)
        assert sorted(curve) == list(range(1, done["progress"]["total_steps"] + 1))
        messages = [e["message"] for e in stack.get(f"/v1/fine_tuning/jobs/{job_id}/events?limit=1000")["data"]]
        assert any("resum" in m.lower() for m in messages), [m for m in messages if "Step" not in m]
        _same_as_undisturbed(stack, chat_file, curve)
    finally:
        stack.stop()


def _same_as_undisturbed(stack, chat_file, curve: dict[int, float]) -> None:
    """The same spec and seed without a kill gives the same curve: resuming restored optimiser, order and RNG."""
    other = submit(stack, chat_file)
    done = stack.until(lambda: (j := job(stack, other))["finished_at"] and j, 200)
    assert done["status"] == "succeeded"
    undisturbed = losses(stack, other)
    assert undisturbed.keys() == curve.keys()
    for step, loss in undisturbed.items():
        assert curve[step] == pytest.approx(loss, rel=1e-3, abs=1e-4), f"step {step}"


def test_a_killed_server_loses_no_lease_and_nothing_acknowledged(start, tmp_path, chat_file):
    stack = start(tmp_path / "data", TUNESMITH_LEASE_TTL_S="20", TUNESMITH_SWEEP_INTERVAL_S="0.5")
    try:
        job_id = submit(stack, chat_file)
        stack.until(lambda: job(stack, job_id)["progress"]["step"] > 10, 120)
        seen = losses(stack, job_id)
        (trainer,) = stack.children("tunesmith.training")
        for _ in range(3):
            for server in stack.children("cli.main server"):
                os.kill(server.pid, signal.SIGKILL)
            _answers_again(stack)
        done = stack.until(lambda: (j := job(stack, job_id))["finished_at"] and j, 200)
        assert done["status"] == "succeeded", done["error"]
        assert done["attempts"] == 1, "the restart cost the lease"
        assert not trainer.is_running()
        curve = losses(stack, job_id)
        assert {s: curve[s] for s in seen} == seen
        assert sorted(curve) == list(range(1, done["progress"]["total_steps"] + 1))
        assert len(versions(stack, job_id)) == 1
    finally:
        stack.stop()


def _answers_again(stack) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{stack.url}/readyz", timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError("the server did not come back")


def test_pause_keeps_the_work_and_resume_goes_on(start, tmp_path, chat_file):
    stack = start(tmp_path / "data")
    auth = {"Authorization": f"Bearer {stack.key()}"}
    try:
        job_id = submit(stack, chat_file)
        stack.until(lambda: job(stack, job_id)["progress"]["step"] > 10, 120)
        httpx.post(f"{stack.url}/v1/fine_tuning/jobs/{job_id}/pause", headers=auth)
        stack.until(lambda: job(stack, job_id)["status"] == "paused", 60)
        stack.until(lambda: not stack.children("tunesmith.training"), 30)
        at = max(losses(stack, job_id))
        assert httpx.post(f"{stack.url}/v1/fine_tuning/jobs/{job_id}/resume", headers=auth).status_code == 200
        done = stack.until(lambda: (j := job(stack, job_id))["finished_at"] and j, 200)
        assert done["status"] == "succeeded", done["error"]
        curve = losses(stack, job_id)
        assert sorted(curve) == list(range(1, done["progress"]["total_steps"] + 1))
        assert at < max(curve)
    finally:
        stack.stop()


def test_cancel_reaches_the_running_child(start, tmp_path, chat_file):
    stack = start(tmp_path / "data")
    try:
        job_id = submit(stack, chat_file)
        stack.until(lambda: job(stack, job_id)["progress"]["step"] > 5, 120)
        reply = httpx.post(
            f"{stack.url}/v1/fine_tuning/jobs/{job_id}/cancel", headers={"Authorization": f"Bearer {stack.key()}"}
        )
        assert reply.json()["status"] == "cancelled"
        stack.until(lambda: not stack.children("tunesmith.training"), 20)
        assert not versions(stack, job_id)
    finally:
        stack.stop()


def test_after_kill_9_of_everything_the_next_start_finishes_the_job(start, tmp_path, chat_file):
    data = tmp_path / "data"
    brisk = {"TUNESMITH_LEASE_TTL_S": "6", "TUNESMITH_SWEEP_INTERVAL_S": "0.5", "TUNESMITH_CHECKPOINT_INTERVAL_S": "2"}
    stack = start(data, **brisk)
    job_id = submit(stack, chat_file)
    stack.until(lambda: job(stack, job_id)["progress"]["step"] > 20, 120)
    family = stack.children("")
    os.kill(stack.process.pid, signal.SIGKILL)
    for process in family:
        if process.is_running() and "postgres" not in process.name():
            os.kill(process.pid, signal.SIGKILL)
    stack.process.wait(10)
    again = start(data, **brisk)
    try:
        assert again.key() == stack.key()
        done = again.until(lambda: (j := job(again, job_id))["finished_at"] and j, 200)
        assert done["status"] == "succeeded", json.dumps(done["error"])
        assert len(versions(again, job_id)) == 1
    finally:
        again.stop()
