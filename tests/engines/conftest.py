"""Tiny models that the engine's tests answer with: random ones, and a parrot that says a given text."""

import asyncio
import hashlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
import uvicorn
from peft import LoraConfig, get_peft_model
from starlette.applications import Starlette
from starlette.staticfiles import StaticFiles
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BertConfig,
    BertModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from tunesmith.base_models.fetch import local_folder
from tunesmith.engines.app import create_app
from tunesmith.engines.artifacts import Artifacts
from tunesmith.engines.settings import EngineSettings
from tunesmith.engines.transformers import TransformersEngine
from tunesmith.schemas.inference import ServedModel
from tunesmith.schemas.models import BaseModelEntry, BundledSource, FolderSource
from tunesmith.schemas.shape import Adaptation, Task
from tunesmith.schemas.worker import Download

SECRET = "a-secret-of-the-tests"
CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE with ChatML, small enough that most characters beyond ASCII are spread over tokens."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=330,
        special_tokens=["<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(
        ["the answer is what the question asks for, and then some more of the same"] * 4, trainer
    )
    made = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|im_end|>", pad_token="<|im_end|>")
    made.chat_template = CHATML
    return made


@pytest.fixture(scope="session")
def llama_folder(tmp_path_factory: pytest.TempPathFactory, tokenizer: PreTrainedTokenizerFast) -> Path:
    """A random Llama of two layers."""
    folder = tmp_path_factory.mktemp("llama")
    torch.manual_seed(5)
    model = LlamaForCausalLM(_config(tokenizer, initializer_range=0.2))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def make_parrot(
    tmp_path_factory: pytest.TempPathFactory, tokenizer: PreTrainedTokenizerFast
) -> Callable[[str], BaseModelEntry]:
    """A Llama that says one text after any chat prompt, and then ends: each token's output is the next one's input.

    No token may occur twice in the text, since the model sees only the newest one.
    """

    def make(text: str) -> BaseModelEntry:
        ids = tokenizer(text, add_special_tokens=False).input_ids
        assert len(set(ids)) == len(ids), "the parrot's text repeats a token"
        start = tokenizer("\n").input_ids[-1]
        assert start not in ids
        model = LlamaForCausalLM(_config(tokenizer, hidden_size=256, num_hidden_layers=1))
        torch.manual_seed(1)
        with torch.no_grad():
            model.model.embed_tokens.weight.normal_()
            for layer in model.model.layers:
                layer.self_attn.o_proj.weight.zero_()
                layer.mlp.down_proj.weight.zero_()
            model.lm_head.weight.zero_()
            for now, following in zip([start, *ids], [*ids, tokenizer.eos_token_id], strict=True):
                model.lm_head.weight[following] = model.model.embed_tokens.weight[now]
        folder = tmp_path_factory.mktemp("parrot")
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return entry_of(folder, "parrot")

    return make


def _config(tokenizer: PreTrainedTokenizerFast, **changed: Any) -> LlamaConfig:
    sizes = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
    return LlamaConfig(
        **{
            "vocab_size": len(tokenizer),
            "num_key_value_heads": 2,
            "max_position_embeddings": 512,
            "tie_word_embeddings": False,
            "eos_token_id": tokenizer.eos_token_id,
            "bos_token_id": None,
            **sizes,
            **changed,
        }
    )


def entry_of(folder: Path, key: str, **changed: Any) -> BaseModelEntry:
    return BaseModelEntry.model_validate(
        {
            "key": key,
            "title": key,
            "tasks": ["chat"],
            "source": FolderSource(path=str(folder)),
            "licence": "none",
            "parameters": 1_000_000,
            "context": 512,
            "architecture": "llama",
            "chat_template": "model",
            "needs_memory_bytes": 10**8,
            **changed,
        }
    )


@pytest.fixture(scope="session")
def llama(llama_folder: Path) -> BaseModelEntry:
    return entry_of(llama_folder, "tiny-llama")


