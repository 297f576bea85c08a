"""Scores against a plain computation, and verdicts against what the figures allow."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import PreTrainedTokenizerFast

from tunesmith.base_models.load import load_model
from tunesmith.records.json_lines import parse_json_line
from tunesmith.schemas.models import BaseModelEntry, Comparison, FolderSource
from tunesmith.training.base_model import Precision
from tunesmith.training.data import UNTRAINED, TokenRow, chat_row
from tunesmith.training.evaluate import SetName, compare, exp_ratio, mean, ratio
from tunesmith.training.language_modelling import CORRECT, NLL, TOKENS, LanguageModelling

FLOAT32 = Precision(torch.device("cpu"), torch.float32, autocast=False)


def plain_scores(model: torch.nn.Module, row: TokenRow) -> tuple[float, int]:
    """Sum of -log p of each trained token, one row and one token at a time; and the tokens the model had first."""
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([row.input_ids])).logits[0].double()
    nll, correct = 0.0, 0
    for position, label in enumerate(row.labels[1:]):
        if label != UNTRAINED:
            probabilities = torch.softmax(logits[position], dim=-1)
            nll -= math.log(probabilities[label])
            correct += int(probabilities.argmax() == label)
    return nll, correct


def test_scores_equal_a_plain_computation_row_by_row(llama: BaseModelEntry, tokenizer: PreTrainedTokenizerFast) -> None:
    assert isinstance(llama.source, FolderSource)
    model = load_model(Path(llama.source.path), llama, dtype=torch.float32)
    texts = ["a", "the cat sat on a mat", "it", "both of them listened " * 4]
    rows = [chat_row(parse_json_line(f'{{"prompt":"{t}","completion":" {t}"}}'.encode(), 1), tokenizer) for t in texts]
    with torch.inference_mode():
        found = LanguageModelling(0, "loss").score(model, rows, FLOAT32, lambda: None)
    for i, row in enumerate(rows):
        nll, correct = plain_scores(model, row)
        assert found[NLL, i] == pytest.approx(nll, rel=1e-5)
        assert found[CORRECT, i] == correct
        assert found[TOKENS, i] == row.trained_tokens


def scores(nll: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    return np.array([nll, tokens])


def loss(before: np.ndarray, after: np.ndarray) -> Comparison:
    return compare("held_out", "loss", before, after, ratio)


def perplexity(name: SetName, before: np.ndarray, after: np.ndarray) -> Comparison:
    return compare(name, "perplexity", before, after, exp_ratio)


def test_a_clear_gain_is_better_and_the_sentence_says_by_how_much() -> None:
    rng = np.random.default_rng(0)
    tokens = rng.integers(5, 30, 80).astype(float)
    before = scores(tokens * (3.6 + rng.normal(0, 0.3, 80)), tokens)
    after = scores(before[0] - tokens * (1.1 + rng.normal(0, 0.2, 80)), tokens)
    found = loss(before, after)
    assert found.verdict == "better"
    assert found.before.value == pytest.approx(before[0].sum() / tokens.sum())
    assert found.difference.low < found.difference.value < found.difference.high < 0
    low, high = -found.difference.high, -found.difference.low
    assert found.sentence == (
        f"Better: loss {found.before.value:.2f} to {found.after.value:.2f} "
        f"({low:.2f} to {high:.2f} lower, 95 %, 80 held-out records)"
    )


def test_noise_is_undecided_and_a_loss_is_worse() -> None:
    rng = np.random.default_rng(1)
    tokens = np.full(30, 10.0)
    before = scores(tokens * 2, tokens)
    noise = scores(before[0] + rng.normal(0, 5, 30), tokens)
    assert perplexity("random", before, noise).verdict == "undecided"
    worse = perplexity("clusters", before, scores(before[0] + 1 + rng.random(30), tokens))
    assert worse.verdict == "worse"
    assert worse.sentence.startswith("Worse: perplexity 7.39 to ")
    assert worse.sentence.endswith("higher, 95 %, 30 sequences of clusters that no training sequence is near to)")


def test_the_interval_covers_the_truth_about_nineteen_times_in_twenty() -> None:
    rng = np.random.default_rng(2)
    tokens = np.full(60, 1.0)
    covered = 0
    for _ in range(60):
        before = scores(rng.normal(3, 0.5, 60), tokens)
        found = loss(before, scores(before[0] + rng.normal(-0.2, 0.4, 60), tokens))
        covered += found.difference.low <= -0.2 <= found.difference.high
    assert covered >= 52


def test_four_records_are_too_few_for_a_verdict() -> None:
    tokens = np.full(4, 10.0)
    found = loss(scores(tokens * 3, tokens), scores(tokens * 2, tokens))
    assert found.verdict == "undecided"
    assert "too few for a verdict" in found.sentence
    one = loss(scores(tokens[:1] * 3, tokens[:1]), scores(tokens[:1], tokens[:1]))
    assert (one.count, one.verdict) == (1, "undecided")


def test_a_higher_accuracy_is_better_and_a_lower_one_worse() -> None:
    wrong, right = np.zeros((1, 40)), np.ones((1, 40))
    wrong[0, :10], right[0, :4] = 1, 0
    found = compare("held_out", "accuracy", wrong, right, mean)
    assert (found.verdict, found.higher_is_better, found.before.value, found.after.value) == ("better", True, 0.25, 0.9)
    assert compare("held_out", "accuracy", right, wrong, mean).verdict == "worse"
