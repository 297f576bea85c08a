"""Embeddings and classes from a real engine, asked by the unmodified openai SDK and by our own."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import numpy as np
import openai
import pytest
import yaml

from tunesmith.client import AsyncTunesmith
from tunesmith.schemas.encoding import ClassifyReply, EmbeddingReply
from tunesmith.schemas.errors import Invalid

TEXTS = ["red car", "blue", "red blue car red blue"]
LABELS = ["billing", "shipping", "other"]
CLASSES = "ft:all-minilm-l6-v2:default:tickets:abc"


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An operator's catalogue: an embedding base, and a classifier that somebody else trained."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertForSequenceClassification, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("encoders")
    backend = Tokenizer(
        models.WordLevel({"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "red": 4, "blue": 5, "car": 6}, "[UNK]")
    )
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="[UNK]", pad_token="[PAD]")
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=7, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=32, initializer_range=0.5, id2label=dict(enumerate(LABELS)),
        label2id={label: i for i, label in enumerate(LABELS)},
    )  # fmt: skip
    BertModel(config).save_pretrained(folder / "tiny-embed")
    BertForSequenceClassification(config).save_pretrained(folder / "tiny-classes")
    entries = []
    for key, task in (("tiny-embed", "embedding"), ("tiny-classes", "classification")):
        tokenizer.save_pretrained(folder / key)
        entries.append(
            {
                "key": key, "title": key, "tasks": [task], "source": {"type": "folder", "path": key},
                "licence": "none", "parameters": 10_000, "context": 32, "architecture": "bert",
                "needs_memory_bytes": 1_000_000,
            }
        )  # fmt: skip
    (folder / "catalog.yaml").write_text(yaml.safe_dump({"models": entries}))
    return folder / "catalog.yaml"


@pytest.fixture
async def asked(make_server, serve, register_at, catalog, tmp_path) -> AsyncIterator[Callable[[], tuple[str, str]]]:
    """A server with a real engine behind it: its URL, and a key."""
    from tunesmith.base_models.fetch import local_folder
    from tunesmith.engines.app import create_app
    from tunesmith.engines.artifacts import Artifacts
    from tunesmith.engines.settings import EngineSettings
    from tunesmith.engines.transformers import TransformersEngine

    @asynccontextmanager
    async def real_engine(url: str):
        settings = EngineSettings(models_dir=tmp_path / "models", threads=1)
        async with httpx.AsyncClient(base_url=url, trust_env=False) as files:
            artifacts = Artifacts(tmp_path / "cache", files, limit_bytes=10**9)
            engine = TransformersEngine(settings, artifacts, lambda entry: local_folder(entry, tmp_path))
            try:
                async with serve(create_app(engine, "engine-secret-0123456789")) as engine_url:
                    yield engine_url
            finally:
                await engine.close()

    async with (
        make_server(catalog=catalog) as server,
        serve(server.app) as url,
        real_engine(url) as engine_url,
    ):
        told = {"engine_id": "e", "url": engine_url, "secret": "engine-secret-0123456789", "loaded": [], "version": "1"}
        await register_at(server, told)
        yield url, next(iter(server.bearer().values())).removeprefix("Bearer ")


@pytest.fixture
async def sdk(asked) -> AsyncIterator[openai.AsyncOpenAI]:
    url, key = asked
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=60) as made:
        yield made


@pytest.fixture
async def ours(asked) -> AsyncIterator[AsyncTunesmith]:
    url, key = asked
    async with AsyncTunesmith(url, key) as made:
        yield made


async def test_the_openai_sdk_embeds_by_its_default_and_by_numbers(sdk: openai.AsyncOpenAI):
    by_default = await sdk.embeddings.create(model="tiny-embed", input=TEXTS, user="ada")
    assert [each.index for each in by_default.data] == [0, 1, 2]
    assert by_default.model == "tiny-embed"
    assert by_default.usage.prompt_tokens == by_default.usage.total_tokens == 4 + 3 + 7
    async with openai.AsyncOpenAI(
        base_url=sdk.base_url, api_key=sdk.api_key, max_retries=0, _strict_response_validation=True
    ) as strict:
        numbers = await strict.embeddings.create(model="tiny-embed", input=TEXTS, encoding_format="float")
    for found, expected in zip(by_default.data, numbers.data, strict=True):
        assert len(found.embedding) == 16
        np.testing.assert_allclose(found.embedding, expected.embedding, atol=1e-6)
        assert np.linalg.norm(found.embedding) == pytest.approx(1, abs=1e-5)
    one = await sdk.embeddings.create(model="tiny-embed", input=[2, 4, 6, 3])
    np.testing.assert_allclose(one.data[0].embedding, numbers.data[0].embedding, atol=1e-5)
    rows = await sdk.embeddings.create(model="tiny-embed", input=[[2, 4, 6, 3], [2, 5, 3]])
    np.testing.assert_allclose(rows.data[1].embedding, numbers.data[1].embedding, atol=1e-5)


REFUSED = (
    ({"input": ""}, "input", "empty_input"),
    ({"input": []}, "input", "empty_array"),
    ({"input": ["red", ""]}, "input[1]", "empty_input"),
    ({"input": [[4], []]}, "input[1]", "empty_input"),
    ({"input": ["red", 4]}, "input[1]", "invalid_type"),
    ({"input": [4, "red"]}, "input[0]", "invalid_type"),
    ({"input": [True]}, "input[0]", "invalid_type"),
    ({"input": {"red": 1}}, "input", "invalid_type"),
    ({"input": ["red"] * 2049}, "input", "array_above_max_length"),
    ({"input": ["red", "red " * 31]}, "input[1]", "context_length_exceeded"),
    ({"input": [[4], [7]]}, "input[1]", "invalid_value"),
    ({"input": "red", "dimensions": 0}, "dimensions", None),
    ({"input": "red", "dimensions": 17}, "dimensions", "invalid_value"),
    ({"input": "red", "encoding_format": "int8"}, "encoding_format", None),
    ({"input": "red", "colour": 1}, "colour", None),
)
"""Body, the place that the answer names, and its code where it is fixed."""


async def test_what_cannot_be_embedded_is_400_and_names_its_place(asked):
    url, key = asked
    async with httpx.AsyncClient(base_url=url, headers={"authorization": f"Bearer {key}"}, trust_env=False) as http:
        for wanted, param, code in REFUSED:
            reply = await http.post("/v1/embeddings", json={"model": "tiny-embed", **wanted}, timeout=60)
            error = reply.json()["error"]
            assert (reply.status_code, error["param"]) == (400, param), (wanted, error)
            assert code is None or error["code"] == code, (wanted, error)


async def test_the_most_inputs_of_a_request_come_back_in_order(sdk: openai.AsyncOpenAI):
    texts = [TEXTS[i % 3] for i in range(2048)]
    three = (await sdk.embeddings.create(model="tiny-embed", input=TEXTS)).data
    many = (await sdk.embeddings.create(model="tiny-embed", input=texts)).data
    expected = np.array([three[i % 3].embedding for i in range(2048)])
    np.testing.assert_allclose([each.embedding for each in many], expected, atol=1e-5)


async def test_our_own_sdk_embeds_and_classifies(asked, ours: AsyncTunesmith):
    reply = await ours.embeddings.create(model="tiny-embed", input=TEXTS)
    numbers = await ours.embeddings.create(model="tiny-embed", input=TEXTS, encoding_format="float")
    assert isinstance(reply.data[0].embedding, str)
    assert base64.b64decode(reply.data[0].embedding) == np.array(numbers.vectors[0], dtype="<f4").tobytes()
    np.testing.assert_allclose(reply.vectors, numbers.vectors, atol=1e-6)
    EmbeddingReply.model_validate_json(numbers.model_dump_json())
    found = await ours.classify.create(model="tiny-classes", input=TEXTS)
    assert isinstance(found, ClassifyReply)
    for i, each in enumerate(found.data):
        assert each.index == i
        assert sum(each.probabilities.values()) == pytest.approx(1, abs=1e-5)
        assert each.label == max(each.probabilities, key=lambda label: each.probabilities[label])
    assert (await ours.classify.create(model="tiny-classes", input="blue")).data[0].label == found.data[1].label
    assert found.usage.prompt_tokens == 14


@pytest.mark.parametrize(
    ("route", "model", "said"),
    [
        ("chat/completions", "all-minilm-l6-v2", "POST /v1/embeddings"),
        ("completions", CLASSES, "POST /v1/classify"),
        ("embeddings", CLASSES, "POST /v1/classify"),
        ("generate", "all-minilm-l6-v2", "POST /v1/embeddings"),
        ("embeddings", "smollm2-135m-instruct", "POST /v1/chat/completions"),
        ("embeddings", "protein-mini", "POST /v1/generate"),
        ("classify", "protein-mini", "POST /v1/generate"),
    ],
)
async def test_a_model_of_another_task_says_which_route_to_call(live, make_engine, server, route, model, said):
    if model == CLASSES:
        await add_classifier(server)
    engine = await make_engine(None)
    body = {
        "chat/completions": {"messages": [{"role": "user", "content": "hi"}]},
        "completions": {"prompt": "hi"},
        "generate": {},
    }.get(route, {"input": "hi"})
    reply = await live.post(f"/v1/{route}", json={"model": model, **body})
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "model"), reply.text
    assert said in reply.json()["error"]["message"]
    assert engine.calls == []


async def add_classifier(server) -> None:
    from sqlalchemy import select

    from tunesmith.server.accounts.tables import UserRow
    from tunesmith.server.models.tables import ModelVersionRow

    base = server.app.state.catalog.get("all-minilm-l6-v2")
    async with server.app.state.db.session() as session:
        user = (await session.scalars(select(UserRow))).first()
        session.add(
            ModelVersionRow(
                id=CLASSES, project_id=user.project_id, created_by=user.id, owned_by=user.name, job_id="ftjob-1",
                upload_id="wup_1", family="tickets", version=1, task="classification", adaptation="lora",
                base_model=base.key, base=base.model_dump(mode="json"), parent_model=None,
                manifest=[{"path": "adapter_model.safetensors", "size_bytes": 5, "sha256": "a" * 64}], size_bytes=5,
                metrics={}, comparisons=[], lineage={},
            )
        )  # fmt: skip


async def test_our_own_sdk_raises_what_the_server_says(ours: AsyncTunesmith):
    with pytest.raises(Invalid, match="POST /v1/embeddings"):
        await ours.classify.create(model="tiny-embed", input="red")


async def test_a_client_that_leaves_ends_the_work(live, make_engine):
    started = asyncio.Event()

    async def never(talk):
        started.set()
        await talk.until_gone()

    engine = await make_engine(never)
    request = asyncio.create_task(live.post("/v1/embeddings", json={"model": "all-minilm-l6-v2", "input": "red"}))
    await started.wait()
    request.cancel()
    await asyncio.wait_for(engine.gone.wait(), 10)
    assert engine.calls[0]["served"]["task"] == "embedding"
