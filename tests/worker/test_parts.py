"""Small parts: the lease's fence, streams on disk, lines, identity."""

import asyncio
from pathlib import Path

import pytest

from tunesmith.client.resources.worker import Lease
from tunesmith.schemas.errors import StateConflict, Unauthenticated, Unsupported
from tunesmith.schemas.training import RunMetrics
from tunesmith.worker import kernel
from tunesmith.worker.clock import Clock
from tunesmith.worker.lease import HeldLease, Orders, Stop
from tunesmith.worker.main import _only_one, serve, worker_id
from tunesmith.worker.process import child_environment
from tunesmith.worker.progress import LineSplitter, ProgressTail, last_of_bar, parse
from tunesmith.worker.streams import StreamFile


class HandClock(Clock):
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.at = 100.0

    def monotonic(self) -> float:
        return self.at


@pytest.mark.parametrize(("ttl_s", "fences_at"), [(60, 55), (4, 3)])
def test_the_fence_falls_a_quarter_or_five_seconds_before_the_lease_ends(ttl_s: float, fences_at: float):
    clock = HandClock()
    lease = HeldLease(Lease("j", 1, "t"), ttl_s, 1, clock)
    clock.at += fences_at - 0.01
    assert not lease.fenced
    clock.at += 0.02
    assert lease.fenced


async def test_trust_counts_from_when_the_report_left_not_from_its_answer():
    clock = HandClock()
    lease = HeldLease(Lease("j", 1, "t"), 4, 1, clock)
    clock.at = 110
    lease.renew(asked_at=104, ttl_s=4, report_s=1)
    assert lease.fenced
    waiting = asyncio.create_task(lease.until_held())
    await asyncio.sleep(0)
    lease.renew(asked_at=109, ttl_s=4, report_s=1)
    await waiting
    assert not lease.fenced


async def test_orders_only_grow_stronger():
    orders = Orders()
    orders.give(Stop.CANCELLED)
    orders.give(Stop.PAUSE)
    assert await orders.wait(Stop.DRAIN) is Stop.CANCELLED


def test_a_stream_reads_back_any_slice_within_bounds(tmp_path: Path):
    stream = StreamFile(tmp_path / "s.jsonl", max_bytes=10_000)
    lines = [b"%d" % i for i in range(300)]
    for line in lines:
        stream.append(line)
    for first in (0, 1, 63, 64, 65, 127, 299):
        assert stream.read(first, limit=1000, max_bytes=10_000) == lines[first:]
    assert stream.read(10, limit=2, max_bytes=100) == [b"10", b"11"]
    assert stream.read(100, limit=100, max_bytes=7) == [b"100", b"101"]
    assert stream.read(300, limit=1, max_bytes=100) == []
    stream.close()


def test_a_full_stream_drops_and_counts(tmp_path: Path):
    stream = StreamFile(tmp_path / "s.jsonl", max_bytes=20)
    assert [stream.append(b"12345678") for _ in range(4)] == [True, True, False, False]
    assert (stream.length, stream.dropped) == (2, 2)
    stream.close()


@pytest.mark.parametrize("size", [1, 3, 100])
def test_lines_are_the_same_however_the_bytes_are_cut(size: int):
    text = b"one\r\ntwo 1%\rtwo 50%\rtwo 100%\nend"
    splitter = LineSplitter()
    lines = [line for i in range(0, len(text), size) for line in splitter.feed(text[i : i + size])]
    assert [last_of_bar(line) for line in (*lines, *splitter.rest())] == ["one", "two 100%", "end"]


def test_a_line_without_end_does_not_fill_the_memory():
    splitter = LineSplitter()
    lines = [line for _ in range(100) for line in splitter.feed(b"x" * 10_000)]
    assert sum(map(len, lines)) + sum(map(len, splitter.rest())) == 1_000_000
    assert max(map(len, lines)) < 80_000


def test_half_a_line_of_progress_waits_for_its_end(tmp_path: Path):
    heard: list[object] = []
    tail = ProgressTail(tmp_path / "p.jsonl", heard.append, 1)
    tail.read()
    (tmp_path / "p.jsonl").write_bytes(b'{"type":"phase","phase":"a"}\n{"type":"ph')
    tail.read()
    assert len(heard) == 1
    with (tmp_path / "p.jsonl").open("ab") as f:
        f.write(b'ase","phase":"b"}\nnonsense\n')
    tail.read()
    assert [getattr(p, "phase", None) for p in heard] == ["a", "b"]


def test_figures_that_are_no_numbers_are_left_out():
    point = b'{"step":1,"values":{"a":NaN,"b":null,"c":1.5},"at":1}'
    line = b'{"type":"metrics","point":%s,"total_steps":2,"eta_s":Infinity}' % point
    found = parse(line)
    assert isinstance(found, RunMetrics)
    assert found.point.values == {"c": 1.5}
    assert found.eta_s is None


def test_a_worker_keeps_its_id(tmp_path: Path):
    first = worker_id(tmp_path, "gpu box")
    assert first.startswith("gpu-box-")
    assert worker_id(tmp_path, "other") == first


def test_two_workers_cannot_share_a_folder(tmp_path: Path):
    with _only_one(tmp_path), pytest.raises(StateConflict, match="WORK_DIR"), _only_one(tmp_path):
        pass
    with _only_one(tmp_path):
        pass


def test_the_kernel_s_counters_are_read_or_zero():
    assert kernel.oom_kills() >= 0
    limit = kernel.memory_limit_bytes()
    assert limit is None or limit > 0


async def test_a_wrong_key_ends_the_worker_with_the_reason(floor, board):
    with pytest.raises(Unauthenticated):
        await serve(floor.settings(key="wrong"))
    assert board.called("/claim") == 3


async def test_a_missing_key_names_where_it_was_looked_for(floor, board):
    with pytest.raises(Unauthenticated, match=r"worker\.key"):
        await serve(floor.settings(key=None))


async def test_missing_training_packages_are_told_before_a_job_is_claimed(floor, board, monkeypatch):
    from tunesmith.worker import devices
    from tunesmith.worker.settings import WorkerSettings

    monkeypatch.setattr(devices, "missing_packages", lambda: ["torch"])
    command = WorkerSettings.model_fields["training_command"].default
    with pytest.raises(Unsupported, match=r"tunesmith\[train\]"):
        await serve(floor.settings(training_command=command))


def test_the_child_has_the_hubs_token_and_place_and_none_of_the_workers_secrets(monkeypatch, tmp_path):
    given = {"HF_TOKEN": "hf_x", "HF_ENDPOINT": "https://hub.example", "FINETUNE_WORKER_KEY": "tsw_x"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    environment = child_environment(threads=1, models_dir=tmp_path)
    assert (environment["HF_TOKEN"], environment["HF_ENDPOINT"]) == ("hf_x", "https://hub.example")
    assert "FINETUNE_WORKER_KEY" not in environment
