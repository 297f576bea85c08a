"""A job whose memory runs out once, from the upload to its answers: what people see of it on the way."""

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

pytestmark = [pytest.mark.training, pytest.mark.timeout(300)]

FIRST_TRY_RUNS_OUT = """
import json, sys, types
from tunesmith.training.__main__ import main
if json.load(open(sys.argv[1]))["micro_batch_divisor"] == 1:
    sys.modules["tunesmith.training.run"] = types.SimpleNamespace(run_job=lambda *_: bytearray(1 << 62))
sys.exit(main(sys.argv[1:]))
"""
"""The training program, asking for 4 EiB unless it is the second try."""


def test_memory_that_runs_out_is_tried_again_and_what_was_seen_is_shown(start, tmp_path: Path, chat_file: Path):
    command = json.dumps([sys.executable, "-c", FIRST_TRY_RUNS_OUT])
    stack = start(
        tmp_path / "data", TUNESMITH_WORKER_TRAINING_COMMAND=command, TUNESMITH_WORKER_RESOURCES_EVERY_S="0.2"
    )
    try:
        headers = {"Authorization": f"Bearer {stack.key()}"}
        with httpx.Client(base_url=stack.url, headers=headers, timeout=30) as http:
            files = {"file": (chat_file.name, chat_file.read_bytes())}
            file_id = http.post("/v1/files", files=files, data={"purpose": "fine-tune"}).json()["id"]
            body = {"model": "toy-chat", "training_file": file_id, "hyperparameters": {"n_epochs": 2}}
            job_id = http.post("/v1/fine_tuning/jobs", json=body).json()["id"]
        used: list[dict] = []

        def ended() -> dict | None:
            job = stack.get(f"/v1/fine_tuning/jobs/{job_id}")
            if job["resources"]:
                used.append(job["resources"])
            return job if job["status"] in ("succeeded", "failed") else None

        job = stack.until(ended)
        assert job["status"] == "succeeded", job["error"]
        assert job["attempts"] == 2
        assert max(u["memory_bytes"] for u in used) > 50_000_000

        told = [e["message"] for e in stack.get(f"/v1/fine_tuning/jobs/{job_id}/events?limit=100")["data"]]
        assert any(m.startswith("Memory ran out; trying once more with micro-batches a quarter") for m in told), told
        assert any(m.startswith("Micro-batches of 1 records instead of") for m in told), told

        checkup = stack.get(f"/v1/fine_tuning/jobs/{job_id}/checkup")
        assert checkup["n_train"] + checkup["n_held_out"] == 40
        assert any(piece["trained"] for piece in checkup["first_batch"][0])

        checkpoints = stack.get(f"/v1/fine_tuning/jobs/{job_id}/checkpoints")["data"]
        assert len(checkpoints) == 2
        first, second = ([a["prompt"] for a in c["answers"]] for c in checkpoints)
        assert first == second
        assert len(first) == 4

        assert "to train on" in tunesmith(stack, "jobs", "checkup", job_id)
        shown = tunesmith(stack, "jobs", "checkpoints", job_id)
        assert checkpoints[0]["fine_tuned_model_checkpoint"] in shown
        assert shown.count("  answer   ") == 8
    finally:
        stack.stop()


def tunesmith(stack, *args: str) -> str:
    """What the command line prints."""
    env = os.environ | {"TUNESMITH_URL": stack.url, "TUNESMITH_API_KEY": stack.key()}
    done = subprocess.run(
        [sys.executable, "-m", "tunesmith.cli.main", *args], env=env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
