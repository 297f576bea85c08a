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
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertModel,
    EsmConfig,
    EsmForMaskedLM,
    EsmTokenizer,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

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
def preference_file(tmp_path: Path) -> InputFile:
    """40 pairs of answers in OpenAI's form: the cat is preferred to the mat."""
    rng = random.Random(2)

    def said(role: str, text: str, n: int) -> list[dict[str, str]]:
        return [{"role": role, "content": " ".join([text, *rng.choices(WORDS, k=n)])}]

    lines = [
        {
            "input": {"messages": said("user", str(i), 3)},
            "preferred_output": said("assistant", "the cat", 2),
            "non_preferred_output": said("assistant", "a mat", 4),
        }
        for i in range(40)
    ]
    return jsonl(tmp_path / "pairs.jsonl", lines)


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


LEFT, RIGHT = ([f"{side}{i}" for i in range(24)] for side in "lr")


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory) -> BaseModelEntry:
    """A random BERT of two layers with dropout on, whose words are l0-l23 and r0-r23."""
    folder = tmp_path_factory.mktemp("bert")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LEFT, *RIGHT]
    backend = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(folder)
    torch.manual_seed(5)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder)
    return entry(
        folder, key="toy-bert", tasks=["embedding", "classification"], architecture="bert", context=64, pooling="mean"
    )


@pytest.fixture(scope="session")
def esm(tmp_path_factory: pytest.TempPathFactory) -> BaseModelEntry:
    """ESM-2 in the shape of facebook/esm2_t6_8M_UR50D, its tokens and sizes, with random weights."""
    folder = tmp_path_factory.mktemp("esm")
    tokens = [*["<cls>", "<pad>", "<eos>", "<unk>"], *"LAGVSERTIDPQKNFYMHWCXBUZO.-", "<null_1>", "<mask>"]
    assert len(tokens) == 33
    (folder / "vocab.txt").write_text("\n".join(tokens))
    EsmTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(6)
    config = EsmConfig(
        vocab_size=33,
        hidden_size=320,
        num_hidden_layers=6,
        num_attention_heads=20,
        intermediate_size=1280,
        max_position_embeddings=1026,
        position_embedding_type="rotary",
        token_dropout=True,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        pad_token_id=1,
        mask_token_id=32,
    )
    EsmForMaskedLM(config).save_pretrained(folder)
    return entry(folder, key="toy-esm", tasks=["embedding", "classification"], architecture="esm", context=1024)


@pytest.fixture
def encoder_spec(bert: BaseModelEntry, write_jsonl: Callable[..., InputFile]) -> Callable[..., TrainingSpec]:
    """A spec of a run on these records: `encoder_spec("embedding", lines, adaptation="lora", numbers={...})`."""

    def make(task: str, lines: list[dict[str, Any]], **changed: Any) -> TrainingSpec:
        wanted = {"n_epochs": 2, "batch_size": 16, "learning_rate": 0.01, **changed.pop("numbers", {})}
        given = {"adaptation": "full", "base": bert, "validation_split": 0.25, **changed}
        return TrainingSpec.model_validate(
            {
                "job_id": "ftjob-toy",
                "task": task,
                "hyperparameters": Hyperparameters(**wanted),
                "seed": 7,
                "training_file": write_jsonl(lines),
                **given,
            }
        )

    return make


@pytest.fixture
def labelled_lines() -> list[dict[str, Any]]:
    """120 texts of three classes, each class with words of its own among common ones."""
    rng = random.Random(2)
    return [
        {"text": " ".join(rng.choices(RIGHT, k=4) + rng.choices(LEFT[8 * c : 8 * c + 8], k=2)), "label": name}
        for _ in range(40)
        for c, name in enumerate(("red", "green", "blue"))
    ]


@pytest.fixture
def pair_lines() -> list[dict[str, Any]]:
    """200 pairs of a text in words l and its translation word by word into r."""
    rng = random.Random(3)
    chosen = [rng.sample(range(24), k=4) for _ in range(200)]
    return [
        {"anchor": " ".join(LEFT[i] for i in words), "positive": " ".join(RIGHT[i] for i in reversed(words))}
        for words in chosen
    ]
