"""The losses of embedding models over the vectors of a batch, and which of them fits which records.

Vectors are of unit length, so a dot product is a cosine. Each function returns the loss summed over the batch's rows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch.nn.functional import cross_entropy, normalize, relu

from tunesmith.schemas.defaults import LOSSES_OF_KIND
from tunesmith.schemas.errors import RecordInvalid, SpecInvalid
from tunesmith.schemas.records import RecordKind

SCALE = 20.0
"""Cosines are multiplied by it before the softmax: a temperature of 0.05 (SimCSE, sentence-transformers)."""
TRIPLET_MARGIN = 0.5
HIDDEN_SHARE = 0.6
"""Of a text's tokens, in denoising."""

_WHY = {
    "contrastive": "texts alone: each must be nearer to itself under another dropout than to the batch's others "
    "(SimCSE, Gao et al. 2021, arXiv:2104.08821)",
    "denoising": "texts alone: each must be nearer to itself with 60 % of its tokens hidden than to the batch's others "
    "(token cutoff, Yan et al. 2021, arXiv:2105.11741)",
    "multiple_negatives": "texts that belong together: each must be nearer to its own than to the batch's others "
    "(multiple negatives ranking, Henderson et al. 2017, arXiv:1705.00652)",
    "triplet": "triplets: each text must be nearer to its positive than to its negatives, by a margin of 0.5 in cosine "
    "(Schroff et al. 2015, arXiv:1503.03832)",
    "cosine": "scored pairs: the cosine must be the score (squared error, Reimers and Gurevych 2019, arXiv:1908.10084)",
}


@dataclass(frozen=True)
class ChosenLoss:
    """The loss by its name, and a sentence on why it is this one."""

    name: str
    why: str


def choose_loss(kinds: set[RecordKind], wanted: str | None, *, has_dropout: bool) -> ChosenLoss:
    """The loss that was asked for where the records allow it, else the usual one of their kind.

    Raises RecordInvalid for records that no one loss takes together, SpecInvalid for a loss they do not allow.
    """
    kind = _one_kind(kinds)
    allowed = LOSSES_OF_KIND[kind]
    if wanted is not None and wanted not in allowed:
        raise SpecInvalid(
            f'The loss "{wanted}" does not fit {kind.replace("_", " ")} records. Use {" or ".join(allowed)}, or '
            "leave it out.",
            param="hyperparameters.loss",
        )
    if wanted == "contrastive" and not has_dropout:
        raise SpecInvalid(
            'The base has no dropout, so the "contrastive" loss would compare each text with itself unchanged. '
            'Use "denoising".',
            param="hyperparameters.loss",
        )
    name = wanted or ("denoising" if allowed[0] == "contrastive" and not has_dropout else allowed[0])
    return ChosenLoss(name, f"{name}, for {_WHY[name]}")


def ranking_loss(
    queries: torch.Tensor, documents: torch.Tensor, left_out: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cross-entropy of finding document i for query i, and the number of queries that do.

    queries (B, H); documents (D, H), the first B of them the queries' own; left_out (B, D) bool: documents that are
    right for the query too, and so are no negatives of it.
    """
    scores = (queries @ documents.T * SCALE).masked_fill(left_out, -torch.inf)
    own = torch.arange(len(queries), device=queries.device)
    return cross_entropy(scores, own, reduction="sum"), (scores.detach().argmax(dim=1) == own).sum()


def triplet_loss(
    anchors: torch.Tensor, positives: torch.Tensor, negatives: torch.Tensor, owner: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean over each anchor's negatives, and the number of anchors that all of theirs are farther from.

    anchors, positives (B, H); negatives (M, H) with the number of their anchor in owner (M,).
    """
    near = (anchors * positives).sum(dim=1)[owner]
    far = (anchors[owner] * negatives).sum(dim=1)
    counts = torch.bincount(owner, minlength=len(anchors))
    losses = relu(far - near + TRIPLET_MARGIN) / counts[owner]
    wrong = torch.bincount(owner[far >= near], minlength=len(anchors))
    return losses.sum(), ((counts > 0) & (wrong == 0)).sum()


def cosine_loss(first: torch.Tensor, second: torch.Tensor, scores: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Squared error of the cosine, and the number of pairs that it puts on the right side of one half."""
    cosines = (first * second).sum(dim=1)
    right = ((cosines.detach() >= 0.5) == (scores >= 0.5)).sum()
    return ((cosines - scores) ** 2).sum(), right


def over_dimensions(
    vectors: torch.Tensor,
    dimensions: Sequence[int],
    loss: Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]],
) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean of the loss of the whole vectors and of their leading dimensions; right answers of the whole ones.

    Matryoshka representations, Kusupati et al. 2022, arXiv:2205.13147.
    """
    total, right = loss(vectors)
    for kept in dimensions:
        total = total + loss(normalize(vectors[:, :kept], dim=-1))[0]
    return total / (1 + len(dimensions)), right


def _one_kind(kinds: set[RecordKind]) -> RecordKind:
    """Pairs and triplets train together, as triplets do: a pair is one without negatives of its own."""
    if kinds == {RecordKind.PAIR, RecordKind.TRIPLET}:
        return RecordKind.PAIR
    if len(kinds) > 1:
        named = ", ".join(sorted(kind.replace("_", " ") for kind in kinds))
        raise RecordInvalid(f"The file mixes records of several kinds ({named}). Train on one kind at a time.")
    return next(iter(kinds))
