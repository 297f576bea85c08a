"""What a run uses and what it found in its data, as the server hears it."""

import asyncio
import subprocess
import sys

import pytest

from tunesmith.schemas.worker import Resources
from tunesmith.worker import resources
from tunesmith.worker.resources import GpuUse, Meter, nvidia_smi

INNER = """
import time
held = bytearray(60_000_000)
while time.process_time() < 0.4:
    pass
print(1, flush=True)
input()
"""
BUSY = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]], stdin=sys.stdin)"


class Hands:
    """A clock moved by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def busy():
    """A process whose own child holds 60 MB, burns 0.4 s of a core, says so, and waits for a line."""
    made = subprocess.Popen([sys.executable, "-c", BUSY, INNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    yield made
    made.kill()
    made.communicate()


async def test_cores_and_memory_are_those_of_the_whole_tree(busy):
    clock = Hands()
    meter = Meter(clock, 1, lambda: None)
    assert meter._sample(busy.pid) is not None
    await asyncio.to_thread(busy.stdout.readline)
    clock.now += 2.0
    found = meter._sample(busy.pid)
    assert isinstance(found, Resources)
    assert 15 <= found.cpu_percent <= 60
    assert found.memory_bytes > 70_000_000
    assert (found.gpu_percent, found.gpu_memory_bytes) == (None, None)
    clock.now += 2.0
    idle = meter._sample(busy.pid)
    assert idle is not None
    assert idle.cpu_percent < 5


async def test_the_gpu_is_asked_seldom_and_told_with_each_sample(busy):
    clock = Hands()
    asked: list[float] = []

    def ask() -> GpuUse:
        asked.append(clock.now)
        return GpuUse(37.0, 5 * 1024**3)

    meter = Meter(clock, 1, ask)
    for _ in range(11):
        found = meter._sample(busy.pid)
        clock.now += 2.0
    assert asked == [100.0, 110.0, 120.0]
    assert (found.gpu_percent, found.gpu_memory_bytes) == (37.0, 5 * 1024**3)


def test_a_process_that_is_gone_uses_nothing(busy):
    busy.kill()
    busy.wait()
    assert Meter(Hands(), 1, lambda: None)._sample(busy.pid) is None


@pytest.mark.parametrize(
    ("told", "expected"),
    [("45, 1024\n", GpuUse(45.0, 1024**3)), ("[N/A], [N/A]\n", None), ("", None)],
)
def test_what_nvidia_smi_prints_is_read_for_the_child_s_device(told, expected, tmp_path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\necho $@ > {tmp_path}/asked\nprintf '{told}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,4")
    assert nvidia_smi() == expected
    assert "--id=3" in (tmp_path / "asked").read_text()


def test_without_a_gpu_nothing_is_told_of_one(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert resources.nvidia_smi() is None


async def test_reports_tell_what_the_child_uses_and_stop_when_it_has_ended(floor, board):
    async with floor.worker("--hold-at", "2", resources_every_s=0.01) as hand:
        await hand.until(lambda: board.reports and board.reports[-1]["resources"], "resources")
        assert board.reports[-1]["resources"]["memory_bytes"] > 1_000_000


async def test_the_checkup_is_told_once_and_answers_go_with_published_checkpoints_alone(floor, board):
    async with floor.worker("--checkup", "--save-at", "2", "--resume-at", "1") as hand:
        await hand.until_status("succeeded")
    told = [r["checkup"] for r in board.reports if r["checkup"]]
    assert [c["n_train"] for c in told] == [9]
    answers = {u.kind: u.answers for u in board.uploads.values()}
    assert [a["prompt"] for a in answers["published"]] == ["q0", "q1", "q2", "q3"]
    assert not any(answers[kind] for kind in answers if kind != "published")


async def test_a_checkup_whose_report_was_lost_is_told_again(floor, board, faults):
    board.faults.append(faults.first_lost())
    async with floor.worker("--checkup", "--hold-at", "1") as hand:
        await hand.until(lambda: any(r["checkup"] for r in board.reports))
        await hand.until(lambda: board.reports[-1]["checkup"] is None, "a report without the check-up")


async def test_a_checkup_that_the_server_refuses_costs_the_checkup_only(floor, board):
    board.refuse_checkup = True
    async with floor.worker("--checkup", "--hold-at", "1") as hand:
        await hand.until(lambda: any("check-up was not stored" in e["message"] for e in board.streams["events"]))
        await hand.until(lambda: [p["step"] for p in board.streams["metrics"]] == [1])
        assert board.status == "running"
