"""The README.md of a model's folder, as hubs and people read it."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tunesmith.schemas.defaults import resolve
from tunesmith.schemas.models import BaseModelEntry, Comparison, Estimate, HubSource
from tunesmith.schemas.shape import Task, TrainingMethod
from tunesmith.schemas.training import TrainingResult, TrainingSpec
from tunesmith.training.model_card import LOADING, merged_card, model_card

MakeSpec = Callable[..., TrainingSpec]


@pytest.fixture
def result(chat_spec: MakeSpec) -> TrainingResult:
    spec = chat_spec()
    some = Estimate(value=1.0, low=0.9, high=1.1)
    said = "Better on 40 held-out records: loss 2.0 before, 1.0 after (difference -1.0, 95 % interval -1.1 to -0.9)."
    return TrainingResult(
        hyperparameters=resolve(
            spec.hyperparameters, task=Task.CHAT, adaptation=spec.adaptation, n_examples=30, context=256, parameters=5
        ),
        steps=8,
        trained_tokens=12345,
        n_train=30,
        n_held_out=40,
        record_fingerprint="f" * 64,
        metrics={},
        comparisons=[
            Comparison(
                set="held_out", metric="loss", count=40, before=some, after=some, difference=some, verdict="better",
                sentence=said,
            )
        ],
        packages={"torch": "2.13.0"},
    )  # fmt: skip


def front(card: str) -> dict[str, Any]:
    head, text = card.removeprefix("---\n").split("\n---\n", 1)
    assert text.strip().startswith("# ")
    return yaml.safe_load(head)


def hub_base(entry: BaseModelEntry, **changed: Any) -> BaseModelEntry:
    return entry.model_copy(update={"source": HubSource(repo="some/base"), **changed})


def test_it_tells_origin_numbers_proof_and_limits(chat_spec: MakeSpec, result: TrainingResult) -> None:
    card = model_card(chat_spec(), result, "The figures are of the plain base.")
    for told in (
        "- Records: 30 trained on, 40 held out", "f" * 64, "trained tokens: 12,345", result.comparisons[0].sentence,
        "The figures are of the plain base.", "- torch: 2.13.0", "- Seed: 7", "Only 40 records were held out",
        "PeftModel.from_pretrained",
    ):  # fmt: skip
        assert told in card
    assert front(card)["library_name"] == "peft"


def test_a_base_is_named_to_the_hub_only_by_a_name_that_the_hub_knows(chat_spec: MakeSpec, llama) -> None:
    assert "base_model" not in front(model_card(chat_spec(), None))
    named = front(model_card(chat_spec(base=hub_base(llama)), None))
    assert (named["base_model"], named["base_model_relation"]) == ("some/base", "adapter")
    alias = llama.model_copy(update={"aliases": ["short", "some/base"]})
    assert front(model_card(chat_spec(base=alias, adaptation="full"), None))["base_model_relation"] == "finetune"


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("Apache-2.0", {"license": "apache-2.0"}),
        ("CC BY-NC 4.0 (research)", {"license": "other", "license_name": "cc-by-nc-4.0-research"}),
    ],
)
def test_the_licence_is_one_that_the_hub_takes(chat_spec: MakeSpec, llama, licence: str, expected: dict) -> None:
    card = front(model_card(chat_spec(base=llama.model_copy(update={"licence": licence})), None))
    assert {k: v for k, v in card.items() if k.startswith("license")} == expected


@pytest.mark.parametrize(
    ("task", "adaptation", "library", "pipeline", "loader"),
    [
        ("chat", "full", "transformers", "text-generation", "AutoModelForCausalLM"),
        ("chat", "qlora", "peft", "text-generation", "PeftModel"),
        ("classification", "full", "transformers", "text-classification", "AutoModelForSequenceClassification"),
        ("embedding", "full", "sentence-transformers", "sentence-similarity", "SentenceTransformer"),
        ("embedding", "lora", "peft", "sentence-similarity", "model.load_adapter"),
    ],
)
def test_each_kind_says_how_it_is_loaded(
    chat_spec: MakeSpec, task: str, adaptation: str, library: str, pipeline: str, loader: str
) -> None:
    card = model_card(chat_spec(task=task, adaptation=adaptation), None)
    assert (front(card)["library_name"], front(card)["pipeline_tag"]) == (library, pipeline)
    assert loader in card.split(LOADING)[1].split("## ")[0]
    assert ("unquantised base" in card) == (adaptation == "qlora")
    code = card.split("```python\n")[1].split("```")[0]
    compile(code, "the card", "exec")


def test_the_card_of_a_merged_model_is_of_a_whole_one(chat_spec: MakeSpec, llama, result: TrainingResult) -> None:
    spec = chat_spec(base=hub_base(llama), method=TrainingMethod.DPO)
    card = merged_card(model_card(spec, result))
    assert (front(card)["library_name"], front(card)["base_model_relation"]) == ("transformers", "merge")
    assert "dpo" in front(card)["tags"]
    assert "PeftModel" not in card
    assert card.count(LOADING) == 1
    assert result.comparisons[0].sentence in card
    assert "## Limits" in card
