"""Identity against a plain Needleman-Wunsch."""

import random

import pytest
from Bio.Align import substitution_matrices

from tunesmith.base_models.identity import GAP_EXTEND, GAP_OPEN, identity

BLOSUM62 = substitution_matrices.load("BLOSUM62")
LOW = float("-inf")


def plain_score_and_matches(a: str, b: str) -> tuple[float, set[int]]:
    """Best global score with affine gaps, and the numbers of matches that alignments of that score have."""
    best: dict[tuple[int, int, str], tuple[float, frozenset[int]]] = {(0, 0, "m"): (0.0, frozenset({0}))}
    for i in range(len(a) + 1):
        for j in range(len(b) + 1):
            for state in "mxy":
                if (i, j) == (0, 0):
                    continue
                options: list[tuple[float, frozenset[int]]] = []
                if state == "m" and i and j:
                    equal = a[i - 1] == b[j - 1]
                    gain = BLOSUM62[a[i - 1]][b[j - 1]]
                    options = [_step(best.get((i - 1, j - 1, s)), gain, equal) for s in "mxy"]
                elif state == "x" and i:
                    options = [
                        _step(best.get((i - 1, j, s)), -(GAP_EXTEND if s == "x" else GAP_OPEN), False) for s in "mxy"
                    ]
                elif state == "y" and j:
                    options = [
                        _step(best.get((i, j - 1, s)), -(GAP_EXTEND if s == "y" else GAP_OPEN), False) for s in "mxy"
                    ]
                best[i, j, state] = _merge(options)
    score, matches = _merge([best[len(a), len(b), s] for s in "mxy"])
    return score, set(matches)


def _step(before: tuple[float, frozenset[int]] | None, gain: float, match: bool) -> tuple[float, frozenset[int]]:
    if before is None or before[0] == LOW:
        return LOW, frozenset()
    return before[0] + gain, frozenset(n + match for n in before[1])


def _merge(options: list[tuple[float, frozenset[int]]]) -> tuple[float, frozenset[int]]:
    top = max((score for score, _ in options), default=LOW)
    return top, frozenset().union(*(m for score, m in options if score == top)) if top > LOW else frozenset()


@pytest.mark.parametrize("seed", range(12))
def test_identity_is_that_of_a_best_alignment(seed: int) -> None:
    rng = random.Random(seed)
    a = "".join(rng.choices("ACDEFGHIKLMNPQRSTVWY", k=rng.randint(4, 22)))
    b = "".join(rng.choice("ACDEFGHIKLMNPQRSTVWY") if rng.random() < 0.3 else c for c in a)
    b = b[: rng.randint(3, len(b))] + b[rng.randint(0, len(b)) :]
    _, matches = plain_score_and_matches(a, b)
    assert any(identity(a, b) == pytest.approx(n / min(len(a), len(b))) for n in matches)


def test_a_fragment_is_identical_to_the_whole_and_x_matches_nothing_else() -> None:
    assert identity("MKVLAAGIV", "MKVLAAGIVWWWWWW") == 1.0
    assert identity("AAAA", "XXXX") == 0.0
    assert identity("", "A") == 0.0
