"""What a task brings to the shared run: how rows become a batch, a batch a loss, and held-out rows scores.

`finetune.py`, `trainer.py` and `look.py` know a task by this alone.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch

from tunesmith.schemas.models import ClassificationDetails, Comparison, EmbeddingDetails
from tunesmith.schemas.training import ResolvedHyperparameters
from tunesmith.training.base_model import Precision


class Row(Protocol):
    """A record as the model reads it."""

    @property
    def length(self) -> int:
        """Tokens that the model reads: rows of like length share a batch."""
        ...

    @property
    def trained_tokens(self) -> int:
        """Tokens that carry loss, or that are read where the loss is not one of tokens."""
        ...

    @property
    def fingerprint(self) -> str:
        """The record's."""
        ...

    @property
    def cut(self) -> bool:
        """Whether it was longer than max_seq_len."""
        ...


class Order(Protocol):
    """Row numbers of one epoch, batch after batch, by the seed and the epoch alone; set `epoch` before iterating."""

    epoch: int

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[int]: ...


@dataclass(frozen=True)
class BatchLoss:
    """The loss summed over `units` (trained tokens, records or pairs), and how many of the units were right."""

    total: torch.Tensor
    correct: torch.Tensor
    units: int
    others: dict[str, torch.Tensor] = field(default_factory=dict[str, torch.Tensor])
    """Further sums over the units, by name: each is told with its step as train_NAME, per unit."""


@dataclass(frozen=True)
class HeldOutFigures:
    """Means over the units of the loss; accuracy 0-1."""

    loss: float
    accuracy: float


Columns = np.ndarray
"""(figures, records) float64: what was measured of each held-out record, in the objective's own order."""


@dataclass(frozen=True)
class Proof:
    """Before and after on all held-out sets, as people read it."""

    comparisons: list[Comparison]
    metrics: dict[str, float]
    classification: ClassificationDetails | None = None
    embedding: EmbeddingDetails | None = None


class Objective(Protocol):
    """One per task and method. Rows are of the objective's own making."""

    micro_batches: bool
    """Whether a batch may be computed in parts and summed; losses over the pairs of a batch may not."""

    def collate(self, rows: Sequence[Any]) -> dict[str, torch.Tensor]:
        """The rows as tensors on the CPU."""
        ...

    def units(self, batch: dict[str, torch.Tensor]) -> int:
        """What the batch's loss is divided by."""
        ...

    def loss(self, model: Any, batch: dict[str, torch.Tensor]) -> BatchLoss:
        """Of the batch, on the model's device, with gradients where they are on."""
        ...

    def score(self, model: Any, rows: Sequence[Any], precision: Precision, stop: Callable[[], None]) -> Columns:
        """Of held-out rows, in their order, in eval mode and without gradients. `stop` is called between batches."""
        ...

    def figures(self, columns: Sequence[Columns]) -> HeldOutFigures:
        """Loss and accuracy over several sets together."""
        ...

    def prove(self, before: dict[str, Columns], after: dict[str, Columns]) -> Proof:
        """Base against tuned, by held-out set."""
        ...


@runtime_checkable
class BeginsWithModel(Protocol):
    """What an objective also is when it must see the model before anything is scored or trained."""

    def begin(
        self,
        model: Any,
        numbers: ResolvedHyperparameters,
        rows: Sequence[Any],
        precision: Precision,
        stop: Callable[[], None],
    ) -> None:
        """Called once with the model as the run starts from it, on a resumed run before its checkpoint is loaded; in
        eval mode and without gradients. `rows` are those trained on and those held out."""
        ...