@pytest.fixture(scope="session")
def protein() -> BaseModelEntry:
    return BaseModelEntry(
        key="protein-mini",
        title="protein-mini",
        tasks=[Task.PROTEIN],
        source=BundledSource(folder="protein-mini"),
        licence="Apache-2.0",
        parameters=5_000_000,
        context=1024,
        architecture="gpt2",
        prompt_format="residues",
        needs_memory_bytes=10**9,
    )


@pytest.fixture(scope="session")
def make_adapter(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A LoRA adapter with random weights for the model in a folder, as training saves it."""

    def make(base: Path, seed: int, **changed: Any) -> Path:
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_pretrained(base)
        config = LoraConfig(**{"r": 4, "target_modules": "all-linear", "init_lora_weights": False, **changed})
        folder = tmp_path_factory.mktemp(f"adapter-{seed}")
        get_peft_model(model, config).save_pretrained(folder)
        (folder / "README.md").unlink(missing_ok=True)
        AutoTokenizer.from_pretrained(base).save_pretrained(folder)
        return folder

    return make


@dataclass
class Files:
    """A real HTTP file server with Range, and what was asked of it."""

    root: Path
    requests: list[httpx.Request]
    client: httpx.AsyncClient

    def downloads(self, folder: Path) -> list[Download]:
        """Signed links, as far as the engine can see, to all files of a folder under `root`."""
        found = []
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            body = path.read_bytes()
            name = path.relative_to(folder).as_posix()
            url = "/" + path.relative_to(self.root).as_posix()
            found.append(Download(name=name, size_bytes=len(body), sha256=hashlib.sha256(body).hexdigest(), url=url))
        return found


@pytest.fixture
async def files(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Files]:
    root = tmp_path_factory.getbasetemp()
    app = Starlette()
    app.mount("/", StaticFiles(directory=root))
    requests: list[httpx.Request] = []

    async def note(request: httpx.Request) -> None:
        requests.append(request)

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://files", event_hooks={"request": [note]}
    ) as client:
        yield Files(root, requests, client)


@pytest.fixture
def served() -> Callable[..., ServedModel]:
    def make(entry: BaseModelEntry, name: str | None = None, **changed: Any) -> ServedModel:
        return ServedModel(name=name or entry.key, task=entry.tasks[0], base=entry, **changed)

    return make


@pytest.fixture
def served_adapter(files: Files) -> Callable[[BaseModelEntry, Path, str], ServedModel]:
    def make(entry: BaseModelEntry, folder: Path, name: str) -> ServedModel:
        downloads = files.downloads(folder)
        return ServedModel(name=name, task=entry.tasks[0], base=entry, adaptation=Adaptation.LORA, files=downloads)

    return make


WORDS = ["how", "long", "is", "a", "lease", "lives", "thirty", "seconds", "refund", "card", "twice", "where", "parcel"]


@pytest.fixture(scope="session")
def word_tokenizer() -> PreTrainedTokenizerFast:
    """Words as tokens between [CLS] and [SEP], as BERT has it."""
    vocabulary = {token: i for i, token in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS])}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]"
    )


@pytest.fixture(scope="session")
def bert_folder(tmp_path_factory: pytest.TempPathFactory, word_tokenizer: PreTrainedTokenizerFast) -> Path:
    """A random BERT of two layers without any head, as a hub's base is."""
    folder = tmp_path_factory.mktemp("bert")
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=len(word_tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=64, max_position_embeddings=40, initializer_range=0.3,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    word_tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def bert(bert_folder: Path) -> BaseModelEntry:
    return entry_of(
        bert_folder, "tiny-bert", tasks=["embedding", "classification"], architecture="bert", chat_template="none",
        query_prefix="how ", passage_prefix="a ",
    )  # fmt: skip


@pytest.fixture(scope="session")
def lora_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """An adapter with random weights for a model, as training saves it, with the files that say what it is."""

    def make(model: Any, seed: int, task_type: str, told: dict[str, dict[str, Any]], **changed: Any) -> Path:
        torch.manual_seed(seed)
        config = LoraConfig(
            **{"r": 4, "target_modules": "all-linear", "init_lora_weights": False, "task_type": task_type, **changed}
        )
        folder = tmp_path_factory.mktemp(f"lora-{seed}")
        get_peft_model(model, config).save_pretrained(folder)
        (folder / "README.md").unlink(missing_ok=True)
        for name, content in told.items():
            (folder / name).write_text(json.dumps(content))
        return folder

    return make


@pytest.fixture
def served_tuned(files: Files) -> Callable[..., ServedModel]:
    """A tuned model of any task, its files behind links."""

    def make(entry: BaseModelEntry, folder: Path, name: str, task: str, adaptation: str = "lora") -> ServedModel:
        return ServedModel(
            name=name, task=Task(task), base=entry, adaptation=Adaptation(adaptation), files=files.downloads(folder)
        )

    return make


@pytest.fixture
def make_engine(files: Files, tmp_path: Path) -> Callable[..., TransformersEngine]:
    """Engines that share the test's event loop."""

    def make(**changed: Any) -> TransformersEngine:
        settings = EngineSettings(**{"models_dir": tmp_path / "models", "threads": 1, "dtype": "float32", **changed})
        artifacts = Artifacts(tmp_path / "cache", files.client, limit_bytes=settings.cache_bytes)
        return TransformersEngine(settings, artifacts, lambda entry: local_folder(entry, settings.models_dir))

    return make


@pytest.fixture
async def engine(make_engine: Callable[..., TransformersEngine]) -> AsyncIterator[TransformersEngine]:
    made = make_engine()
    yield made
    await made.close()


class EngineClient(httpx.AsyncClient):
    """Calls the engine as the server does."""

    async def ask(self, route: str, served: ServedModel, **request: Any) -> httpx.Response:
        return await self.post(f"/engine/v1/{route}", json=call(route, served, **request))

    async def ask_frames(self, route: str, served: ServedModel, **request: Any) -> list[dict[str, Any]]:
        """The JSON of all frames; checks the framing and the end."""
        reply = await self.ask(route, served, stream=True, **request)
        assert reply.status_code == 200, reply.text
        assert reply.headers["content-type"].startswith("text/event-stream")
        lines = reply.text.split("\n\n")
        assert lines[-2:] == ["data: [DONE]", ""]
        assert all(line.startswith("data: ") and "\n" not in line for line in lines[:-1])
        return [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]


def call(route: str, served: ServedModel, **request: Any) -> dict[str, Any]:
    key = {"completions": "completion", "embeddings": "embedding"}.get(route, route)
    return {"served": served.model_dump(mode="json"), key: {"model": served.name, **request}}


@pytest.fixture
def make_call() -> Callable[..., dict[str, Any]]:
    return call


@pytest.fixture
async def client(engine: TransformersEngine) -> AsyncIterator[EngineClient]:
    """A real HTTP server on a free port, so that streaming and hanging up are real."""
    headers = {"Authorization": f"Bearer {SECRET}"}
    async with (
        listening(create_app(engine, SECRET)) as url,
        EngineClient(base_url=url, headers=headers, timeout=60, trust_env=False) as made,
    ):
        yield made


@pytest.fixture
def until() -> Callable[[Callable[[], object]], Awaitable[None]]:
    """Waits for what another thread or process does, at most 20 s."""

    async def wait(reached: Callable[[], object]) -> None:
        for _ in range(4000):
            if reached():
                return
            await asyncio.sleep(0.005)
        pytest.fail("it did not happen within 20 s")

    return wait


@pytest.fixture
def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@asynccontextmanager
async def listening(app: Any, port: int = 0) -> AsyncIterator[str]:
    """The app as a real HTTP server in this event loop; its URL."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


@pytest.fixture
def listen() -> Callable[..., AbstractAsyncContextManager[str]]:
    return listening
