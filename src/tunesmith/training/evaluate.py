"""Is the tuned model better than what the run began with, on records neither was trained on?

Both are scored by the same code, record by record. The difference is paired by record and its interval comes from the
bootstrap (Efron and Tibshirani 1993; by scipy), so a verdict needs more than a lucky average.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from scipy.stats import bootstrap

from tunesmith.schemas.models import Comparison, Estimate
from tunesmith.training.base_model import Precision
from tunesmith.training.batches import pad
from tunesmith.training.data import Row
from tunesmith.training.loss import token_losses, trained_logits

SetName = Literal["held_out", "random", "clusters"]
Metric = Literal["loss", "perplexity"]
BATCH_TOKENS = 4096
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


@dataclass(frozen=True)
class Scores:
    """Of each record: negative log-likelihood summed over its trained tokens (nats), units it is counted by (tokens or
    residues), trained tokens, and how many of them were the most likely one."""

    nll: np.ndarray
    units: np.ndarray
    tokens: np.ndarray
    correct: np.ndarray

    @property
    def loss(self) -> float:
        """Nats a trained token."""
        return float(self.nll.sum() / max(1, self.tokens.sum()))

    @property
    def accuracy(self) -> float:
        return float(self.correct.sum() / max(1, self.tokens.sum()))

    def to_lists(self) -> list[list[float]]:
        return [self.nll.tolist(), self.units.tolist(), self.tokens.tolist(), self.correct.tolist()]

    @classmethod
    def from_lists(cls, lists: list[list[float]]) -> "Scores":
        return cls(*(np.array(column, dtype=np.float64) for column in lists))


def score(
    model: Any, rows: Sequence[Row], pad_id: int, precision: Precision, *, stop: Callable[[], None] = lambda: None
) -> Scores:
    """Scores of the rows, in their order. `stop` is called between batches and may raise."""
    columns = np.zeros((4, len(rows)))
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode(), precision.context():
            for batch in _batches(rows):
                stop()
                columns[:, batch] = _score_batch(model, [rows[i] for i in batch], pad_id, precision.device)
    finally:
        model.train(was_training)
    return Scores(*columns)


def compare(name: SetName, metric: Metric, before: Scores, after: Scores, seed: int = 0) -> Comparison:
    """Base against tuned on the same records; lower is better.

    loss: nats a trained token. perplexity: exp of nats a residue, the end of the sequence counted with its residues.
    """
    statistic = _ratio if metric == "loss" else _exp_ratio
    weights = before.tokens if metric == "loss" else before.units
    columns = (before.nll, after.nll, weights)

    def first(a: Any, _b: Any, n: Any, axis: int = -1) -> Any:
        return statistic(a, n, axis)

    def second(_a: Any, b: Any, n: Any, axis: int = -1) -> Any:
        return statistic(b, n, axis)

    def difference(a: Any, b: Any, n: Any, axis: int = -1) -> Any:
        return statistic(b, n, axis) - statistic(a, n, axis)

    was, now, change = (_estimate(columns, f, seed) for f in (first, second, difference))
    verdict = _verdict(change, len(weights))
    sentence = _sentence(name, metric, was, now, change, verdict, len(weights))
    return Comparison(
        set=name,
        metric=metric,
        count=len(weights),
        before=was,
        after=now,
        difference=change,
        verdict=verdict,
        sentence=sentence,
    )


def _batches(rows: Sequence[Row]) -> list[list[int]]:
    """Row numbers in batches of similar length, each of at most BATCH_TOKENS padded tokens or one row."""
    batches: list[list[int]] = []
    for i in sorted(range(len(rows)), key=lambda i: len(rows[i].input_ids)):
        width = len(rows[i].input_ids)
        if batches and width * (len(batches[-1]) + 1) <= BATCH_TOKENS:
            batches[-1].append(i)
        else:
            batches.append([i])
    return batches


def _score_batch(model: Any, rows: list[Row], pad_id: int, device: torch.device) -> np.ndarray:
    """(4, rows): the columns of Scores."""
    inputs = pad(rows, pad_id, device)
    logits, targets = trained_logits(model, inputs)
    losses = token_losses(logits, targets).double().cpu().numpy()
    correct = (logits.argmax(-1) == targets).double().cpu().numpy()
    tokens = [row.trained_tokens for row in rows]
    ends = np.cumsum(tokens)[:-1]
    nll = [part.sum() for part in np.split(losses, ends)]
    right = [part.sum() for part in np.split(correct, ends)]
    return np.array([nll, [row.units for row in rows], tokens, right], dtype=np.float64)


def _ratio(nll: Any, n: Any, axis: int) -> Any:
    return nll.sum(axis=axis) / np.maximum(1, n.sum(axis=axis))


def _exp_ratio(nll: Any, n: Any, axis: int) -> Any:
    return np.exp(_ratio(nll, n, axis))


def _estimate(columns: tuple[np.ndarray, ...], statistic: Callable[..., Any], seed: int) -> Estimate:
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
        n_resamples=RESAMPLES,
        batch=max(1, 2_000_000 // len(columns[0])),
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Estimate(value=value, low=float(found.low), high=float(found.high))


def _verdict(change: Estimate, count: int) -> Literal["better", "worse", "undecided"]:
    if count < FEWEST or change.low <= 0 <= change.high:
        return "undecided"
    return "better" if change.high < 0 else "worse"


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
    return f"{verdict.capitalize()}: {metric} {was.value:.2f} to {now.value:.2f} ({by}, 95 %, {counted}{few})"
