"""Direct preference optimisation: the preferred answer made likelier than the rejected one, held to the start.

Rafailov et al. 2023, arXiv:2305.18290. With the log-probability of an answer summed over its tokens (its end of turn
counted), and the model that the run starts from as the reference, the loss of a pair is

    -log sigmoid(beta * ((preferred - reference's preferred) - (rejected - reference's rejected)))
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch.nn.functional import logsigmoid
from transformers import PreTrainedTokenizerBase

from tunesmith.base_models.errors import PromptUnsupported
from tunesmith.schemas.models import Metric
from tunesmith.schemas.records import ChatRecord, PreferenceRecord, Record, RecordKind
from tunesmith.schemas.training import ResolvedHyperparameters
from tunesmith.training.base_model import Base, Precision
from tunesmith.training.batches import pad
from tunesmith.training.data import TokenRow, at_most, chat_row, each_row
from tunesmith.training.evaluate import SetName, compare, mean
from tunesmith.training.language_modelling import BATCH_TOKENS, batches_of_tokens
from tunesmith.training.loss import row_log_likelihoods
from tunesmith.training.objective import BatchLoss, Columns, HeldOutFigures, Proof

if TYPE_CHECKING:
    from tunesmith.training.plan import RowsOf

PREFERRED, REJECTED, LOSS, MARGIN = range(4)
"""Columns: log-probability of either answer (nats, summed over its tokens), loss of the pair, and by how much the
tuned model's implied reward sets the preferred answer above the rejected one (beta times nats)."""


@dataclass(frozen=True)
class PairRow:
    """One prompt with either answer as tokens; loss is on the answers alone."""

    preferred: TokenRow
    rejected: TokenRow
    fingerprint: str

    @property
    def length(self) -> int:
        """Tokens of both."""
        return self.preferred.length + self.rejected.length

    @property
    def trained_tokens(self) -> int:
        """Tokens of both answers; none where either answer was cut away, since nothing is left to compare."""
        both = (self.preferred.trained_tokens, self.rejected.trained_tokens)
        return sum(both) if all(both) else 0

    @property
    def cut(self) -> bool:
        """Whether either was longer than max_seq_len."""
        return self.preferred.cut or self.rejected.cut


def pair_rows(base: Base) -> "RowsOf":
    """Makes the rows of a run on this base."""

    def make(records: list[Record], numbers: ResolvedHyperparameters) -> list[PairRow]:
        return each_row(records, lambda record: pair_row(record, base.tokenizer, numbers.max_seq_len))

    return make


def pair_row(record: Record, tokenizer: PreTrainedTokenizerBase, max_seq_len: int) -> PairRow:
    """The pair as tokens, each side cut to `max_seq_len`. Raises PromptUnsupported."""
    if not isinstance(record, PreferenceRecord):
        raise PromptUnsupported(f"a {record.kind} record holds no pair of answers; take method supervised.")
    read = tuple(replace(message, trained=False) for message in record.prompt)
    preferred, rejected = (
        at_most(max_seq_len, chat_row(ChatRecord(RecordKind.CHAT, (*read, answer), tools=record.tools), tokenizer))
        for answer in (replace(record.preferred, trained=True), replace(record.rejected, trained=True))
    )
    return PairRow(preferred, rejected, record.fingerprint)


