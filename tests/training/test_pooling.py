"""Vectors of texts: pooled as sentence-transformers pools, and the same whatever parts they are computed in."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from sentence_transformers.sentence_transformer.modules import Pooling as TheirPooling

from tunesmith.base_models.load import load_encoder
from tunesmith.schemas.models import BaseModelEntry, FolderSource
from tunesmith.training import pooling
from tunesmith.training.encoder_rows import padded
from tunesmith.training.pooling import Encoder, Pooling, pool


@pytest.mark.parametrize(("how", "theirs"), [("mean", "mean"), ("cls", "cls"), ("last", "lasttoken")])
def test_pooling_is_that_of_sentence_transformers(how: Pooling, theirs: Any) -> None:
    hidden = torch.randn(3, 5, 8, generator=torch.Generator().manual_seed(0))
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 0, 0, 0, 0]])
    expected = TheirPooling(8, theirs)({"token_embeddings": hidden, "attention_mask": mask})["sentence_embedding"]
    assert torch.allclose(pool(hidden, mask, how), expected)


def texts() -> list[list[int]]:
    return [[2, *range(5, 5 + n), 3] for n in (3, 20, 1, 9, 14, 2)]


@pytest.fixture
def model(bert: BaseModelEntry) -> Any:
    assert isinstance(bert.source, FolderSource)
    return load_encoder(Path(bert.source.path), bert, dtype=torch.float32)


def gradients(model: Any, encoder: Encoder, weights: torch.Tensor) -> dict[str, torch.Tensor]:
    model.zero_grad()
    vectors = encoder.vectors(model, *padded(texts(), 0))
    (vectors @ vectors.T * weights).sum().backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("again", [False, True])
def test_parts_have_the_vectors_and_gradients_of_the_whole(
    model: Any, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    """`again`: activations are computed a second time, as when memory is short."""
    weights = torch.randn(6, 6, generator=torch.Generator().manual_seed(1))
    expected = gradients(model, Encoder("mean", 0), weights)
    whole = Encoder("mean", 0).vectors(model, *padded(texts(), 0))
    monkeypatch.setattr(pooling, "PART_TOKENS", 40)
    encoder = Encoder("mean", 0, divisor=2 if again else 1)
    assert torch.allclose(encoder.vectors(model, *padded(texts(), 0)), whole, atol=1e-6)
    found = gradients(model, encoder, weights)
    assert found.keys() == expected.keys()
    assert all(torch.allclose(found[name], expected[name], atol=1e-5) for name in expected)


def test_recomputed_parts_meet_the_same_dropout(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model.train()
    monkeypatch.setattr(pooling, "PART_TOKENS", 40)
    weights = torch.randn(6, 6, generator=torch.Generator().manual_seed(1))
    found: list[dict[str, torch.Tensor]] = []
    for share in (1.0, 0.0):  # of free memory that activations may take
        monkeypatch.setattr(pooling, "SHARE_OF_MEMORY", share)
        torch.manual_seed(0)
        found.append(gradients(model, Encoder("mean", 0), weights))
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])


def test_of_texts_gives_them_in_their_order(model: Any) -> None:
    with torch.inference_mode():
        found = Encoder("mean", 0).of_texts(model, texts(), torch.device("cpu"), lambda: None)
        for i, ids in enumerate(texts()):
            alone = Encoder("mean", 0).of_texts(model, [ids], torch.device("cpu"), lambda: None)
            assert found[i] == pytest.approx(alone[0], abs=1e-5)


def test_a_stop_ends_it_between_parts(model: Any) -> None:
    def stop() -> None:
        raise InterruptedError

    call: Callable[[], Any] = lambda: Encoder("mean", 0).of_texts(model, texts(), torch.device("cpu"), stop)  # noqa: E731
    with pytest.raises(InterruptedError):
        call()
