"""How well cosines follow the scores of held-out pairs (Spearman's rank correlation), and how they are spread."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from scipy.stats import rankdata

from tunesmith.schemas.models import EmbeddingDetails, SimilarityHistogram
from tunesmith.training.encoder_rows import TextsRow
from tunesmith.training.evaluate import SetName, compare
from tunesmith.training.objective import Columns, HeldOutFigures, Proof

BINS = 40
COSINE, SCORE = range(2)
"""Columns: the cosine that the model gives, the score that the record tells. Then the cosine for each shorter length
of a Matryoshka model."""


@dataclass
class ScoredPairs:
    """Scores and compares held-out pairs by how their cosines rank."""

    dimensions: Sequence[int]

    def score(self, encode: Callable[[Sequence[list[int]]], np.ndarray], rows: Sequence[TextsRow]) -> Columns:
        first = encode([row.tokens[0] for row in rows])
        second = encode([row.tokens[1] for row in rows])
        cosines = [(shortened(first, d) * shortened(second, d)).sum(axis=1) for d in self.dimensions]
        scores = np.array([row.score for row in rows], dtype=np.float64)
        return np.array([(first * second).sum(axis=1), scores, *cosines], dtype=np.float64)

    def figures(self, columns: Sequence[Columns]) -> HeldOutFigures:
        """Mean squared error; the share of pairs on the right side of one half as the accuracy."""
        joined = np.concatenate(list(columns), axis=1)
        right = (joined[COSINE] >= 0.5) == (joined[SCORE] >= 0.5)
        return HeldOutFigures(float(((joined[COSINE] - joined[SCORE]) ** 2).mean()), float(right.mean()))

    def prove(self, before: dict[str, Columns], after: dict[str, Columns], loss: str, width: int) -> Proof:
        comparisons = [
            compare(cast(SetName, name), "spearman", before[name][:2], after[name][:2], spearman) for name in before
        ]
        was, now = (np.concatenate(list(sets.values()), axis=1) for sets in (before, after))
        alike = now[SCORE] >= 0.5
        details = EmbeddingDetails(
            loss=loss,
            dimensions=width,
            n_queries=now.shape[1],
            n_documents=now.shape[1],
            similarity=histogram(was[COSINE, alike], was[COSINE, ~alike], now[COSINE, alike], now[COSINE, ~alike]),
            by_dimensions={d: float(spearman(now[2 + i], now[SCORE])) for i, d in enumerate(self.dimensions)},
        )
        metrics = {
            f"held_out_loss_{when}": self.figures(list(sets.values())).loss
            for when, sets in (("before", before), ("after", after))
        }
        return Proof(comparisons, metrics, embedding=details)


def spearman(first: Any, second: Any, axis: int = -1) -> Any:
    """Rank correlation along the axis, ties at their mean rank; 0 where one side is all the same."""
    a, b = (rankdata(values, axis=axis) for values in (first, second))
    a, b = (ranks - ranks.mean(axis=axis, keepdims=True) for ranks in (a, b))
    spread = np.sqrt((a**2).sum(axis=axis) * (b**2).sum(axis=axis))
    return np.divide((a * b).sum(axis=axis), spread, out=np.zeros_like(spread), where=spread > 0)


def histogram(
    positives_before: np.ndarray, negatives_before: np.ndarray, positives_after: np.ndarray, negatives_after: np.ndarray
) -> SimilarityHistogram:
    """Counts of cosines in equal bins from -1 to 1; nan is left out."""

    def counts(cosines: np.ndarray) -> list[int]:
        kept = np.clip(cosines[np.isfinite(cosines)], -1, 1)
        return cast("list[int]", np.histogram(kept, bins=BINS, range=(-1, 1))[0].tolist())

    return SimilarityHistogram(
        bins=BINS,
        positives_before=counts(positives_before),
        negatives_before=counts(negatives_before),
        positives_after=counts(positives_after),
        negatives_after=counts(negatives_after),
    )


def shortened(vectors: np.ndarray, dimensions: int) -> np.ndarray:
    """Their leading dimensions, of unit length again."""
    kept = vectors[:, :dimensions]
    return kept / np.maximum(1e-12, np.linalg.norm(kept, axis=1, keepdims=True))
