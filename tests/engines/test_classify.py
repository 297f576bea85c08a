"""Classes: transformers' own logits, whole or as an adapter on a base."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    EsmConfig,
    EsmForSequenceClassification,
    EsmModel,
    EsmTokenizer,
)

TEXTS = ["how long is a lease", "refund", "where is a parcel where is a parcel"]
LABELS = ["billing", "shipping", "other"]


def classifier(folder: Path, seed: int, *, multi_label: bool = False) -> Any:
    torch.manual_seed(seed)
    return AutoModelForSequenceClassification.from_pretrained(
        folder,
        id2label=dict(enumerate(LABELS)),
        label2id={label: i for i, label in enumerate(LABELS)},
        problem_type="multi_label_classification" if multi_label else "single_label_classification",
        pad_token_id=AutoTokenizer.from_pretrained(folder).pad_token_id,
    ).eval()


def plain(model: Any, tokenizer: Any, texts: list[str]) -> torch.Tensor:
    """transformers' own logits, one text at a time."""
    with torch.inference_mode():
        return torch.cat([model(**tokenizer(text, return_tensors="pt")).logits for text in texts])


async def answers(client, served, **wanted: Any) -> list[dict[str, Any]]:
    reply = await client.ask("classify", served, **wanted)
    assert reply.status_code == 200, reply.text
    assert reply.json()["object"] == "list"
    return reply.json()["data"]


def by_class(found: list[dict[str, Any]]) -> torch.Tensor:
    return torch.tensor([[each["probabilities"][label] for label in LABELS] for each in found])


@pytest.fixture
def full(bert_folder, word_tokenizer, tmp_path):
    """A fully tuned classifier's folder, as training saves it, and its model."""

    def make(*, multi_label: bool = False, labels_file: bool = True) -> tuple[Path, Any]:
        folder = tmp_path / f"full-{multi_label}-{labels_file}"
        model = classifier(bert_folder, 7, multi_label=multi_label)
        with torch.no_grad():
            model.classifier.weight.normal_()
        model.save_pretrained(folder)
        word_tokenizer.save_pretrained(folder)
        if labels_file:
            (folder / "labels.json").write_text(json.dumps({"labels": LABELS, "multi_label": multi_label}))
        return folder, model

    return make


async def test_probabilities_are_the_softmax_of_transformers_logits(
    client, bert, full, served_tuned, word_tokenizer
) -> None:
    folder, model = full()
    found = await answers(client, served_tuned(bert, folder, "tuned", "classification", "full"), input=TEXTS)
    expected = plain(model, word_tokenizer, TEXTS).softmax(-1)
    torch.testing.assert_close(by_class(found), expected, atol=1e-5, rtol=0)
    for i, each in enumerate(found):
        assert each["label"] == LABELS[int(expected[i].argmax())] == next(iter(each["probabilities"]))
        assert each["labels"] == [each["label"]]
        assert (each["index"], each["object"]) == (i, "classification")


@pytest.mark.parametrize("labels_file", [True, False])
async def test_of_a_multi_label_model_all_classes_above_a_half_are_given(
    client, bert, full, served_tuned, word_tokenizer, labels_file
) -> None:
    folder, model = full(multi_label=True, labels_file=labels_file)
    found = await answers(client, served_tuned(bert, folder, "tuned", "classification", "full"), input=TEXTS)
    expected = plain(model, word_tokenizer, TEXTS).sigmoid()
    torch.testing.assert_close(by_class(found), expected, atol=1e-5, rtol=0)
    counts = set()
    for each, row in zip(found, expected, strict=True):
        above = {label for label, p in zip(LABELS, row.tolist(), strict=True) if p > 0.5}
        assert set(each["labels"]) == above
        assert each["label"] == (max(above, key=lambda label: each["probabilities"][label]) if above else None)
        counts.add(len(above))
    assert counts != {1}, "the example should show more than one class, or none"


async def test_adapters_share_the_base_and_answer_as_peft_does(
    client, engine, bert, bert_folder, lora_of, served, served_tuned, word_tokenizer
) -> None:
    names = []
    for seed in (1, 2):
        told = {"labels.json": {"labels": LABELS, "multi_label": False}}
        folder = lora_of(classifier(bert_folder, seed), seed, "SEQ_CLS", told)
        peft = PeftModel.from_pretrained(classifier(bert_folder, 99), str(folder)).eval()
        names.append(f"lora-{seed}")
        found = await answers(client, served_tuned(bert, folder, names[-1], "classification"), input=TEXTS)
        expected = plain(peft, word_tokenizer, TEXTS).softmax(-1)
        torch.testing.assert_close(by_class(found), expected, atol=1e-5, rtol=0)
    vectors = await client.ask("embeddings", served(bert), input=TEXTS)
    assert vectors.status_code == 200
    assert engine.loaded() == [*names, "tiny-bert"]
    bodies = {id(model.body) for model in engine._residents.things()}
    assert len(bodies) == 1, "two classifiers and the base's own embeddings share its weights"


