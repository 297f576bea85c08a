"""When a run passes: the verdict, the gain, and the run that must not claim too much."""

import pytest
from proof.judge import gain_of, judge
from proof.runs import Bar


@pytest.mark.parametrize(
    ("after", "verdict", "fault"),
    [
        (2.4, "better", ""),
        (2.6, "better", "the gain is 1.000, and 1.135 was measured before"),
        (2.4, "undecided", "the verdict is undecided"),
        (4.0, "worse", "the verdict is worse"),
    ],
)
def test_a_gain_must_be_sure_and_as_large_as_was_measured(comparison, after, verdict, fault):
    (judged,) = judge([Bar("held_out", "loss", 1.135)], [comparison(3.6, after, verdict)])
    assert judged.fault == fault
    assert judged.passed is not bool(fault)


@pytest.mark.parametrize(("gain", "fault"), [(1.25, ""), (1.36, "the gain is 1.200 (at most 1.300, 95 %)")])
def test_a_bar_of_few_other_records_must_lie_within_the_interval(comparison, gain, fault):
    (judged,) = judge([Bar("held_out", "loss", gain, within="interval")], [comparison(3.6, 2.4)])
    assert judged.fault.startswith(fault)
    assert judged.passed is not bool(fault)


def test_gains_count_in_the_metrics_own_direction(comparison):
    assert gain_of(comparison(0.2, 0.8, metric="accuracy", higher_is_better=True)) == pytest.approx(0.6)
    assert gain_of(comparison(3.0, 2.0)) == pytest.approx(1.0)


@pytest.mark.parametrize(("verdict", "passed"), [("better", False), ("undecided", True), ("worse", True)])
def test_where_nothing_general_is_learned_a_claim_of_it_fails(comparison, verdict, passed):
    bar = Bar("clusters", "perplexity", verdict="not better")
    found = comparison(17.6, 17.0, verdict, set="clusters", metric="perplexity")
    assert judge([bar], [found])[0].passed is passed


def test_a_comparison_that_is_missing_fails(comparison):
    (judged,) = judge([Bar("clusters", "perplexity")], [comparison(3.6, 2.4)])
    assert "compared no perplexity on clusters" in judged.fault
