"""Why each number of a run is what it is."""

import re

import pytest

from tunesmith.schemas.defaults import Situation, explain
from tunesmith.schemas.job_defaults import usual_adaptation, why_adaptation, why_held_out, why_method
from tunesmith.schemas.records import RecordKind
from tunesmith.schemas.shape import Adaptation, Task, TrainingMethod
from tunesmith.schemas.training import Hyperparameters, ResolvedHyperparameters

CHAT = Situation(Task.CHAT, Adaptation.LORA, 288, 8192, 134_515_008)


def reasons(seen: Situation = CHAT, **wanted: object) -> dict[str, str]:
    return explain(Hyperparameters.model_validate(wanted), seen).reasons


@pytest.mark.parametrize("task", list(Task))
@pytest.mark.parametrize("adaptation", list(Adaptation))
@pytest.mark.parametrize("n_examples", [0, 30, 3_000, 300_000])
def test_every_number_has_a_sentence(task, adaptation, n_examples):
    told = reasons(Situation(task, adaptation, n_examples, 1024, 5_000_000))
    assert set(told) == set(ResolvedHyperparameters.model_fields)
    for name, sentence in told.items():
        assert re.fullmatch(r"[0-9A-Z].{4,160}\.", sentence), (name, sentence)


def test_a_sentence_names_the_number_that_decided():
    told = reasons()
    assert told["n_epochs"] == "3 epochs, because 288 training examples are few (under 300)."
    assert "8,192" in told["max_seq_len"]
    assert "108" in told["warmup_steps"]
    assert "twice the rank of 16" in told["lora_alpha"]
    small = reasons(Situation(Task.CHAT, Adaptation.LORA, 24, 8192, 134_515_008))
    assert small["batch_size"] == "3 at a time, an eighth of the 24 training examples."
    large = reasons(Situation(Task.CHAT, Adaptation.LORA, 288, 8192, 12_187_325_040))
    assert "12.2 B weights" in large["learning_rate"]


def test_the_sentence_is_about_the_number_that_the_run_uses():
    for n in (10, 49, 50, 299, 300, 1999, 2000):
        found = explain(Hyperparameters(), Situation(Task.CHAT, Adaptation.LORA, n, 8192, 134_515_008))
        assert found.reasons["n_epochs"].startswith(f"{found.numbers.n_epochs} epoch")
        assert found.reasons["batch_size"].startswith(f"{found.numbers.batch_size} at a time")
        assert found.reasons["warmup_steps"].startswith(f"{found.numbers.warmup_steps} step")


def test_what_was_asked_for_is_told_beside_its_default():
    told = reasons(n_epochs=5, lora_rank=8, max_seq_len=2048)
    assert told["n_epochs"].startswith("You asked for 5. The default: 3 epochs, because 288")
    assert told["lora_alpha"] == "16, twice the rank of 8."
    # What is asked for and the default as well is no change.
    assert told["max_seq_len"].startswith("2,048 tokens")


def test_what_the_run_does_not_look_at_says_so():
    full = reasons(Situation(Task.CHAT, Adaptation.FULL, 288, 8192, 134_515_008), lora_rank=8)
    for name in ("lora_rank", "lora_alpha", "lora_dropout", "use_dora", "beta", "class_weights", "loss"):
        assert full[name].startswith("Without effect"), name


def test_classes_are_weighed_by_the_labels_that_are_there():
    def why(**labels: int) -> str:
        seen = Situation(Task.CLASSIFICATION, Adaptation.FULL, 90, 512, 22_713_216, labels=labels)
        return reasons(seen)["class_weights"]

    assert why(yes=75, no=25).startswith("On, since the commonest label has 75 records and the rarest 25")
    assert why(yes=74, no=25).startswith("Off, since the commonest label has 74 records and the rarest 25")


@pytest.mark.parametrize(
    ("kind", "word"),
    [(RecordKind.PAIR, "Multiple negatives"), (RecordKind.SCORED_PAIR, "Cosine"), (RecordKind.SENTENCE, "Contrastive")],
)
def test_the_loss_is_told_by_the_kind_of_the_records(kind, word):
    seen = Situation(Task.EMBEDDING, Adaptation.FULL, 90, 512, 22_713_216, kind=kind)
    assert reasons(seen)["loss"].startswith(word)


def test_which_weights_are_trained_is_told_with_the_size_of_the_base():
    assert usual_adaptation(Task.CHAT) is Adaptation.LORA
    assert "135 M weights" in why_adaptation(CHAT)
    asked = Situation(Task.CHAT, Adaptation.FULL, 288, 8192, 134_515_008)
    assert why_adaptation(asked).startswith("You asked for all weights. The default: A small adapter (LoRA)")


def test_pairs_of_answers_learned_as_plain_answers_are_pointed_at():
    seen = Situation(Task.CHAT, Adaptation.LORA, 288, 8192, 134_515_008, kind=RecordKind.PREFERENCE)
    assert "DPO trains on" in why_method(seen, 320)
    dpo = Situation(Task.CHAT, Adaptation.LORA, 288, 8192, 134_515_008, TrainingMethod.DPO, RecordKind.PREFERENCE)
    assert why_method(dpo, 320).startswith("DPO, for 320 records")


def test_what_is_held_out_is_told_in_records():
    assert why_held_out(320, 32, 0.1, own_file=False, fewest=20).startswith("32 of 320 different records (10 %)")
    assert "fewer than the 20" in why_held_out(12, 0, 0.1, own_file=False, fewest=20)
    assert "as you asked" in why_held_out(320, 0, 0, own_file=False, fewest=20)
    assert "40 records of the validation file" in why_held_out(320, 40, 0, own_file=True, fewest=20)
