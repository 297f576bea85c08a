"""The objective of embedding models: texts that belong together lie near each other, and apart from the batch's."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from tunesmith.schemas.training import ResolvedHyperparameters
from tunesmith.training.base_model import Precision
from tunesmith.training.embedding_losses import (
    HIDDEN_SHARE,
    ChosenLoss,
    cosine_loss,
    over_dimensions,
    ranking_loss,
    triplet_loss,
)
from tunesmith.training.encoder_rows import TextsRow, padded
from tunesmith.training.negatives import mine
from tunesmith.training.objective import BatchLoss, Columns, HeldOutFigures, Proof
from tunesmith.training.pooling import Encoder
from tunesmith.training.retrieval import Retrieval
from tunesmith.training.similarity import ScoredPairs


class EmbeddingObjective:
    """`trained` are the fingerprints of the records that are trained on; `say` hears what was mined.

    A batch is its texts one after the other: the first of each row, the second of each row, then all negatives.
    """

    micro_batches = False

    def __init__(
        self,
        encoder: Encoder,
        loss: ChosenLoss,
        *,
        width: int,
        dimensions: Sequence[int],
        trained: frozenset[str],
        say: Callable[[str], None],
    ) -> None:
        self._encoder, self._loss, self._width = encoder, loss, width
        self._dimensions, self._trained, self._say = dimensions, trained, say
        self._mined: dict[str, list[tuple[str, list[int]]]] = {}
        self._measure = ScoredPairs(dimensions) if loss.name == "cosine" else Retrieval(dimensions)

    def begin(
        self,
        model: Any,
        numbers: ResolvedHyperparameters,
        rows: Sequence[TextsRow],
        precision: Precision,
        stop: Callable[[], None],
    ) -> None:
        """Mine negatives where they are asked for; choose which training documents are searched beside the held-out."""
        trained = [row for row in rows if row.fingerprint in self._trained]
        if isinstance(self._measure, Retrieval):
            self._measure.search_also(trained)
        pairs = [row for row in trained if len(row.texts) == 2]
        if numbers.hard_negatives and self._loss.name == "multiple_negatives" and pairs:
            mined = mine(self._encode(model, precision, stop), pairs, numbers.hard_negatives)
            self._mined = mined.negatives
            self._say(
                f"{mined.count} hard negatives were mined with the base for {len(pairs)} pairs; {mined.n_passed} "
                "nearer documents were passed over, since they may well be right answers."
            )

    def collate(self, rows: Sequence[TextsRow]) -> dict[str, torch.Tensor]:
        negatives = [(i, text, ids) for i, row in enumerate(rows) for text, ids in self._negatives(row)]
        seconds = [row.tokens[1] for row in rows] if len(rows[0].tokens) > 1 else []
        texts = [*(row.tokens[0] for row in rows), *seconds, *(ids for _, _, ids in negatives)]
        ids, mask = padded(texts, self._encoder.pad_id)
        documents = [*(row.texts[min(1, len(row.texts) - 1)] for row in rows), *(text for _, text, _ in negatives)]
        scores = [row.score for row in rows if row.score is not None]
        return {
            "input_ids": ids,
            "attention_mask": mask,
            "left_out": _also_right(rows, documents),
            "owner": torch.tensor([i for i, _, _ in negatives], dtype=torch.int64),
            "scores": torch.tensor(scores, dtype=torch.float32),
        }

    def units(self, batch: dict[str, torch.Tensor]) -> int:
        return len(batch["left_out"])

    def loss(self, model: Any, batch: dict[str, torch.Tensor]) -> BatchLoss:
        n, ids, mask = self.units(batch), batch["input_ids"], batch["attention_mask"]
        if self._loss.name in ("contrastive", "denoising"):
            # Each text twice, under two dropouts; in denoising the first of the two has tokens hidden.
            first = _hide_some(mask) if self._loss.name == "denoising" else mask
            ids, mask = torch.cat([ids, ids]), torch.cat([first, mask])
        vectors = self._encoder.vectors(model, ids, mask)
        # float32: bfloat16 keeps 8 bits of a cosine, too few once it is multiplied by the scale.
        with torch.autocast(vectors.device.type, enabled=False):
            total, right = over_dimensions(vectors, self._dimensions, lambda v: self._of_vectors(v, n, batch))
        return BatchLoss(total, right, n)

    def score(self, model: Any, rows: Sequence[TextsRow], precision: Precision, stop: Callable[[], None]) -> Columns:
        return self._measure.score(self._encode(model, precision, stop), rows)

    def figures(self, columns: Sequence[Columns]) -> HeldOutFigures:
        return self._measure.figures(columns)

    def prove(self, before: dict[str, Columns], after: dict[str, Columns]) -> Proof:
        return self._measure.prove(before, after, self._loss.why, self._width)

    def _negatives(self, row: TextsRow) -> list[tuple[str, list[int]]]:
        """The record's own, else the mined ones."""
        told = list(zip(row.texts[2:], row.tokens[2:], strict=True))
        return told or self._mined.get(row.fingerprint, [])

    def _of_vectors(
        self, vectors: torch.Tensor, n: int, batch: dict[str, torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        first, second, negatives = vectors[:n], vectors[n : 2 * n], vectors[2 * n :]
        if self._loss.name == "cosine":
            return cosine_loss(first, second, batch["scores"])
        if self._loss.name == "triplet":
            return triplet_loss(first, second, negatives, batch["owner"])
        return ranking_loss(first, torch.cat([second, negatives]), batch["left_out"])

    def _encode(
        self, model: Any, precision: Precision, stop: Callable[[], None]
    ) -> Callable[[Sequence[list[int]]], np.ndarray]:
        return lambda texts: self._encoder.of_texts(model, texts, precision.device, stop)


def _also_right(rows: Sequence[TextsRow], documents: Sequence[str]) -> torch.Tensor:
    """(rows, documents) bool: documents that are right for a row beside its own one, or that are its own text.

    They are copies: of the row's document, of a document of another row with the same query, or of the query itself.
    """
    right: dict[str, set[str]] = {}
    for row, document in zip(rows, documents, strict=False):
        right.setdefault(row.texts[0], {row.texts[0]}).add(document)
    copies = torch.zeros((len(rows), len(documents)), dtype=torch.bool)
    numbers: dict[str, list[int]] = {}
    for j, document in enumerate(documents):
        numbers.setdefault(document, []).append(j)
    for i, row in enumerate(rows):
        copies[i, [j for text in right[row.texts[0]] for j in numbers.get(text, []) if j != i]] = True
    return copies


def _hide_some(mask: torch.Tensor) -> torch.Tensor:
    """The mask with HIDDEN_SHARE of its tokens hidden at random; the first and the last of each text stay."""
    shown = torch.rand(mask.shape, device=mask.device) >= HIDDEN_SHARE
    shown[:, 0] = True
    shown[torch.arange(len(mask), device=mask.device), mask.sum(dim=1) - 1] = True
    return mask * shown
