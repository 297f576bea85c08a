"""Near duplicates against a plain comparison of all pairs, and in bounded time whatever the texts."""

import random

import pytest

from tunesmith.records import near_duplicates as module
from tunesmith.records.near_duplicates import near_duplicates, overlap

WORDS = [f"w{n}" for n in range(500)]


def texts(n: int, words: int, seed: int = 3) -> list[str]:
    dice = random.Random(seed)
    return [" ".join(dice.choices(WORDS, k=words)) for _ in range(n)]


def with_one_word_changed(text: str) -> str:
    words = text.split()
    words[len(words) // 2] = "changed"
    return " ".join(words)


@pytest.mark.parametrize("n", [20, 400])
def test_a_copy_with_a_word_changed_is_found_and_nothing_else_is(n):
    some = texts(n, 60)
    copies = [with_one_word_changed(some[at]) for at in range(0, n, 5)]
    assert near_duplicates(some + copies) == [(at * 5, n + at) for at in range(len(copies))]
    assert overlap(some, copies) == [(at * 5, at) for at in range(len(copies))]


def test_short_lists_and_long_ones_are_judged_alike(monkeypatch):
    some = texts(60, 40)
    some += [with_one_word_changed(text) for text in some]
    plain = near_duplicates(some)
    monkeypatch.setattr(module, "FEW_PAIRS", 0)
    assert near_duplicates(some) == plain
    assert len(plain) == 60


def test_case_and_punctuation_make_no_difference_and_order_does():
    assert near_duplicates(["The cat sat on the mat.", "the CAT sat: on the mat"]) == [(0, 1)]
    assert near_duplicates(["one two three four five six", "six five four three two one"]) == []


def test_a_text_that_is_alike_to_a_duplicate_is_paired_with_the_first_of_them():
    text = texts(1, 60)[0]
    assert near_duplicates([text, text, "", "", with_one_word_changed(text), "a", "a"]) == [(0, 1), (0, 4), (5, 6)]


def test_residues_are_compared_in_fives():
    dice = random.Random(1)
    some = ["".join(dice.choices("ACDEFGHIKLMNPQRSTVWY", k=200)) for _ in range(200)]
    mutant = some[7][:100] + ("A" if some[7][100] != "A" else "C") + some[7][101:]
    assert near_duplicates([*some, mutant], unit="residues") == [(7, 200)]
    assert near_duplicates(["MK", "MK", "M"], unit="residues") == [(0, 1)]


def test_thousands_that_are_all_alike_take_linear_time_and_make_one_pair_each():
    text = texts(1, 80)[0]
    assert near_duplicates([f"{text} {n}" for n in range(2000)]) == [(0, n) for n in range(1, 2000)]
