"""A run whose memory runs out: a second one with smaller micro-batches fits where the first did not."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from tunesmith.schemas.models import BaseModelEntry
from tunesmith.schemas.training import InputFile, TrainingFailure, TrainingSpec
from tunesmith.training import finetune
from tunesmith.training.batches import divided
from tunesmith.training.failures import failure_of
from tunesmith.training.progress import ProgressLog
from tunesmith.training.run import run_job
from tunesmith.training.stopping import StopSwitch

MakeSpec = Callable[..., TrainingSpec]

LIMITED = """
import resource, sys
from tunesmith.training import finetune, run
from tunesmith.training.__main__ import main
finetune.micro_batch_size = lambda *_: 16
taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
room = int(sys.argv[3]) * 1024**2
resource.setrlimit(resource.RLIMIT_AS, (taken + room, taken + room))
sys.exit(main(sys.argv[1:3]))
"""
"""The training program with so many MiB of address space beyond what its imports take."""
ROOM_MIB = 700


@pytest.mark.parametrize(
    ("micro", "batch", "divisor", "expected"),
    [(16, 16, 4, 4), (8, 8, 4, 2), (6, 6, 4, 1), (12, 12, 4, 3), (10, 10, 3, 2), (1, 8, 4, 1), (5, 5, 1, 5)],
)
def test_a_micro_batch_is_divided_into_one_that_still_divides_the_batch(
    micro: int, batch: int, divisor: int, expected: int
) -> None:
    assert divided(micro, batch, divisor) == expected


def test_a_smaller_try_takes_more_micro_batches_and_keeps_the_loss_curve(
    chat_spec: MakeSpec, tmp_path: Path, read_progress: Callable[[Path], list[dict[str, Any]]]
) -> None:
    told: dict[int, list[dict[str, Any]]] = {}
    for divisor in (1, 4):
        out = tmp_path / str(divisor)
        out.mkdir()
        log = ProgressLog(out / "progress.jsonl")
        run_job(chat_spec(micro_batch_divisor=divisor), out, log, StopSwitch())
        log.close()
        told[divisor] = read_progress(out)
    assert losses(told[4]) == pytest.approx(losses(told[1]), rel=1e-4)
    assert any("Micro-batches of 2 records instead of 8, 4 a step" in m for m in messages(told[4]))
    assert not any("Micro-batches" in m for m in messages(told[1]))


def test_the_second_try_goes_on_from_a_checkpoint_of_the_first(chat_spec: MakeSpec) -> None:
    spec = chat_spec()
    assert finetune._run_fingerprint(spec) == finetune._run_fingerprint(  # pyright: ignore[reportPrivateUsage]
        spec.model_copy(update={"micro_batch_divisor": 4})
    )


def test_memory_that_ran_out_beneath_another_error_is_still_told_as_that() -> None:
    error = ValueError("the batch could not be made")
    error.__cause__ = MemoryError()
    assert failure_of(error).failure_class == "oom"


@pytest.fixture
def wide(tmp_path: Path, tokenizer: PreTrainedTokenizerFast) -> BaseModelEntry:
    """A tiny Llama with a vocabulary of 32,000, so that the logits of a batch are what takes the memory."""
    folder = tmp_path / "wide"
    torch.manual_seed(5)
    config = LlamaConfig(
        vocab_size=32_000,
        hidden_size=8,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=1,
        num_key_value_heads=1,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return BaseModelEntry.model_validate(
        {
            "key": "wide",
            "title": "Wide",
            "tasks": ["chat"],
            "source": {"type": "folder", "path": str(folder)},
            "licence": "Apache-2.0",
            "parameters": 260_000,
            "context": 256,
            "architecture": "llama",
            "needs_memory_bytes": 1_000_000,
        }
    )


@pytest.mark.training
@pytest.mark.skipif(sys.platform != "linux", reason="limits of address space are Linux's")
@pytest.mark.timeout(180)
def test_a_run_without_the_memory_for_it_fails_as_such_and_fits_with_a_quarter(
    chat_spec: MakeSpec, wide: BaseModelEntry, write_jsonl: Callable[[list[dict[str, Any]]], InputFile], tmp_path: Path
) -> None:
    lines = [{"prompt": f"{n}", "completion": " cat" * 200} for n in range(32)]
    spec = chat_spec(base=wide, training_file=write_jsonl(lines), validation_split=0.0, adaptation="full")
    spec = spec.model_copy(
        update={"hyperparameters": spec.hyperparameters.model_copy(update={"batch_size": 16, "n_epochs": 1})}
    )
    first = limited(spec, tmp_path, "first")
    failure = TrainingFailure.model_validate_json((first / "failure.json").read_bytes())
    assert (failure.failure_class, failure.code) == ("oom", "out_of_memory")
    second = limited(spec.model_copy(update={"micro_batch_divisor": 4}), tmp_path, "second")
    assert (second / "result.json").is_file(), (second / "failure.json").read_text()
    told = [json.loads(line) for line in (second / "progress.jsonl").read_text().splitlines()]
    assert any("Micro-batches of 4 records instead of 16" in m for m in messages(told))


def limited(spec: TrainingSpec, tmp_path: Path, name: str) -> Path:
    path = tmp_path / f"{name}.json"
    path.write_text(spec.model_dump_json())
    command = [sys.executable, "-c", LIMITED, str(path), str(tmp_path / name), str(ROOM_MIB)]
    subprocess.run(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, timeout=120, check=False)
    return tmp_path / name


def messages(progress: list[dict[str, Any]]) -> list[str]:
    return [line["event"]["message"] for line in progress if line["type"] == "message"]


def losses(progress: list[dict[str, Any]]) -> list[float]:
    points = [line["point"] for line in progress if line["type"] == "metrics"]
    return [p["values"]["train_loss"] for p in points if "train_loss" in p["values"]]
