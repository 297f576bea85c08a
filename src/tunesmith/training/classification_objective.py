"""The objective of classifiers: the right class of a record, or each of its labels."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from tunesmith.schemas.defaults import weighs_classes
from tunesmith.training.base_model import Precision
from tunesmith.training.classification_figures import CONFIDENCE, LOSS, PREDICTED, RIGHT, TRUTH, prove
from tunesmith.training.encoder_rows import LabelledRow, padded
from tunesmith.training.language_modelling import batches_of_tokens
from tunesmith.training.objective import BatchLoss, Columns, HeldOutFigures, Proof

BATCH_TOKENS = 4096
"""Padded tokens of a batch that is scored."""
MOST_WEIGHT = 20.0
"""A class of a handful of records among thousands would else make every step its own."""


class Classification:
    """`weights` are one a label: of a record's class in a single-label loss, of a label that is carried in a
    multi-label one; None where all weigh the same. They act in training alone: held-out figures are of plain records.
    """

    micro_batches = True

    def __init__(self, labels: Sequence[str], *, multi_label: bool, pad_id: int, weights: torch.Tensor | None) -> None:
        self._labels, self._multi_label, self._pad_id, self._weights = labels, multi_label, pad_id, weights

    def collate(self, rows: Sequence[LabelledRow]) -> dict[str, torch.Tensor]:
        ids, mask = padded([row.input_ids for row in rows], self._pad_id)
        return {"input_ids": ids, "attention_mask": mask, "targets": self._targets(rows)}

    def units(self, batch: dict[str, torch.Tensor]) -> int:
        return len(batch["targets"])

    def loss(self, model: Any, batch: dict[str, torch.Tensor]) -> BatchLoss:
        logits, targets = _logits(model, batch), batch["targets"]
        weights = self._weights.to(logits.device) if self._weights is not None else None
        if self._multi_label:
            losses = binary_cross_entropy_with_logits(logits, targets, pos_weight=weights, reduction="none").mean(dim=1)
            right = ((logits >= 0) == (targets >= 0.5)).all(dim=1)
        else:
            # Not cross_entropy's own weights: its sum is the same, and the mean over records is taken by the trainer.
            losses = cross_entropy(logits, targets, reduction="none")
            losses = losses * weights[targets] if weights is not None else losses
            right = logits.argmax(dim=1) == targets
        return BatchLoss(losses.sum(), right.detach().sum(), len(targets))

    def score(self, model: Any, rows: Sequence[LabelledRow], precision: Precision, stop: Callable[[], None]) -> Columns:
        columns = np.zeros((len(self._labels) * 2 + 2 if self._multi_label else 5, len(rows)))
        for part in batches_of_tokens([row.length for row in rows], BATCH_TOKENS):
            stop()
            batch = self.collate([rows[i] for i in part])
            columns[:, part] = self._columns(model, {k: v.to(precision.device) for k, v in batch.items()})
        return columns

    def figures(self, columns: Sequence[Columns]) -> HeldOutFigures:
        joined = np.concatenate(list(columns), axis=1)
        return HeldOutFigures(float(joined[LOSS].mean()), float(joined[RIGHT].mean()))

    def prove(self, before: dict[str, Columns], after: dict[str, Columns]) -> Proof:
        return prove(before, after, self._labels, multi_label=self._multi_label)

    def _targets(self, rows: Sequence[LabelledRow]) -> torch.Tensor:
        """(B,) int64, or (B, labels) float32 of zeros and ones."""
        if not self._multi_label:
            return torch.tensor([row.classes[0] for row in rows], dtype=torch.int64)
        targets = torch.zeros((len(rows), len(self._labels)))
        for i, row in enumerate(rows):
            targets[i, list(row.classes)] = 1.0
        return targets

    def _columns(self, model: Any, batch: dict[str, torch.Tensor]) -> np.ndarray:
        logits, targets = _logits(model, batch), batch["targets"]
        if self._multi_label:
            chances = logits.sigmoid()
            losses = binary_cross_entropy_with_logits(logits, targets, reduction="none").mean(dim=1)
            right = ((chances >= 0.5) == (targets >= 0.5)).all(dim=1)
            return torch.stack([losses, right, *targets.T, *chances.T]).double().cpu().numpy()
        chances, predicted = logits.softmax(dim=1).max(dim=1)
        losses = cross_entropy(logits, targets, reduction="none")
        found = {LOSS: losses, RIGHT: predicted == targets, TRUTH: targets, PREDICTED: predicted, CONFIDENCE: chances}
        return torch.stack([found[i].double() for i in range(5)]).cpu().numpy()


def class_weights(
    carried: Sequence[Sequence[int]], n_labels: int, *, multi_label: bool, wanted: bool | None
) -> torch.Tensor | None:
    """A weight for each label by how many of the records carry it; None when all weigh the same.

    `wanted` None: when the commonest label has thrice the records of the rarest (schemas/defaults.py). Single-label:
    records over labels times the label's records, so that each class counts for as much (the "balanced" rule of
    scikit-learn).
    Multi-label: records without the label for each one with it. At most MOST_WEIGHT.
    """
    counts = np.bincount([number for each in carried for number in each], minlength=n_labels)
    # A parent's label that none of the records carries has nothing to weigh.
    seen = counts[counts > 0]
    if wanted is False or (wanted is None and not weighs_classes(int(seen.max()), int(seen.min()))):
        return None
    counts = np.where(counts > 0, counts, seen.mean())
    weights = (len(carried) - counts) / counts if multi_label else len(carried) / (len(seen) * counts)
    return torch.tensor(np.clip(weights, 1 / MOST_WEIGHT, MOST_WEIGHT), dtype=torch.float32)


def _logits(model: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """(B, labels) float32."""
    return model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits.float()
