"""Hard negatives: documents that the base takes for near a query, and that do not belong to it.

Mined once, with the model as the run begins from it. A document that is too near is more likely right than wrong, so
what lies above a share of the positive's own similarity is passed over (Moreira et al. 2024, arXiv:2407.15831).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tunesmith.training.encoder_rows import TextsRow

SHARE_OF_POSITIVE = 0.95
LOOKED_AT = 100
"""Nearest documents of a query that are looked through."""
BLOCK = 1024
"""Queries that are compared at a time."""


@dataclass(frozen=True)
class Mined:
    """By fingerprint of the record: its negatives, each with its text and tokens."""

    negatives: dict[str, list[tuple[str, list[int]]]]
    n_passed: int
    """Documents that were near but too near."""

    @property
    def count(self) -> int:
        return sum(len(each) for each in self.negatives.values())


def mine(encode: Callable[[Sequence[list[int]]], np.ndarray], rows: Sequence[TextsRow], wanted: int) -> Mined:
    """At most `wanted` negatives for each pair, nearest first, out of the documents of the other pairs."""
    documents = {row.texts[1]: row.tokens[1] for row in rows}
    texts = list(documents)
    number = {text: i for i, text in enumerate(texts)}
    right: dict[str, set[int]] = {}
    for row in rows:
        right.setdefault(row.texts[0], set()).add(number[row.texts[1]])
    document_vectors = encode(list(documents.values()))
    mined: dict[str, list[tuple[str, list[int]]]] = {}
    n_passed = 0
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        scores = encode([row.tokens[0] for row in block]) @ document_vectors.T
        for row, similarities in zip(block, scores, strict=True):
            chosen, passed = _choose(row, similarities, texts, right[row.texts[0]], wanted)
            n_passed += passed
            mined[row.fingerprint] = [(texts[i], documents[texts[i]]) for i in chosen]
    return Mined(mined, n_passed)


def _choose(
    row: TextsRow, similarities: np.ndarray, texts: list[str], right: set[int], wanted: int
) -> tuple[list[int], int]:
    """Numbers of the documents chosen, and how many were passed over as too near."""
    nearest_right = float(max(similarities[i] for i in right))
    most = nearest_right - (1 - SHARE_OF_POSITIVE) * abs(nearest_right)
    nearest = np.argsort(-similarities, kind="stable")[: LOOKED_AT + len(right)]
    chosen: list[int] = []
    passed = 0
    for i in nearest.tolist():
        if len(chosen) == wanted:
            break
        if i in right or texts[i] == row.texts[0]:
            continue
        if similarities[i] > most:
            passed += 1
        else:
            chosen.append(i)
    return chosen, passed
