"""The fine-tunes that bench/child.py compares, each as a spec for our child and as a task for the bare script."""

import hashlib
import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

SEED = 7
EPOCHS = 1
PROTEIN_BATCH, PROTEIN_STEPS = 16, 12
CHAT_BATCH, CHAT_STEPS = 8, 60
QUICK_STEPS = 2
CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


@dataclass(frozen=True)
class Case:
    """One fine-tune in two forms: the spec for our child, the task for the bare script."""

    title: str
    spec: dict[str, Any]
    task: dict[str, Any]


@dataclass(frozen=True)
class _Numbers:
    batch_size: int
    learning_rate: float
    lr_schedule: str
    warmup_steps: int = 2
    rank: int = 16


def protein(home: Path, *, quick: bool) -> Case:
    """protein-mini, LoRA, on lysozymes and superoxide dismutases."""
    from tunesmith.base_models.catalog import load_catalog
    from tunesmith.base_models.fetch import local_folder

    entry = next(e for e in load_catalog(None).entries if e.key == "protein-mini")
    sequences = _sequences(PROTEIN_BATCH * (QUICK_STEPS if quick else PROTEIN_STEPS))
    fasta = home / "sequences.fasta"
    fasta.write_text("".join(f">s{i}\n{s}\n" for i, s in enumerate(sequences)))
    numbers = _Numbers(PROTEIN_BATCH, 3e-3, "cosine")
    ordered = _in_order([{"text": s} for s in sequences], [len(s) + 2 for s in sequences], PROTEIN_BATCH)
    lora = {
        "r": numbers.rank,
        "lora_alpha": 2 * numbers.rank,
        "target_modules": entry.lora_targets,
        "fan_in_fan_out": True,
    }
    spec = _spec("protein", "lora", entry.model_dump(mode="json"), fasta, "fasta", numbers)
    return Case("protein-mini (5 M), LoRA r 16", spec, _task(local_folder(entry, home), ordered, numbers, lora))


def chat(home: Path, *, quick: bool) -> Case:
    """A Llama shape of 8 million random weights, trained in full on the standard library's documentation."""
    from tunesmith.demo.documentation import chat_record, pairs
    from tunesmith.schemas.models import BaseModelEntry
    from tunesmith.schemas.shape import Task
    from tunesmith.schemas.training import InputFile
    from tunesmith.training.data import read_records, rows_of

    records = [chat_record(p) for p in pairs().pairs[: CHAT_BATCH * (QUICK_STEPS if quick else CHAT_STEPS)]]
    file = home / "chats.jsonl"
    file.write_text("".join(json.dumps(r) + "\n" for r in records))
    tokenizer = make_llama(home / "model", [m["content"] for r in records for m in r["messages"]])
    entry = {
        "key": "small-llama",
        "title": "A Llama shape with random weights",
        "tasks": ["chat"],
        "source": {"type": "folder", "path": str(home / "model")},
        "licence": "Apache-2.0",
        "parameters": 8_000_000,
        "context": 512,
        "architecture": "llama",
        "chat_template": "model",
        "needs_memory_bytes": 1_000_000_000,
    }
    numbers = _Numbers(CHAT_BATCH, 5e-4, "linear")
    read = read_records(InputFile(path=str(file), format="jsonl", sha256=_sha256(file)), Task.CHAT)
    rows = rows_of(read, tokenizer, BaseModelEntry.model_validate(entry), 512)
    halves = [{"prompt": r["messages"][:-1], "completion": r["messages"][-1:]} for r in records]
    ordered = _in_order(halves, [len(row.input_ids) for row in rows], CHAT_BATCH)
    spec = _spec("chat", "full", entry, file, "jsonl", numbers)
    return Case("Llama shape (8 M), in full", spec, _task(home / "model", ordered, numbers, None))


def make_llama(folder: Path, texts: list[str]) -> Any:
    """Writes a Llama of random weights with a byte-level BPE of `texts`; the tokenizer comes back."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
    from transformers.utils import logging

    logging.disable_progress_bar()
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    specials = ["<|im_start|>", "<|im_end|>", "<|pad|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=8192, special_tokens=specials, initial_alphabet=alphabet, show_progress=False
    )
    backend.train_from_iterator(texts, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token=specials[1], pad_token=specials[2])
    tokenizer.chat_template = CHATML
    torch.manual_seed(SEED)
    config = LlamaConfig(
        vocab_size=8192,
        hidden_size=256,
        intermediate_size=768,
        num_hidden_layers=8,
        num_attention_heads=8,
        num_key_value_heads=4,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        eos_token_id=1,
        pad_token_id=2,
        bos_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return tokenizer


def _sequences(n: int) -> list[str]:
    """Distinct sequences of usual residues from the bundled families."""
    texts = [
        (files("tunesmith.demo") / "proteins" / f"{family}.fasta").read_text()
        for family in ("lysozyme", "superoxide_dismutase")
    ]
    found = ["".join(part.splitlines()[1:]) for text in texts for part in text.split(">")[1:]]
    usual = [s for s in dict.fromkeys(found) if set(s) <= set("ACDEFGHIKLMNPQRSTVWY") and len(s) < 900]
    if len(usual) < n:
        raise RuntimeError(f"The bundled families hold {len(usual)} usual sequences; the bench wants {n}.")
    return usual[:n]


def _in_order(records: list[Any], lengths: list[int], batch: int) -> list[Any]:
    """The records as our first epoch sees them, for the bare script to take one after another."""
    from tunesmith.training.batches import LengthOrder

    return [records[i] for i in LengthOrder(lengths, batch, SEED)]


def _spec(
    task: str, adaptation: str, base: dict[str, Any], file: Path, file_format: str, numbers: _Numbers
) -> dict[str, Any]:
    return {
        "job_id": "ftjob-bench",
        "task": task,
        "adaptation": adaptation,
        "base": base,
        "training_file": {"path": str(file), "format": file_format, "sha256": _sha256(file)},
        "validation_split": 0,
        "hyperparameters": {
            "n_epochs": EPOCHS,
            "batch_size": numbers.batch_size,
            "learning_rate": numbers.learning_rate,
            "lr_schedule": numbers.lr_schedule,
            "warmup_steps": numbers.warmup_steps,
            "lora_rank": numbers.rank,
        },
        "seed": SEED,
    }


def _task(model: Path, records: list[Any], numbers: _Numbers, lora: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "model": str(model),
        "records": records,
        "batch_size": numbers.batch_size,
        "learning_rate": numbers.learning_rate,
        "lr_schedule": numbers.lr_schedule,
        "warmup_steps": numbers.warmup_steps,
        "save_steps": len(records) // numbers.batch_size // EPOCHS,
        "lora": lora,
        "seed": SEED,
    }


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
