"""Losses against sentence-transformers' own, and which records get which."""

from typing import Any, cast

import pytest
import torch
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from torch.nn.functional import normalize

from tunesmith.schemas.errors import RecordInvalid, SpecInvalid
from tunesmith.schemas.records import RecordKind
from tunesmith.training.embedding_losses import (
    choose_loss,
    cosine_loss,
    over_dimensions,
    ranking_loss,
    triplet_loss,
)


def vectors(n: int, seed: int) -> torch.Tensor:
    return normalize(torch.randn(n, 16, generator=torch.Generator().manual_seed(seed)), dim=-1)


def test_ranking_is_multiple_negatives_ranking_of_sentence_transformers() -> None:
    queries, positives, negatives = vectors(6, 0), vectors(6, 1), vectors(6, 2)
    theirs = MultipleNegativesRankingLoss(cast(Any, None))
    expected = theirs.compute_loss_from_embeddings([queries, positives, negatives], torch.zeros(0))
    left_out = torch.zeros((6, 12), dtype=torch.bool)
    found, _ = ranking_loss(queries, torch.cat([positives, negatives]), left_out)
    assert float(found / 6) == pytest.approx(float(expected), rel=1e-5)


def test_a_copy_that_is_left_out_is_as_if_it_were_not_there() -> None:
    queries, positives = vectors(3, 0), vectors(3, 1)
    left_out = torch.zeros((3, 4), dtype=torch.bool)
    left_out[:, 3] = True
    found, right = ranking_loss(queries, torch.cat([positives, queries[:1]]), left_out)
    plain, plain_right = ranking_loss(queries, positives, left_out[:, :3])
    assert float(found) == pytest.approx(float(plain))
    assert right == plain_right


def test_triplets_lose_what_the_margin_lacks() -> None:
    east, north = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    owner = torch.tensor([0, 0])
    total, right = triplet_loss(east, north, torch.cat([north, east]), owner)
    assert float(total) == pytest.approx((0.5 + 1.5) / 2)
    assert int(right) == 0
    total, right = triplet_loss(east, east, torch.cat([north, north]), owner)
    assert (float(total), int(right)) == (0, 1)


def test_cosine_is_held_to_the_score() -> None:
    east, north = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    total, right = cosine_loss(torch.cat([east, east]), torch.cat([east, north]), torch.tensor([1.0, 0.25]))
    assert float(total) == pytest.approx(0.25**2)
    assert int(right) == 2


def test_leading_dimensions_are_trained_as_the_whole() -> None:
    def loss(v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        assert v.norm(dim=-1) == pytest.approx(torch.ones(4), abs=1e-5)
        return torch.tensor(float(v.shape[1])), torch.tensor(v.shape[1])

    total, right = over_dimensions(vectors(4, 0), [8, 4], loss)
    assert float(total) == pytest.approx((16 + 8 + 4) / 3)
    assert int(right) == 16


@pytest.mark.parametrize(
    ("kinds", "has_dropout", "expected"),
    [
        ({RecordKind.SENTENCE}, True, "contrastive"),
        ({RecordKind.SEQUENCE}, False, "denoising"),
        ({RecordKind.PAIR}, True, "multiple_negatives"),
        ({RecordKind.PAIR, RecordKind.TRIPLET}, True, "multiple_negatives"),
        ({RecordKind.TRIPLET}, True, "multiple_negatives"),
        ({RecordKind.SCORED_PAIR}, True, "cosine"),
    ],
)
def test_the_loss_is_of_the_records_kind(kinds: set[RecordKind], has_dropout: bool, expected: str) -> None:
    chosen = choose_loss(kinds, None, has_dropout=has_dropout)
    assert chosen.name == expected
    assert chosen.why.startswith(f"{expected}, for ")


def test_kinds_that_no_loss_takes_together_are_refused() -> None:
    with pytest.raises(RecordInvalid, match="pair, scored pair"):
        choose_loss({RecordKind.PAIR, RecordKind.SCORED_PAIR}, None, has_dropout=True)


def test_two_dropouts_need_a_dropout() -> None:
    with pytest.raises(SpecInvalid, match='Use "denoising"'):
        choose_loss({RecordKind.SENTENCE}, "contrastive", has_dropout=False)
