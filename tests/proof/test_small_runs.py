"""A small run of each task, with real weights on real data: each must be better than its base on held-out records."""

from pathlib import Path

import pytest
from proof.child import train
from proof.outcome import spec_of
from proof.runs import RUNS

pytestmark = [pytest.mark.training, pytest.mark.timeout(400)]
BY_NAME = {run.name: run for run in RUNS}


@pytest.mark.parametrize("name", ["chat-lora", "classification-full", "embedding-full", "protein-full"])
def test_a_few_steps_make_it_better_on_held_out_records(name: str, tmp_path: Path):
    run = BY_NAME[name]
    files = run.write(tmp_path, True)
    measured = train(spec_of(run, files, quick=True), tmp_path / "run", threads=1, timeout_s=350)
    first = next(found for found in measured.result.comparisons if found.set == run.bars[0].set)
    assert first.verdict == "better", first.sentence
    assert measured.peak_memory_bytes > 300_000_000
    assert {phase.name for phase in measured.phases} >= {"starting", "training"}
