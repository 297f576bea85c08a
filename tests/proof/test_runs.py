"""Every run's data and spec, as the training program reads them."""

from pathlib import Path

import pytest
from proof.outcome import bars_of, spec_of
from proof.runs import RUNS, Run

from tunesmith.base_models.catalog import load_catalog
from tunesmith.schemas.shape import Task


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_a_run_is_a_spec_with_records_to_hold_out(run: Run, tmp_path: Path):
    files = run.write(tmp_path, True)
    spec = spec_of(run, files, quick=False)
    assert run.task in load_catalog().get(run.base).tasks
    assert (spec.validation_file is None) is (run.validation_split > 0)
    for file in filter(None, (spec.training_file, spec.validation_file)):
        assert len(Path(file.path).read_text().splitlines()) >= 15


def test_every_task_is_proved():
    assert {run.task for run in RUNS} == set(Task)


def test_names_tell_task_and_adaptation():
    for run in RUNS:
        assert run.name.startswith(run.task)
        assert run.adaptation in run.name.split("-")


def test_a_quick_run_is_held_against_no_figure():
    assert {bar.verdict for run in RUNS for bar in bars_of(run, quick=True)} == {"any"}
