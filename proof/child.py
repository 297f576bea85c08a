"""One run of the training program as a child: its result, and what it cost in seconds and memory, phase by phase."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tunesmith.schemas.training import EXIT_DONE, TrainingFailure, TrainingResult, TrainingSpec

LOOK_EVERY_S = 0.25
TAIL_LINES = 15


class RunFailed(Exception):
    """The training program ended without a result; the message says why."""


@dataclass
class Phase:
    """A phase that the program told of: seconds, CPU seconds, and the most memory seen in it (bytes)."""

    name: str
    seconds: float = 0.0
    cpu_s: float = 0.0
    memory_bytes: int = 0


@dataclass(frozen=True)
class Measured:
    """What came of a run. `peak_memory_bytes` is the kernel's own figure for the whole process."""

    result: TrainingResult
    wall_s: float
    cpu_s: float
    peak_memory_bytes: int
    phases: list[Phase] = field(default_factory=list[Phase])


def train(spec: TrainingSpec, folder: Path, *, threads: int | None = None, timeout_s: float = 3600) -> Measured:
    """Run `python -m tunesmith.training` on the spec in a process of its own.

    `threads` bounds torch's; None leaves it all cores. Raises RunFailed with the program's own words.
    """
    out = folder / "out"
    out.mkdir(parents=True)
    path = folder / "spec.json"
    path.write_text(spec.model_dump_json(indent=2))
    environment = os.environ | ({"OMP_NUM_THREADS": str(threads)} if threads else {})
    began = time.monotonic()
    with (folder / "log.txt").open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "tunesmith.training", str(path), str(out)],
            stdout=log, stderr=subprocess.STDOUT, env=environment,
        )  # fmt: skip
        try:
            phases = _watch(child, out / "progress.jsonl", began + timeout_s)
        finally:
            if child.poll() is None:
                child.kill()
            child.wait()
    wall_s = time.monotonic() - began
    if child.returncode != EXIT_DONE:
        raise RunFailed(_why(child.returncode, folder))
    result = TrainingResult.model_validate_json((out / "result.json").read_bytes())
    return Measured(
        result=result,
        wall_s=wall_s,
        cpu_s=result.metrics["cpu_s"],
        peak_memory_bytes=int(result.metrics["peak_memory_bytes"]),
        phases=phases,
    )


def _watch(child: "subprocess.Popen[bytes]", progress: Path, until: float) -> list[Phase]:
    """The phases in order, until the child has ended. Raises RunFailed when it takes too long."""
    process = psutil.Process(child.pid)
    phases: list[Phase] = []
    seen, cpu_s = 0, 0.0
    last = time.monotonic()
    while child.poll() is None:
        time.sleep(LOOK_EVERY_S)
        now = time.monotonic()
        if now > until:
            raise RunFailed("The run took longer than it may and was ended.")
        used_s, resident_bytes = _usage(process)
        if phases:
            phases[-1].seconds += now - last
            phases[-1].cpu_s += max(0.0, used_s - cpu_s)
            phases[-1].memory_bytes = max(phases[-1].memory_bytes, resident_bytes)
        last, cpu_s = now, max(used_s, cpu_s)
        if progress.is_file():
            with progress.open("rb") as f:
                f.seek(seen)
                whole = f.read()
            whole = whole[: whole.rfind(b"\n") + 1]
            seen += len(whole)
            lines = [json.loads(line) for line in whole.splitlines()]
            phases += [Phase(line["phase"]) for line in lines if line["type"] == "phase"]
    return phases


def _usage(process: psutil.Process) -> tuple[float, int]:
    """CPU seconds so far and resident bytes; zeros once the process is gone."""
    try:
        times = process.cpu_times()
        return times.user + times.system, process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0.0, 0


def _why(code: int, folder: Path) -> str:
    failure = folder / "out" / "failure.json"
    if failure.is_file():
        return TrainingFailure.model_validate_json(failure.read_bytes()).message
    lines = (folder / "log.txt").read_text(errors="replace").splitlines()
    return f"The training program ended with code {code}: " + " | ".join(lines[-TAIL_LINES:])
