"""What our training child costs beyond the same trl and peft script run bare.

Both train the same records in the same batches for the same steps, log each step, and save a servable model at the
epoch's end and at the end of the run. Nothing is held out, so neither evaluates. CPU seconds are of the whole process,
imports included, with one thread each: more would spin while they wait and blur the figure.
"""

import json
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench.child_cases import Case, chat, protein
from bench.measure import Sample, interleave, ratios, run_to_end, wall
from bench.peers import SIDES
from bench.tables import show

ENV = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
SAME_LOSS = 0.02
"""Relative difference of the first step's loss up to which both saw the same batch: bfloat16 sums in another order."""


@dataclass(frozen=True)
class Run:
    """One side's run: what it cost, seconds from its start to its first step, losses by step."""

    sample: Sample
    first_step_s: float
    losses: list[float]


def run(*, quick: bool) -> None:
    """A GPT-2 shape with LoRA and a Llama shape in full; about eight minutes, one with `quick`."""
    with tempfile.TemporaryDirectory(prefix="ts-bench-") as folder:
        for make in (protein, chat):
            home = Path(folder) / make.__name__
            home.mkdir()
            _compare(make(home, quick=quick), home, rounds=1 if quick else 5)


def _compare(case: Case, home: Path, rounds: int) -> None:
    ours, bare = interleave(lambda: _ours(case, home), lambda: _bare(case, home), rounds)
    check_same(case.title, ours[0], bare[0])
    rows = [
        [*_row("tunesmith.training", ours), ratios([r.sample.cpu() for r in ours], [r.sample.cpu() for r in bare])],
        [*_row("the same by trl alone", bare), "1.00"],
    ]
    later = wall(list(zip(ours, bare, strict=True)), lambda pair: [r.sample for r in pair], _later)
    show(
        f"training child: {case.title}, {len(bare[0].losses)} steps",
        ("", "CPU s", "wall s", "first step s", "last loss", "ratio of CPU"),
        rows,
        samples=[r.sample for r in (*ours, *bare)],
        packages=("torch", "transformers", "trl", "peft"),
        notes=[
            f"{rounds} rounds, interleaved, one thread each. Goal: a ratio of at most 1.03.",
            f"First step later than the bare script's by {later} (goal: 1 s).",
        ],
    )


def _later(pairs: list[tuple[Run, Run]]) -> str:
    return f"{statistics.median(ours.first_step_s - bare.first_step_s for ours, bare in pairs):.2f} s"


def _row(name: str, runs: list[Run]) -> list[str]:
    return [
        name,
        f"{statistics.median(r.sample.cpu() for r in runs):.2f}",
        wall(runs, lambda r: [r.sample], lambda kept: f"{statistics.median(r.sample.wall_s for r in kept):.2f}"),
        wall(runs, lambda r: [r.sample], lambda kept: f"{statistics.median(r.first_step_s for r in kept):.2f}"),
        f"{statistics.median(r.losses[-1] for r in runs):.3f}",
    ]


def _ours(case: Case, home: Path) -> Run:
    with tempfile.TemporaryDirectory(dir=home) as out:
        spec = Path(out) / "spec.json"
        spec.write_text(json.dumps(case.spec))
        began = time.time()
        sample = run_to_end([sys.executable, "-m", "tunesmith.training", str(spec), out], env=ENV)
        lines = [json.loads(line) for line in (Path(out) / "progress.jsonl").read_text().splitlines()]
    points = [line["point"] for line in lines if line["type"] == "metrics"]
    return Run(sample, points[0]["at"] - began, [p["values"]["train_loss"] for p in points])


def _bare(case: Case, home: Path) -> Run:
    with tempfile.TemporaryDirectory(dir=home) as out:
        task = Path(out) / "task.json"
        task.write_text(json.dumps(case.task | {"out": out}))
        began = time.time()
        sample = run_to_end([sys.executable, str(SIDES / "trl_bare.py"), str(task)], env=ENV)
        told = json.loads((Path(out) / "told.json").read_text())
    return Run(sample, told["first_step_at"] - began, told["losses"])


def check_same(title: str, ours: Run, bare: Run) -> None:
    """Raises RuntimeError when the two did not do the same work."""
    a, b = ours.losses[0], bare.losses[0]
    if len(ours.losses) != len(bare.losses) or abs(a - b) > SAME_LOSS * b:
        raise RuntimeError(
            f"{title}: the two did not do the same work: {len(ours.losses)} and {len(bare.losses)} steps, "
            f"first losses {a:.4f} and {b:.4f}."
        )
