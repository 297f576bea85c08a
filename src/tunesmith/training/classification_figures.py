"""What a classifier does on held-out records: accuracy, macro-F1, confusion, each class, calibration."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from tunesmith.schemas.models import CalibrationBin, ClassFigures, ClassificationDetails, Comparison
from tunesmith.training.evaluate import RESAMPLES, SetName, compare, mean
from tunesmith.training.objective import Columns, Proof

LOSS, RIGHT, TRUTH, PREDICTED, CONFIDENCE = range(5)
"""Columns of a single-label classifier: cross-entropy (nats), whether the answer was right, the class, the class
answered, its probability. Of a multi-label one: mean cross-entropy, whether all labels were right, then for each label
whether the record carries it, then for each its probability."""
BINS = 10
ENTRIES = 20_000_000
"""Of resampled records times classes: with very many classes fewer resamples are drawn, never fewer than 500."""


def prove(before: dict[str, Columns], after: dict[str, Columns], labels: Sequence[str], *, multi_label: bool) -> Proof:
    """Accuracy (multi-label: of the whole set of labels) and macro-F1 of before and after; details of after."""
    comparisons: list[Comparison] = []
    for name in before:
        was, now = before[name], after[name]
        comparisons.append(compare(cast(SetName, name), "accuracy", was[[RIGHT]], now[[RIGHT]], mean))
        statistic = _macro_f1_of_labels if multi_label else macro_f1
        few = max(500, min(RESAMPLES, ENTRIES // (was.shape[1] * len(labels))))
        truth = _answers(was, multi_label), _answers(now, multi_label)
        comparisons.append(compare(cast(SetName, name), "macro_f1", *truth, statistic, resamples=few))
    joined = np.concatenate(list(after.values()), axis=1)
    details = _of_labels(joined, labels) if multi_label else _of_classes(joined, labels)
    metrics = {"expected_calibration_error_after": details.expected_calibration_error}
    for when, sets in (("before", before), ("after", after)):
        columns = np.concatenate(list(sets.values()), axis=1)
        metrics[f"held_out_loss_{when}"] = float(columns[LOSS].mean())
        metrics[f"held_out_accuracy_{when}"] = float(columns[RIGHT].mean())
    return Proof(comparisons, metrics, classification=details)


def macro_f1(truth: Any, predicted: Any, axis: int = -1) -> Any:
    """The mean F1 of the classes that the records carry or are answered with, as scikit-learn takes it."""
    classes = np.unique(np.concatenate([truth.ravel(), predicted.ravel()]))
    return _mean_f1([(truth == c, predicted == c) for c in classes], axis)


def calibration(confidence: np.ndarray, right: np.ndarray) -> tuple[list[CalibrationBin], float]:
    """Bins of equal width, the empty ones left out, and the expected calibration error: the distance of probability
    and accuracy, weighed by the answers in each bin (Guo et al. 2017, arXiv:1706.04599)."""
    number = np.minimum((confidence * BINS).astype(int), BINS - 1)
    bins: list[CalibrationBin] = []
    for i in range(BINS):
        inside = number == i
        if inside.any():
            bins.append(
                CalibrationBin(
                    low=i / BINS,
                    high=(i + 1) / BINS,
                    count=int(inside.sum()),
                    confidence=float(confidence[inside].mean()),
                    accuracy=float(right[inside].mean()),
                )
            )
    error = sum(b.count * abs(b.confidence - b.accuracy) for b in bins) / max(1, len(confidence))
    return bins, error


def _answers(columns: Columns, multi_label: bool) -> np.ndarray:
    """Truth, then answers, one row each or one a label."""
    if not multi_label:
        return columns[[TRUTH, PREDICTED]]
    truth, chances = np.split(columns[2:], 2)
    return np.concatenate([truth, chances >= 0.5])


def _macro_f1_of_labels(*columns: Any, axis: int = -1) -> Any:
    n = len(columns) // 2
    return _mean_f1([(columns[i] >= 0.5, columns[n + i] >= 0.5) for i in range(n)], axis)


def _mean_f1(sides: list[tuple[Any, Any]], axis: int) -> Any:
    """Of each class: where it is true, and where it is answered. One that is neither has no F1 and is left out."""
    total, counted = 0.0, 0
    for true, answered in sides:
        both = true.sum(axis=axis) + answered.sum(axis=axis)
        total = total + 2 * (true & answered).sum(axis=axis) / np.maximum(1, both)
        counted = counted + (both > 0)
    return total / np.maximum(1, counted)


def _of_classes(columns: Columns, labels: Sequence[str]) -> ClassificationDetails:
    numbers = list(range(len(labels)))
    truth, predicted = columns[TRUTH].astype(int), columns[PREDICTED].astype(int)
    table = precision_recall_fscore_support(
        truth, predicted, labels=numbers, average=None, zero_division=cast(Any, 0.0)
    )
    bins, error = calibration(columns[CONFIDENCE], columns[RIGHT])
    return ClassificationDetails(
        labels=list(labels),
        multi_label=False,
        confusion=cast("list[list[int]]", confusion_matrix(truth, predicted, labels=numbers).tolist()),
        classes=_class_figures(labels, table),
        calibration=bins,
        expected_calibration_error=error,
    )


def _of_labels(columns: Columns, labels: Sequence[str]) -> ClassificationDetails:
    """Calibration counts every label of every record as one answer: yes or no, whichever is likelier."""
    truth, chances = (part.T for part in np.split(columns[2:], 2))
    answers = chances >= 0.5
    table = precision_recall_fscore_support(truth >= 0.5, answers, average=None, zero_division=cast(Any, 0.0))
    confidence = np.where(answers, chances, 1 - chances)
    bins, error = calibration(confidence.ravel(), (answers == (truth >= 0.5)).ravel())
    return ClassificationDetails(
        labels=list(labels),
        multi_label=True,
        confusion=[],
        classes=_class_figures(labels, table),
        calibration=bins,
        expected_calibration_error=error,
    )


def _class_figures(labels: Sequence[str], table: Any) -> list[ClassFigures]:
    precision, recall, f1, support = (cast("list[float]", np.atleast_1d(part).tolist()) for part in table)
    return [
        ClassFigures(label=label, support=int(support[i]), precision=precision[i], recall=recall[i], f1=f1[i])
        for i, label in enumerate(labels)
    ]
