"""A classifier's figures against scikit-learn's, and calibration counted by hand."""

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score

from tunesmith.training.classification_figures import calibration, macro_f1, prove
from tunesmith.training.classification_objective import class_weights

LABELS = ["a", "b", "c"]


def single(seed: int, right: float) -> np.ndarray:
    """Columns of 60 records of which about this share is right."""
    rng = np.random.default_rng(seed)
    truth = np.arange(60) % 3
    predicted = np.where(rng.random(60) < right, truth, rng.integers(0, 3, 60))
    return np.array([rng.random(60), predicted == truth, truth, predicted, 0.4 + 0.6 * rng.random(60)])


def test_accuracy_and_macro_f1_are_those_of_scikit_learn() -> None:
    before, after = single(0, 0.1), single(1, 0.9)
    proof = prove({"held_out": before}, {"held_out": after}, LABELS, multi_label=False)
    accuracy, f1 = proof.comparisons
    assert accuracy.after.value == pytest.approx(accuracy_score(after[2], after[3]))
    assert f1.before.value == pytest.approx(f1_score(before[2], before[3], average="macro"))
    assert f1.after.value == pytest.approx(f1_score(after[2], after[3], average="macro"))
    assert (accuracy.verdict, f1.verdict) == ("better", "better")
    assert proof.classification is not None
    assert np.trace(np.array(proof.classification.confusion)) == after[1].sum()


def test_macro_f1_of_resamples_is_that_of_each() -> None:
    rng = np.random.default_rng(2)
    truth, predicted = rng.integers(0, 4, size=(2, 7, 12))
    found = macro_f1(truth, predicted, axis=-1)
    assert found == pytest.approx([f1_score(t, p, average="macro") for t, p in zip(truth, predicted, strict=True)])


def test_several_labels_are_counted_each_and_as_a_whole() -> None:
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 2, size=(3, 50)).astype(float)
    chances = np.clip(truth * 0.6 + rng.random((3, 50)) * 0.5, 0, 1)
    right = ((chances >= 0.5) == (truth >= 0.5)).all(axis=0)
    columns = np.concatenate([[rng.random(50), right], truth, chances])
    proof = prove({"held_out": columns}, {"held_out": columns}, LABELS, multi_label=True)
    accuracy, f1 = proof.comparisons
    assert accuracy.after.value == pytest.approx(accuracy_score(truth.T, chances.T >= 0.5))
    assert f1.after.value == pytest.approx(f1_score(truth.T, chances.T >= 0.5, average="macro"))
    assert accuracy.verdict == "undecided"
    assert proof.classification is not None
    assert [each.support for each in proof.classification.classes] == truth.sum(axis=1).tolist()


def test_calibration_weighs_each_bin_by_its_answers() -> None:
    bins, error = calibration(np.array([0.95, 1.0, 0.65, 0.62]), np.array([1, 1, 1, 0]))
    assert [(b.low, b.count, b.accuracy) for b in bins] == [(0.6, 2, 0.5), (0.9, 2, 1.0)]
    assert error == pytest.approx(0.5 * abs(0.635 - 0.5) + 0.5 * abs(0.975 - 1))


def test_weights_come_with_imbalance_alone_unless_told() -> None:
    even = [[0]] * 20 + [[1]] * 10
    assert class_weights(even, 2, multi_label=False, wanted=None) is None
    assert class_weights(even, 2, multi_label=False, wanted=True) is not None
    uneven = [[0]] * 30 + [[1]] * 10
    assert class_weights(uneven, 2, multi_label=False, wanted=False) is None
    found = class_weights(uneven, 2, multi_label=False, wanted=None)
    assert found is not None
    assert torch.allclose(found, torch.tensor([40 / 60, 40 / 20]))


def test_a_label_without_records_upsets_no_weights() -> None:
    assert class_weights([[0]] * 20 + [[1]] * 20, 3, multi_label=False, wanted=None) is None
    found = class_weights([[0]] * 30 + [[1]] * 10, 3, multi_label=False, wanted=None)
    assert found is not None
    assert torch.allclose(found, torch.tensor([40 / 60, 40 / 20, 1.0]))


def test_weights_of_several_labels_are_records_without_for_each_with_and_bounded() -> None:
    carried = [[0]] * 60 + [[0, 1]] * 1 + [[]] * 39
    found = class_weights(carried, 2, multi_label=True, wanted=None)
    assert found is not None
    assert torch.allclose(found, torch.tensor([39 / 61, 20.0]))
