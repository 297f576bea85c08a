"""A large training file through POST /v1/files: megabytes a second and the server's peak memory.

The peer writes the same stream to disk in the bench's own process: sha256, write, fsync. Ours crosses HTTP, parses
multipart, hashes, and for `fine-tune` reads each line as it comes.
"""

import hashlib
import json
import os
import statistics
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType

import psutil

from bench.installation import Server, cluster, server
from bench.measure import Meter, Sample, ratios, wall
from bench.tables import show
from tunesmith.schemas.datasets import Purpose

FILE_MB, QUICK_MB = 1000, 50
PIECE_BYTES = 1024 * 1024
MEMORY_EVERY_S = 0.02
MB = 1e6


@dataclass(frozen=True)
class Pass:
    """One way through: what it cost, and how far the server's memory rose (bytes)."""

    sample: Sample
    rose: int = 0


def run(*, quick: bool) -> None:
    """About two minutes, and 2 GB of disk."""
    size_mb, rounds = (QUICK_MB, 1) if quick else (FILE_MB, 3)
    with tempfile.TemporaryDirectory(prefix="ts-bench-") as folder, cluster() as postgres:
        file = Path(folder) / "chats.jsonl"
        _write_chats(file, size_mb)
        with server(Path(folder) / "data", postgres.database("ours")) as running:
            pids = [running.pid, postgres.pid]
            ways: dict[str, Callable[[], Pass]] = {
                "fine-tune": lambda: _upload(running, pids, file, "fine-tune"),
                "user_data": lambda: _upload(running, pids, file, "user_data"),
                "plain": lambda: _plain(file, Path(folder)),
            }
            passes: dict[str, list[Pass]] = {name: [] for name in ways}
            for number in range(rounds):
                for name in ways if number % 2 == 0 else reversed(ways):
                    passes[name].append(ways[name]())
    _tell(passes, size_mb)


def _upload(running: Server, pids: list[int], file: Path, purpose: Purpose) -> Pass:
    with running.client() as client:
        with Meter({"server": pids, "client": [os.getpid()]}) as meter, _Peak(running.pid) as peak:
            made = client.files.create(file, purpose=purpose)
        if made.status != "processed" or made.bytes != file.stat().st_size:
            raise RuntimeError(f"{made.id} is {made.status} with {made.bytes:,} bytes: {made.status_details}")
        client.files.delete(made.id)
    return Pass(meter.sample, peak.rose)


def _plain(file: Path, folder: Path) -> Pass:
    target = folder / "plain"
    digest = hashlib.sha256()
    with Meter({"server": [os.getpid()]}) as meter, target.open("wb") as to:
        for piece in _pieces(file):
            digest.update(piece)
            to.write(piece)
        to.flush()
        os.fsync(to.fileno())
    target.unlink()
    return Pass(meter.sample)


def _tell(passes: dict[str, list[Pass]], size_mb: int) -> None:
    names = {
        "fine-tune": "ours: fine-tune, each line checked",
        "user_data": "ours: user_data, bytes as they are",
        "plain": "sha256, write, fsync",
    }
    plain = [p.sample.cpu("server") for p in passes["plain"]]
    rows: list[list[str]] = []
    for name, title in names.items():
        samples = [p.sample for p in passes[name]]
        clients = [s.cpu_s.get("client", 0.0) for s in samples]
        cpu = [s.cpu("server") for s in samples]
        rose = max(p.rose for p in passes[name])
        rows.append(
            [
                title,
                f"{statistics.median(cpu):.2f}",
                f"{statistics.median(clients):.2f}" if any(clients) else "",
                wall(samples, lambda s: [s], partial(_mb_per_s, size_mb=size_mb)),
                f"{rose / MB:.0f}" if name != "plain" else "",
                ratios(cpu, plain),
            ]
        )
    show(
        f"upload of {size_mb:,} MB",
        ("", "server CPU s", "client CPU s", "MB/s", "server's RSS rose by MB", "ratio of CPU"),
        rows,
        samples=[p.sample for way in passes.values() for p in way],
        packages=("fastapi", "uvicorn", "obstore", "httpx"),
        notes=[f"{len(plain)} rounds. The goal is flat memory: the rise does not grow with the file."],
    )


def _mb_per_s(samples: list[Sample], size_mb: int) -> str:
    return f"{size_mb / statistics.median(s.wall_s for s in samples):.0f}"


class _Peak:
    """How far a process's resident memory rises above what it had at the start of the block."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._before = self._highest = self._process.memory_info().rss

    @property
    def rose(self) -> int:
        return self._highest - self._before

    def __enter__(self) -> "_Peak":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(MEMORY_EVERY_S):
            self._highest = max(self._highest, self._process.memory_info().rss)


def _write_chats(file: Path, size_mb: int) -> None:
    """Chat records of a few hundred bytes, no two alike."""
    filler = "It opens the file, reads its header, and hands the rest on to whoever asked. " * 4
    with file.open("wb") as to:
        number = 0
        while to.tell() < size_mb * 1_000_000:
            lines = (
                {
                    "messages": [
                        {"role": "user", "content": f"What does step {i} do?"},
                        {"role": "assistant", "content": f"Step {i}: {filler}"},
                    ]
                }
                for i in range(number, number + 2000)
            )
            to.write("".join(json.dumps(line) + "\n" for line in lines).encode())
            number += 2000


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as f:
        while piece := f.read(PIECE_BYTES):
            yield piece
