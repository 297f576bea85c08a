"""The program as a worker meets it: exit codes, result and failure files, SIGTERM."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tunesmith.schemas.models import BaseModelEntry, FolderSource
from tunesmith.schemas.training import EXIT_FAILED, EXIT_STOPPED, TrainingFailure, TrainingResult, TrainingSpec
from tunesmith.training.__main__ import main
from tunesmith.training.failures import failure_of

MakeSpec = Callable[..., TrainingSpec]


def call(spec: TrainingSpec | str, tmp_path: Path) -> tuple[int, Path]:
    path = tmp_path / "spec.json"
    path.write_text(spec if isinstance(spec, str) else spec.model_dump_json())
    out = tmp_path / "out"
    return main([str(path), str(out)]), out


def failure_in(out: Path) -> TrainingFailure:
    assert not (out / "result.json").exists()
    return TrainingFailure.model_validate_json((out / "failure.json").read_bytes())


def test_a_run_ends_with_its_result_beside_a_whole_model(chat_spec: MakeSpec, tmp_path: Path) -> None:
    code, out = call(chat_spec(), tmp_path)
    assert code == 0
    result = TrainingResult.model_validate_json((out / "result.json").read_bytes())
    assert result.packages.keys() >= {"torch", "transformers", "peft", "tunesmith", "python"}
    assert result.metrics["peak_memory_bytes"] > 1e8
    assert (out / "model" / "adapter_model.safetensors").is_file()
    first = json.loads((out / "progress.jsonl").read_text().splitlines()[0])
    assert first == {"type": "phase", "phase": "starting"}
    assert not list(out.rglob("*.part"))


def test_a_spec_that_is_wrong_fails_by_field(tmp_path: Path) -> None:
    code, out = call('{"job_id": "x"}', tmp_path)
    assert code == EXIT_FAILED
    assert failure_in(out).failure_class == "user"
    assert "field task" in failure_in(out).message


def test_a_bad_line_fails_as_data_with_its_number(chat_spec: MakeSpec, tmp_path: Path) -> None:
    spec = chat_spec()
    with open(spec.training_file.path, "a") as f:
        f.write('{"messages": []}\n')
    code, out = call(spec, tmp_path)
    assert code == EXIT_FAILED
    assert (failure_in(out).failure_class, failure_in(out).code) == ("data", "bad_data")
    assert "Line 41" in failure_in(out).message


def test_a_base_that_is_not_there_says_where_it_should_be(
    chat_spec: MakeSpec, llama: BaseModelEntry, tmp_path: Path
) -> None:
    away = llama.model_copy(update={"source": FolderSource(path=str(tmp_path / "away"))})
    code, out = call(chat_spec(base=away), tmp_path)
    assert code == EXIT_FAILED
    assert (failure_in(out).failure_class, failure_in(out).code) == ("infra", "base_model_missing")
    assert str(tmp_path / "away") in failure_in(out).message


def test_a_pickle_is_refused_and_never_opened(chat_spec: MakeSpec, llama: BaseModelEntry, tmp_path: Path) -> None:
    folder = tmp_path / "pickled"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x02c__builtin__\nexit\n(tR.")
    base = llama.model_copy(update={"source": FolderSource(path=str(folder))})
    code, out = call(chat_spec(base=base), tmp_path)
    assert code == EXIT_FAILED
    assert (failure_in(out).failure_class, failure_in(out).code) == ("user", "unsafe_weights")
    assert "save_pretrained" in failure_in(out).message


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), ("oom", "out_of_memory")),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), ("oom", "out_of_memory")),
        (MemoryError(), ("oom", "out_of_memory")),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), ("oom", "out_of_memory")),
        (OSError(errno.ENOSPC, "No space left on device"), ("internal", "internal")),
        (RuntimeError("CUDA error: out of memory"), ("oom", "out_of_memory")),
        (ZeroDivisionError("x"), ("internal", "internal")),
    ],
)
def test_failures_are_classed_for_the_server(error: Exception, expected: tuple[str, str]) -> None:
    failure = failure_of(error)
    assert (failure.failure_class, failure.code) == expected


def test_a_loss_that_is_no_number_ends_the_run(chat_spec: MakeSpec, llama: BaseModelEntry, tmp_path: Path) -> None:
    assert isinstance(llama.source, FolderSource)
    folder = tmp_path / "broken"
    shutil.copytree(llama.source.path, folder)
    weights = load_file(folder / "model.safetensors")
    weights["lm_head.weight"][5] = float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    base = llama.model_copy(update={"source": FolderSource(path=str(folder))})
    code, out = call(chat_spec(base=base), tmp_path)
    assert code == EXIT_FAILED
    assert (failure_in(out).failure_class, failure_in(out).code) == ("user", "diverged")
    assert "learning_rate" in failure_in(out).message


@pytest.mark.timeout(120)
def test_sigterm_writes_a_checkpoint_and_the_resumed_run_ends_like_an_unbroken_one(
    protein_spec: MakeSpec, tmp_path: Path
) -> None:
    spec = protein_spec(numbers={"warmup_steps": 2})
    expected, _ = finished(start(spec, tmp_path, "whole"))
    assert expected == 0

    child = start(spec, tmp_path, "first")
    assert child.stdout is not None
    for line in child.stdout:
        if line.startswith("step 3/"):
            child.send_signal(signal.SIGTERM)
            break
    code, _ = finished(child)
    assert code == EXIT_STOPPED
    out = tmp_path / "first"
    assert not (out / "failure.json").exists()
    told = [json.loads(line) for line in (out / "progress.jsonl").read_text().splitlines()]
    resume = [line for line in told if line["type"] == "checkpoint" and line["kind"] == "resume"][-1]
    assert 3 <= resume["step"] < next(line["total_steps"] for line in told if line["type"] == "started")

    again = spec.model_copy(update={"resume_path": str(out / resume["path"])})
    assert finished(start(again, tmp_path, "second"))[0] == 0
    whole, second = (load_file(tmp_path / name / "model" / "model.safetensors") for name in ("whole", "second"))
    assert all(torch.equal(whole[name], second[name]) for name in whole)


@pytest.mark.timeout(60)
def test_sigterm_before_the_first_step_stops_at_once(protein_spec: MakeSpec, tmp_path: Path) -> None:
    child = start(protein_spec(), tmp_path, "out")
    assert child.stdout is not None
    assert child.stdout.readline() == "starting\n"
    child.send_signal(signal.SIGTERM)
    assert finished(child)[0] == EXIT_STOPPED


def start(spec: TrainingSpec, tmp_path: Path, name: str) -> "subprocess.Popen[str]":
    path = tmp_path / f"{name}.json"
    path.write_text(spec.model_dump_json())
    environment: dict[str, Any] = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "tunesmith.training", str(path), str(tmp_path / name)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def finished(child: "subprocess.Popen[str]") -> tuple[int, str]:
    _, errors = child.communicate(timeout=60)
    return child.returncode, errors