async def test_a_causal_base_is_read_at_its_last_token(
    client, llama, llama_folder, lora_of, served_tuned, tokenizer
) -> None:
    entry = llama.model_copy(update={"tasks": ["classification"]})
    told = {"labels.json": {"labels": LABELS, "multi_label": False}}
    folder = lora_of(classifier(llama_folder, 5), 5, "SEQ_CLS", told)
    peft = PeftModel.from_pretrained(classifier(llama_folder, 99), str(folder)).eval()
    found = await answers(client, served_tuned(entry, folder, "lora", "classification"), input=TEXTS)
    torch.testing.assert_close(by_class(found), plain(peft, tokenizer, TEXTS).softmax(-1), atol=1e-5, rtol=0)


async def test_an_adapter_on_a_model_of_sequences_brings_its_whole_head(
    client, bert, tmp_path, lora_of, served_tuned
) -> None:
    base = tmp_path / "esm"
    base.mkdir()
    tokens = ["<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPKQNFYMHWCXBUZO", ".", "-", "<null_1>", "<mask>"]
    (base / "vocab.txt").write_text("\n".join(tokens))
    torch.manual_seed(4)
    config = EsmConfig(
        vocab_size=33, hidden_size=40, num_hidden_layers=2, num_attention_heads=4, intermediate_size=80,
        max_position_embeddings=1026, position_embedding_type="rotary", pad_token_id=1, mask_token_id=32,
        token_dropout=True, initializer_range=0.2,
    )  # fmt: skip
    EsmModel(config, add_pooling_layer=False).save_pretrained(base)
    EsmTokenizer(str(base / "vocab.txt")).save_pretrained(base)
    entry = bert.model_copy(
        update={"key": "esm", "architecture": "esm", "source": bert.source.model_copy(update={"path": str(base)})}
    )
    told = {"labels.json": {"labels": LABELS, "multi_label": False}}
    whole = classifier(base, 6)
    assert isinstance(whole, EsmForSequenceClassification)
    folder = lora_of(whole, 6, "SEQ_CLS", told)
    peft = PeftModel.from_pretrained(classifier(base, 99), str(folder)).eval()
    found = await answers(client, served_tuned(entry, folder, "lora", "classification"), input=["mk-twf", "MKTXX", "M"])
    expected = plain(peft, AutoTokenizer.from_pretrained(base), ["MKTWF", "MKTXX", "M"]).softmax(-1)
    torch.testing.assert_close(by_class(found), expected, atol=1e-5, rtol=0)


async def test_a_base_without_classes_says_to_tune_it_first(client, served, bert) -> None:
    model = served(bert).model_copy(update={"task": "classification"})
    reply = await client.ask("classify", model, input="refund")
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "model")
    assert "Fine-tune it" in reply.json()["error"]["message"]


async def test_a_base_with_classes_of_its_own_is_asked_at_once(client, bert, full, served, word_tokenizer) -> None:
    folder, model = full(labels_file=False)
    source = bert.source.model_copy(update={"path": str(folder)})
    entry = bert.model_copy(update={"key": "own", "source": source, "tasks": ["classification"]})
    found = await answers(client, served(entry), input=TEXTS[0])
    expected = plain(model, word_tokenizer, TEXTS[:1]).softmax(-1)
    torch.testing.assert_close(by_class(found), expected, atol=1e-5, rtol=0)


async def test_a_classifier_makes_no_embeddings_and_says_what_to_call(client, bert, full, served_tuned) -> None:
    folder, _ = full()
    reply = await client.ask(
        "embeddings", served_tuned(bert, folder, "tuned", "classification", "full"), input="refund"
    )
    assert reply.status_code == 400
    assert "/v1/classify" in reply.json()["error"]["message"]


@pytest.mark.parametrize(
    ("labels", "said"),
    [(LABELS[:2], "does not fit 2 classes"), (None, "no labels.json")],
)
async def test_an_adapter_whose_labels_do_not_fit_its_head_is_refused_and_leaves_nothing(
    client, engine, bert, bert_folder, lora_of, served_tuned, labels, said
) -> None:
    told = {"labels.json": {"labels": labels, "multi_label": False}} if labels else {}
    folder = lora_of(classifier(bert_folder, 1), 1, "SEQ_CLS", told)
    reply = await client.ask("classify", served_tuned(bert, folder, "lora", "classification"), input="refund")
    assert reply.status_code == 400
    assert said in reply.json()["error"]["message"]
    assert engine.loaded() == []


async def test_a_model_in_use_is_not_unloaded_and_goes_when_it_is_idle(
    client, engine, bert, bert_folder, lora_of, served_tuned
) -> None:
    told = {"labels.json": {"labels": LABELS, "multi_label": False}}
    model = served_tuned(bert, lora_of(classifier(bert_folder, 1), 1, "SEQ_CLS", told), "lora", "classification")
    async with engine.lease_encoder(model) as held:
        reply = await client.post("/engine/v1/unload", json={"name": "lora"})
        assert reply.json()["error"]["code"] == "in_use"
        waiting = asyncio.create_task(held.encode([[2, 5, 3]]))
        assert (await waiting).shape == (1, 3)
    assert (await client.post("/engine/v1/unload", json={"name": "lora"})).json()["unloaded"]
    assert (await answers(client, model, input="refund"))[0]["label"] in LABELS
