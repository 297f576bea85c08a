"""Is the tuned model better than what the run began with, on records neither was trained on?

Both are scored by the same code, record by record. The difference is paired by record and its interval comes from the
bootstrap (Efron and Tibshirani 1993; by scipy), so a verdict needs more than a lucky average.
"""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from scipy.stats import bootstrap

from tunesmith.schemas.models import Comparison, Estimate, Metric

SetName = Literal["held_out", "random", "clusters"]
Statistic = Callable[..., Any]
"""Takes the columns of the records and `axis`, the one of the records; other axes are resamples."""
RESAMPLES = 4000
FEWEST = 5
"""Records below which no verdict is given."""
MOST = 1000
"""Held-out records that are scored; the interval hardly narrows beyond."""
WORDS: dict[SetName, str] = {
    "held_out": "{n} held-out records",
    "random": "{n} sequences held out at random",
    "clusters": "{n} sequences of clusters that no training sequence is near to",
}
HIGHER_IS_BETTER: frozenset[Metric] = frozenset(
    {"preference_accuracy", "accuracy", "macro_f1", "ndcg_at_10", "mrr", "recall_at_1", "recall_at_10", "spearman"}
)


def compare(
    name: SetName,
    metric: Metric,
    before: np.ndarray,
    after: np.ndarray,
    statistic: Statistic,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """Base against tuned on the same records.

    `before` and `after` are (columns, records); `statistic(*columns, axis=...)` makes the metric of them.
    """
    n_columns, count = before.shape
    columns = (*before, *after)

    def first(*both: Any, axis: int = -1) -> Any:
        return statistic(*both[:n_columns], axis=axis)

    def second(*both: Any, axis: int = -1) -> Any:
        return statistic(*both[n_columns:], axis=axis)

    def difference(*both: Any, axis: int = -1) -> Any:
        return second(*both, axis=axis) - first(*both, axis=axis)

    was, now, change = (_estimate(columns, f, resamples, seed) for f in (first, second, difference))
    higher = metric in HIGHER_IS_BETTER
    verdict = _verdict(change, count, higher_is_better=higher)
    return Comparison(
        set=name,
        metric=metric,
        higher_is_better=higher,
        count=count,
        before=was,
        after=now,
        difference=change,
        verdict=verdict,
        sentence=_sentence(name, metric, was, now, change, verdict, count),
    )


def ratio(sums: Any, counts: Any, axis: int = -1) -> Any:
    """Sums over counts, over the records."""
    return sums.sum(axis=axis) / np.maximum(1, counts.sum(axis=axis))


def exp_ratio(sums: Any, counts: Any, axis: int = -1) -> Any:
    """exp of the ratio: a perplexity of nats."""
    return np.exp(ratio(sums, counts, axis))


def mean(values: Any, axis: int = -1) -> Any:
    """The mean over the records."""
    return values.mean(axis=axis)


def _estimate(columns: tuple[np.ndarray, ...], statistic: Statistic, resamples: int, seed: int) -> Estimate:
    """The statistic on all records with its 95 % percentile interval; with one record the interval is the value."""
    value = float(statistic(*columns))
    if len(columns[0]) < 2:
        return Estimate(value=value, low=value, high=value)
    found = bootstrap(
        columns,
        statistic,
        paired=True,
        vectorized=True,
        method="percentile",
        n_resamples=resamples,
        batch=max(1, 2_000_000 // len(columns[0])),
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Estimate(value=value, low=float(found.low), high=float(found.high))


def _verdict(change: Estimate, count: int, *, higher_is_better: bool) -> Literal["better", "worse", "undecided"]:
    if count < FEWEST or change.low <= 0 <= change.high:
        return "undecided"
    return "better" if (change.low > 0) is higher_is_better else "worse"


def _sentence(
    name: SetName, metric: Metric, was: Estimate, now: Estimate, change: Estimate, verdict: str, count: int
) -> str:
    """Such as: Better: loss 3.62 to 2.48 (1.02 to 1.26 lower, 95 %, 80 held-out records)."""
    if change.high < 0:
        by = f"{-change.high:.2f} to {-change.low:.2f} lower"
    elif change.low > 0:
        by = f"{change.low:.2f} to {change.high:.2f} higher"
    else:
        by = f"{-change.low:.2f} lower to {change.high:.2f} higher"
    counted = WORDS[name].format(n=count)
    few = ", too few for a verdict" if count < FEWEST else ""
    words = metric.replace("_at_", "@").replace("_", " ")
    return f"{verdict.capitalize()}: {words} {was.value:.2f} to {now.value:.2f} ({by}, 95 %, {counted}{few})"
