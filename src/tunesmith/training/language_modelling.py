"""The objective of chat and protein models: the next token, where it carries loss."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import torch

from tunesmith.schemas.models import Metric
from tunesmith.schemas.training import ResolvedHyperparameters
from tunesmith.training.base_model import Precision
from tunesmith.training.batches import pad
from tunesmith.training.data import UNTRAINED, TokenRow
from tunesmith.training.evaluate import SetName, compare, exp_ratio, ratio
from tunesmith.training.loss import token_losses, trained_logits
from tunesmith.training.objective import BatchLoss, Columns, HeldOutFigures, Proof
from tunesmith.training.packing import check_packing, pack

BATCH_TOKENS = 4096
"""Padded tokens of a batch that is scored."""
PACKED_WIDTH = 512
"""Tokens of a row that holds several records, where none is longer."""
NLL, UNITS, TOKENS, CORRECT = range(4)
"""Columns: negative log-likelihood summed over the record's trained tokens (nats), units it is counted by (tokens or
residues), trained tokens, and how many of them were the most likely one."""


class LanguageModelling:
    """`metric` loss: nats a trained token. perplexity: exp of nats a residue, the end of the sequence counted with its
    residues."""

    micro_batches = True

    def __init__(self, pad_id: int, metric: Metric) -> None:
        self._pad_id = pad_id
        self._metric: Metric = metric
        self._packed = False

    def begin(
        self,
        model: Any,
        numbers: ResolvedHyperparameters,
        rows: Sequence[TokenRow],
        precision: Precision,
        stop: Callable[[], None],
    ) -> None:
        """Packs from now on where it is asked for. Raises SpecInvalid where the model cannot keep records apart."""
        if numbers.packing:
            check_packing(model, int(model.config.get_text_config().vocab_size), precision.device)
        self._packed = numbers.packing

    def collate(self, rows: Sequence[TokenRow]) -> dict[str, torch.Tensor]:
        return pack(rows, self._pad_id, PACKED_WIDTH) if self._packed else pad(rows, self._pad_id)

    def units(self, batch: dict[str, torch.Tensor]) -> int:
        return int((batch["labels"][:, 1:] != UNTRAINED).sum())

    def loss(self, model: Any, batch: dict[str, torch.Tensor]) -> BatchLoss:
        logits, targets = trained_logits(model, batch)
        losses = token_losses(logits, targets)
        correct = (logits.detach().argmax(-1) == targets).sum()
        return BatchLoss(losses.sum(), correct, len(targets))

    def score(self, model: Any, rows: Sequence[TokenRow], precision: Precision, stop: Callable[[], None]) -> Columns:
        columns = np.zeros((4, len(rows)))
        for batch in batches_of_tokens([row.length for row in rows], BATCH_TOKENS):
            stop()
            columns[:, batch] = self._score_batch(model, [rows[i] for i in batch], precision)
        return columns

    def figures(self, columns: Sequence[Columns]) -> HeldOutFigures:
        nll, _, tokens, correct = np.concatenate(list(columns), axis=1).sum(axis=1)
        return HeldOutFigures(float(nll / max(1.0, tokens)), float(correct / max(1.0, tokens)))

    def prove(self, before: dict[str, Columns], after: dict[str, Columns]) -> Proof:
        statistic = ratio if self._metric == "loss" else exp_ratio
        weights = TOKENS if self._metric == "loss" else UNITS
        comparisons = [
            compare(
                cast(SetName, name), self._metric, before[name][[NLL, weights]], after[name][[NLL, weights]], statistic
            )
            for name in before
        ]
        metrics: dict[str, float] = {}
        for when, columns in (("before", before), ("after", after)):
            seen = self.figures(list(columns.values()))
            metrics |= {f"held_out_loss_{when}": seen.loss, f"held_out_accuracy_{when}": seen.accuracy}
        return Proof(comparisons, metrics)

    def _score_batch(self, model: Any, rows: list[TokenRow], precision: Precision) -> np.ndarray:
        """(4, rows)."""
        inputs = pad(rows, self._pad_id, precision.device)
        logits, targets = trained_logits(model, inputs)
        losses = token_losses(logits, targets).double().cpu().numpy()
        correct = (logits.argmax(-1) == targets).double().cpu().numpy()
        tokens = [row.trained_tokens for row in rows]
        ends = np.cumsum(tokens)[:-1]
        nll = [part.sum() for part in np.split(losses, ends)]
        right = [part.sum() for part in np.split(correct, ends)]
        return np.array([nll, [row.units for row in rows], tokens, right], dtype=np.float64)


def batches_of_tokens(lengths: Sequence[int], most: int) -> list[list[int]]:
    """Row numbers in batches of similar length, each of at most `most` padded tokens or one row."""
    batches: list[list[int]] = []
    for i in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        if batches and lengths[i] * (len(batches[-1]) + 1) <= most:
            batches[-1].append(i)
        else:
            batches.append([i])
    return batches
