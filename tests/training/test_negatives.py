"""Mined negatives are near, never right, and never too near."""

import numpy as np

from tunesmith.training.encoder_rows import TextsRow
from tunesmith.training.negatives import mine


def at(degrees: float) -> list[float]:
    return [float(np.cos(np.radians(degrees))), float(np.sin(np.radians(degrees)))]


# Text number to the direction of its vector: queries from 0, documents from 10.
DIRECTIONS = {0: 0.0, 1: 90.0, 10: 20.0, 11: 10.0, 12: 30.0, 13: 60.0, 14: 95.0}


def pair(query: int, document: int) -> TextsRow:
    return TextsRow(([query], [document]), (f"t{query}", f"t{document}"), fingerprint=f"{query}-{document}")


def encode(texts: object) -> np.ndarray:
    return np.array([at(DIRECTIONS[ids[0]]) for ids in texts])  # type: ignore[attr-defined]


def test_the_nearest_that_is_clearly_farther_than_the_positive_is_taken() -> None:
    rows = [pair(0, 10), pair(1, 11), pair(1, 12), pair(1, 13), pair(1, 14)]
    mined = mine(encode, rows, 1)
    # cos 20 = 0.94; 95 % of it is 0.89: t11 (0.98) is too near, t12 (0.87) is not.
    assert [text for text, _ in mined.negatives["0-10"]] == ["t12"]
    assert mined.n_passed == 1


def test_documents_of_the_same_query_are_no_negatives() -> None:
    rows = [pair(1, 11), pair(1, 12), pair(1, 13), pair(1, 14), pair(0, 10)]
    mined = mine(encode, rows, 5)
    assert [text for text, _ in mined.negatives["1-14"]] == ["t10"]


def test_a_query_whose_positive_is_far_gets_none_that_is_nearer() -> None:
    rows = [pair(0, 14), pair(1, 10), pair(1, 11), pair(1, 12)]
    assert mine(encode, rows, 3).negatives["0-14"] == []