class PreferenceLearning:
    """The reference is read once, before training, from the model as the run starts from it.

    That is the base where an adapter is new, and the parent where one is carried on (the base with its adapter off
    would be the wrong reference there). It costs one pass over the pairs, not one an epoch; and since a resumed run
    loads the same start before its checkpoint, it finds the same numbers again.
    """

    micro_batches = True

    def __init__(self, pad_id: int) -> None:
        self._pad_id = pad_id
        self._beta = 0.0
        self._reference: dict[str, tuple[float, float]] = {}

    def begin(
        self,
        model: Any,
        numbers: ResolvedHyperparameters,
        rows: Sequence[PairRow],
        precision: Precision,
        stop: Callable[[], None],
    ) -> None:
        """Read the reference of all rows, trained on and held out."""
        self._beta = numbers.beta
        for batch, sums in self._likelihoods(model, rows, precision, stop):
            for i, preferred, rejected in zip(batch, *sums.tolist(), strict=True):
                self._reference[rows[i].fingerprint] = (preferred, rejected)

    def collate(self, rows: Sequence[PairRow]) -> dict[str, torch.Tensor]:
        """(2B, T): the preferred answers above the rejected; `reference` (2B,) their log-probabilities at the start."""
        both = [row.preferred for row in rows] + [row.rejected for row in rows]
        known = [self._reference[row.fingerprint] for row in rows]
        reference = torch.tensor([p for p, _ in known] + [r for _, r in known], dtype=torch.float32)
        return pad(both, self._pad_id) | {"reference": reference}

    def units(self, batch: dict[str, torch.Tensor]) -> int:
        """Pairs."""
        return len(batch["reference"]) // 2

    def loss(self, model: Any, batch: dict[str, torch.Tensor]) -> BatchLoss:
        """`correct` counts the pairs whose implied reward is higher for the preferred answer."""
        preferred, rejected = (row_log_likelihoods(model, batch) - batch["reference"]).chunk(2)
        margins = self._beta * (preferred - rejected)
        told = margins.detach()
        return BatchLoss(-logsigmoid(margins).sum(), (told > 0).sum(), len(told), {"margin": told.sum()})

    def score(self, model: Any, rows: Sequence[PairRow], precision: Precision, stop: Callable[[], None]) -> Columns:
        columns = np.zeros((4, len(rows)))
        for batch, (preferred, rejected) in self._likelihoods(model, rows, precision, stop):
            reference = np.array([self._reference[rows[i].fingerprint] for i in batch]).T
            margins = self._beta * ((preferred - reference[0]) - (rejected - reference[1]))
            columns[:, batch] = [preferred, rejected, np.logaddexp(0, -margins), margins]
        return columns

    def figures(self, columns: Sequence[Columns]) -> HeldOutFigures:
        """The accuracy is the share of pairs of which the preferred answer is the likelier one."""
        joined = np.concatenate(list(columns), axis=1)
        return HeldOutFigures(float(joined[LOSS].mean()), float(_right(joined).mean()))

    def prove(self, before: dict[str, Columns], after: dict[str, Columns]) -> Proof:
        """By the loss (log 2 before, by its definition), and by the share of pairs of which the preferred answer is
        the likelier one, which asks the same of base and tuned without any reference."""
        comparisons = [
            compare(cast(SetName, name), metric, of(before[name])[None], of(after[name])[None], mean)
            for name in before
            for metric, of in _MEASURES
        ]
        metrics: dict[str, float] = {}
        for when, columns in (("before", before), ("after", after)):
            seen = self.figures(list(columns.values()))
            metrics |= {f"held_out_loss_{when}": seen.loss, f"held_out_accuracy_{when}": seen.accuracy}
        joined = np.concatenate(list(after.values()), axis=1)
        return Proof(comparisons, metrics | {"held_out_margin_after": float(joined[MARGIN].mean())})

    def _likelihoods(
        self, model: Any, rows: Sequence[PairRow], precision: Precision, stop: Callable[[], None]
    ) -> Iterator[tuple[list[int], np.ndarray]]:
        """Row numbers with the log-probabilities (2, rows) of preferred and rejected, batch after batch."""
        for batch in batches_of_tokens([row.length for row in rows], BATCH_TOKENS):
            stop()
            both = [rows[i].preferred for i in batch] + [rows[i].rejected for i in batch]
            found = row_log_likelihoods(model, pad(both, self._pad_id, precision.device))
            yield batch, found.double().cpu().numpy().reshape(2, -1)


def _loss(columns: Columns) -> np.ndarray:
    return columns[LOSS]


def _right(columns: Columns) -> np.ndarray:
    return (columns[PREFERRED] > columns[REJECTED]).astype(np.float64)


_MEASURES: tuple[tuple[Metric, Callable[[Columns], np.ndarray]], ...] = (
    ("loss", _loss),
    ("preference_accuracy", _right),
)
