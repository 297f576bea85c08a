"""Toy models and data, small enough that a whole run takes a second or two."""

import hashlib
import json
import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from tunesmith.base_models.load import load_tokenizer
from tunesmith.schemas.models import BaseModelEntry
from tunesmith.schemas.training import Hyperparameters, InputFile, TrainingSpec
from tunesmith.training import base_model

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
WORDS = ["the", "cat", "sat", "on", "a", "mat", "and", "told", "another", "about", "it", "while", "we", "all", "both"]


@pytest.fixture(autouse=True)
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """float32 throughout, one thread: figures can be compared to many digits."""
    torch.set_num_threads(1)
    monkeypatch.setattr(base_model, "_cpu_has_bf16", lambda: False)


@pytest.fixture(autouse=True)
def handlers_put_back() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE with ChatML."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=["<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator([" ".join(WORDS)] * 4, trainer)
    made = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|im_end|>", pad_token="<|im_end|>")
    made.chat_template = CHATML
    return made


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory, tokenizer: PreTrainedTokenizerFast) -> BaseModelEntry:
    """A random Llama of two layers, named as a folder."""
    folder = tmp_path_factory.mktemp("llama")
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        tie_word_embeddings=False,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return entry(folder, key="toy-llama", tasks=["chat"], architecture="llama", chat_template="model", context=256)


@pytest.fixture(scope="session")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> BaseModelEntry:
    """A random GPT-2 of the shape of protein models, with dropout on, and protein-mini's tokenizer."""
    folder = tmp_path_factory.mktemp("gpt2")
    torch.manual_seed(4)
    config = GPT2Config(
        vocab_size=32,
        n_positions=128,
        n_embd=32,
        n_layer=2,
        n_head=4,
        resid_pdrop=0.1,
        embd_pdrop=0.1,
        attn_pdrop=0.0,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    GPT2LMHeadModel(config).save_pretrained(folder)
    load_tokenizer(Path(base_model.__file__).parents[1] / "base_models" / "protein-mini").save_pretrained(folder)
    return entry(
        folder,
        key="toy-gpt2",
        tasks=["protein"],
        architecture="gpt2",
        prompt_format="residues",
        lora_targets=["c_attn", "c_proj", "c_fc"],
        context=128,
    )


def entry(folder: Path, **changed: Any) -> BaseModelEntry:
    return BaseModelEntry.model_validate(
        {
            "title": "Toy",
            "source": {"type": "folder", "path": str(folder)},
            "licence": "Apache-2.0",
            "parameters": 50_000,
            "needs_memory_bytes": 1_000_000,
            **changed,
        }
    )


@pytest.fixture
def chat_file(tmp_path: Path) -> InputFile:
    """40 questions with answers of different lengths."""
    rng = random.Random(0)
    lines = [
        {
            "messages": [
                {"role": "user", "content": f"{i} " + " ".join(rng.choices(WORDS, k=rng.randint(1, 8)))},
                {"role": "assistant", "content": " ".join(rng.choices(WORDS[:6], k=rng.randint(1, 9)))},
            ]
        }
        for i in range(40)
    ]
    return jsonl(tmp_path / "chats.jsonl", lines)


@pytest.fixture
def fasta_file(tmp_path: Path) -> InputFile:
    """Twelve families of four near relatives."""
    rng = random.Random(1)
    text = ""
    for family in range(12):
        parent = "".join(rng.choices("ACDEFGHIKLMNPQRSTVWY", k=rng.randint(40, 80)))
        for member in range(4):
            text += f">f{family}m{member} of a family\n{mutated(parent, 0.1, rng)}\n"
    path = tmp_path / "families.fasta"
    path.write_text(text)
    return InputFile(path=str(path), format="fasta", sha256=sha256(path))


def mutated(parent: str, share: float, rng: random.Random) -> str:
    return "".join(rng.choice("ACDEFGHIKLMNPQRSTVWY") if rng.random() < share else c for c in parent)


def jsonl(path: Path, lines: list[dict[str, Any]]) -> InputFile:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return InputFile(path=str(path), format="jsonl", sha256=sha256(path))


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def write_jsonl(tmp_path: Path) -> Callable[[list[dict[str, Any]]], InputFile]:
    return lambda lines: jsonl(tmp_path / "given.jsonl", lines)


@pytest.fixture
def chat_spec(llama: BaseModelEntry, chat_file: InputFile) -> Callable[..., TrainingSpec]:
    def make(**changed: Any) -> TrainingSpec:
        numbers = Hyperparameters(
            **{"n_epochs": 2, "batch_size": 8, "learning_rate": 0.01, **changed.pop("numbers", {})}
        )
        given = {"adaptation": "lora", "base": llama, "training_file": chat_file, "validation_split": 0.25, **changed}
        return TrainingSpec.model_validate(
            {"job_id": "ftjob-toy", "task": "chat", "hyperparameters": numbers, "seed": 7, **given}
        )

    return make


@pytest.fixture
def protein_spec(gpt2: BaseModelEntry, fasta_file: InputFile) -> Callable[..., TrainingSpec]:
    def make(**changed: Any) -> TrainingSpec:
        numbers = Hyperparameters(
            **{"n_epochs": 2, "batch_size": 8, "learning_rate": 0.01, **changed.pop("numbers", {})}
        )
        given = {"adaptation": "full", "base": gpt2, "training_file": fasta_file, "validation_split": 0.3, **changed}
        return TrainingSpec.model_validate(
            {"job_id": "ftjob-toy", "task": "protein", "hyperparameters": numbers, "seed": 7, **given}
        )

    return make


@pytest.fixture
def read_progress() -> Callable[[Path], list[dict[str, Any]]]:
    return lambda out: [json.loads(line) for line in (out / "progress.jsonl").read_text().splitlines()]
