"""Figures that benches compute themselves."""

import pytest
from bench.child import Run, check_same
from bench.latency import percentile
from bench.measure import Sample
from bench.tables import ms


def run_of(*losses: float) -> Run:
    return Run(Sample(1, {"process": 1}, 0), 1.0, list(losses))


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.95, 95), (0.99, 99), (1.0, 100)])
def test_percentiles_are_values_that_were_measured(share: float, value: int):
    assert percentile(list(range(1, 101)), share) == value


def test_the_only_value_is_every_percentile():
    assert percentile([7.0], 0.5) == percentile([7.0], 0.99) == 7.0


def test_milliseconds_are_the_median_of_one_thing():
    assert ms([1.0, 3.0, 2.0], per=100) == "20.00"


def test_children_that_saw_the_same_batches_are_compared():
    check_same("case", run_of(2.90, 2.5), run_of(2.91, 2.4))


@pytest.mark.parametrize("bare", [run_of(2.5, 2.4), run_of(2.9, 2.4, 2.3)])
def test_children_that_did_other_work_are_not_compared(bare: Run):
    with pytest.raises(RuntimeError, match="did not do the same work"):
        check_same("case", run_of(2.9, 2.5), bare)
