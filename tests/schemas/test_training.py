"""What `auto` becomes."""

import pytest

from tunesmith.schemas.defaults import resolve
from tunesmith.schemas.shape import Adaptation, Task
from tunesmith.schemas.training import Hyperparameters, ResolvedHyperparameters


def resolved(wanted: Hyperparameters | None = None, **changed: object) -> ResolvedHyperparameters:
    given = {
        "task": Task.CHAT,
        "adaptation": Adaptation.LORA,
        "n_examples": 320,
        "context": 8192,
        "parameters": 135_000_000,
        **changed,
    }
    return resolve(wanted or Hyperparameters(), **given)  # type: ignore[arg-type]


def test_what_was_given_stays() -> None:
    wanted = Hyperparameters(
        n_epochs=7,
        batch_size=3,
        learning_rate=0.123,
        lora_rank=5,
        lora_alpha=6,
        max_seq_len=77,
        warmup_steps=11,
        lr_schedule="constant",
    )
    found = resolved(wanted)
    for name, value in wanted.model_dump().items():
        if value != "auto":
            assert getattr(found, name) == value


def test_the_measured_recipes_come_out() -> None:
    chat = resolved()
    assert (chat.learning_rate, chat.batch_size, chat.lora_rank, chat.lora_alpha) == (5e-4, 8, 16, 32)
    assert (chat.lr_schedule, chat.max_seq_len) == ("linear", 2048)
    protein = resolved(
        task=Task.PROTEIN, adaptation=Adaptation.FULL, n_examples=175, context=1024, parameters=5_000_000
    )
    assert (protein.n_epochs, protein.batch_size, protein.learning_rate) == (6, 16, 1e-3)
    assert (protein.lr_schedule, protein.max_seq_len) == ("cosine", 1024)


def test_the_multiplier_scales_the_methods_own_rate_and_not_a_given_one() -> None:
    doubled = Hyperparameters(learning_rate_multiplier=2.0)
    assert resolved(doubled).learning_rate == pytest.approx(1e-3)
    given = Hyperparameters(learning_rate_multiplier=2.0, learning_rate=0.5)
    assert resolved(given).learning_rate == 0.5


def test_the_rate_falls_with_the_root_of_size() -> None:
    assert resolved(parameters=800_000_000).learning_rate == pytest.approx(5e-4 / 2)


def test_epochs_fall_and_batches_grow_with_examples() -> None:
    epochs = [resolved(n_examples=n).n_epochs for n in (10, 100, 1000, 10_000)]
    assert epochs == sorted(epochs, reverse=True)
    assert resolved(n_examples=3).batch_size == 1
    assert resolved(n_examples=40).batch_size == 5


def test_no_examples_still_resolve() -> None:
    assert resolved(n_examples=0).batch_size == 1
