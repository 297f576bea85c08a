"""Whole runs on toy models: what they write, what they say, and that their arithmetic is right."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from torch.nn.functional import cross_entropy
from transformers import PreTrainedTokenizerFast

from tunesmith.base_models.load import load_model, load_tokenizer
from tunesmith.base_models.weights import check_folder
from tunesmith.schemas.errors import SpecInvalid
from tunesmith.schemas.models import BaseModelEntry, FolderSource
from tunesmith.schemas.shape import Task
from tunesmith.schemas.training import InputFile, TrainingResult, TrainingSpec
from tunesmith.training import finetune
from tunesmith.training.batches import LengthOrder
from tunesmith.training.data import chat_row, read_records
from tunesmith.training.progress import ProgressLog
from tunesmith.training.run import run_job
from tunesmith.training.split import hold_out
from tunesmith.training.stopping import StopSwitch

MakeSpec = Callable[..., TrainingSpec]
ReadProgress = Callable[[Path], list[dict[str, Any]]]


def run(spec: TrainingSpec, out: Path) -> TrainingResult:
    out.mkdir()
    log = ProgressLog(out / "progress.jsonl")
    try:
        return run_job(spec, out, log, StopSwitch())
    finally:
        log.close()


def losses(progress: list[dict[str, Any]]) -> list[float]:
    points = [line["point"] for line in progress if line["type"] == "metrics"]
    return [p["values"]["train_loss"] for p in points if "train_loss" in p["values"]]


def test_a_lora_chat_run_gets_better_and_leaves_a_servable_adapter(
    chat_spec: MakeSpec, tmp_path: Path, read_progress: ReadProgress
) -> None:
    spec = chat_spec(numbers={"lora_rank": 8})
    result = run(spec, tmp_path / "out")
    assert result.comparisons[0].verdict == "better"
    assert (result.n_train, result.n_held_out, result.steps) == (30, 10, 8)
    assert result.metrics["held_out_loss_after"] < result.metrics["held_out_loss_before"]
    assert result.comparisons[0].after.value == pytest.approx(result.metrics["held_out_loss_after"])

    folder = tmp_path / "out" / "model"
    check_folder(folder)
    config = json.loads((folder / "adapter_config.json").read_text())
    assert (config["r"], config["base_model_name_or_path"]) == (8, "toy-llama")
    assert isinstance(spec.base.source, FolderSource)
    base = load_model(Path(spec.base.source.path), spec.base, dtype=torch.float32)
    tuned = PeftModel.from_pretrained(base, str(folder))
    assert load_tokenizer(folder).chat_template
    assert any(p.abs().sum() > 0 for n, p in tuned.named_parameters() if "lora_B" in n)
    assert str(tmp_path) not in (folder / "README.md").read_text() + (folder / "adapter_config.json").read_text()

    progress = read_progress(tmp_path / "out")
    kinds = [line["type"] for line in progress]
    assert kinds.index("started") < kinds.index("metrics")
    assert [line["phase"] for line in progress if line["type"] == "phase"] == [
        "loading_data",
        "loading_model",
        "evaluating_base",
        "training",
        "evaluating",
        "saving",
    ]
    published = [line for line in progress if line["type"] == "checkpoint" and line["kind"] == "published"]
    assert [c["step"] for c in published] == [4, 8]
    assert (tmp_path / "out" / published[-1]["path"] / "adapter_model.safetensors").is_file()
    assert published[-1]["metrics"]["full_valid_loss"] == pytest.approx(result.metrics["held_out_loss_after"])


def test_a_full_protein_run_holds_out_both_ways_and_keeps_its_sequences(protein_spec: MakeSpec, tmp_path: Path) -> None:
    result = run(protein_spec(), tmp_path / "out")
    assert [c.set for c in result.comparisons] == ["random", "clusters"]
    assert all(c.metric == "perplexity" for c in result.comparisons)
    folder = tmp_path / "out" / "model"
    check_folder(folder)
    assert (folder / "training_sequences.fasta").read_text().count(">") == result.n_train
    spec = protein_spec()
    before = load_file(Path(spec.base.source.path) / "model.safetensors")  # type: ignore[union-attr]
    after = load_file(folder / "model.safetensors")
    assert before.keys() == after.keys()
    assert any(not torch.equal(before[n], after[n]) for n in before)


def test_lora_reaches_every_named_layer_of_a_gpt2(protein_spec: MakeSpec, tmp_path: Path) -> None:
    run(protein_spec(adaptation="lora"), tmp_path / "out")
    weights = load_file(tmp_path / "out" / "model" / "adapter_model.safetensors")
    # c_attn, attention's c_proj, c_fc and the feed-forward c_proj, of two layers
    assert sum("lora_A" in name for name in weights) == 2 * 4


def test_targets_that_the_base_lacks_are_told(protein_spec: MakeSpec, gpt2: BaseModelEntry, tmp_path: Path) -> None:
    wrong = gpt2.model_copy(update={"lora_targets": ["q_proj"]})
    with pytest.raises((SpecInvalid, ValueError), match=r"target|reached"):
        run(protein_spec(adaptation="lora", base=wrong), tmp_path / "out")


def test_the_first_loss_equals_a_plain_computation(
    chat_spec: MakeSpec, tokenizer: PreTrainedTokenizerFast, tmp_path: Path, read_progress: ReadProgress
) -> None:
    spec = chat_spec()
    run(spec, tmp_path / "out")
    split = hold_out(read_records(spec.training_file, Task.CHAT), spec.validation_split)
    rows = [chat_row(record, tokenizer) for record in split.train]  # type: ignore[arg-type]
    first = list(LengthOrder([len(r.input_ids) for r in rows], 8, spec.seed))[:8]
    assert isinstance(spec.base.source, FolderSource)
    model = load_model(Path(spec.base.source.path), spec.base, dtype=torch.float32)
    summed, count = 0.0, 0
    for row in (rows[i] for i in first):
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([row.input_ids])).logits[0, :-1]
        labels = torch.tensor(row.labels[1:])
        summed += float(cross_entropy(logits, labels, ignore_index=-100, reduction="sum"))
        count += int((labels != -100).sum())
    assert losses(read_progress(tmp_path / "out"))[0] == pytest.approx(summed / count, rel=1e-5)


def test_micro_batches_give_the_loss_curve_of_whole_batches(
    chat_spec: MakeSpec, tmp_path: Path, read_progress: ReadProgress, monkeypatch: pytest.MonkeyPatch
) -> None:
    curves = []
    for size in (8, 2, 1):
        monkeypatch.setattr(finetune, "micro_batch_size", lambda *_a, size=size: size)
        run(chat_spec(adaptation="full"), tmp_path / f"out{size}")
        curves.append(losses(read_progress(tmp_path / f"out{size}")))
    assert len(curves[0]) == 8
    assert curves[1] == pytest.approx(curves[0], rel=1e-4)
    assert curves[2] == pytest.approx(curves[0], rel=1e-4)


def test_the_same_spec_gives_the_same_weights_and_another_seed_does_not(protein_spec: MakeSpec, tmp_path: Path) -> None:
    first, again, other = (
        (run(protein_spec(seed=seed), tmp_path / name), load_file(tmp_path / name / "model" / "model.safetensors"))[1]
        for name, seed in (("first", 1), ("again", 1), ("other", 2))
    )
    assert all(torch.equal(first[n], again[n]) for n in first)
    assert any(not torch.equal(first[n], other[n]) for n in first)


def test_few_records_train_with_nothing_held_out_and_it_is_said(
    chat_spec: MakeSpec,
    write_jsonl: Callable[[list[dict[str, Any]]], InputFile],
    tmp_path: Path,
    read_progress: ReadProgress,
) -> None:
    file = write_jsonl([{"instruction": f"say {i}", "output": "the cat"} for i in range(12)])
    result = run(chat_spec(training_file=file), tmp_path / "out")
    assert (result.n_train, result.n_held_out, result.comparisons) == (12, 0, [])
    started = next(line for line in read_progress(tmp_path / "out") if line["type"] == "started")
    assert "fewer than 20" in started["split_note"]


def test_a_validation_file_is_the_held_out_set(
    chat_spec: MakeSpec, write_jsonl: Callable[[list[dict[str, Any]]], InputFile], tmp_path: Path
) -> None:
    file = write_jsonl([{"instruction": f"say {i}", "output": "the cat sat"} for i in range(6)])
    result = run(chat_spec(validation_file=file), tmp_path / "out")
    assert (result.n_train, result.n_held_out, result.comparisons[0].set) == (40, 6, "held_out")


def test_an_adapter_is_trained_on_and_keeps_its_rank(chat_spec: MakeSpec, tmp_path: Path) -> None:
    first = run(chat_spec(numbers={"lora_rank": 4}), tmp_path / "first")
    second = run(chat_spec(parent_path=str(tmp_path / "first" / "model")), tmp_path / "second")
    assert (second.hyperparameters.lora_rank, second.hyperparameters.lora_alpha) == (4, 8)
    assert second.metrics["held_out_loss_before"] == pytest.approx(first.metrics["held_out_loss_after"], rel=1e-4)


def test_lora_on_a_fully_tuned_parent_is_refused_with_what_to_do(chat_spec: MakeSpec, tmp_path: Path) -> None:
    run(chat_spec(adaptation="full"), tmp_path / "first")
    parent = str(tmp_path / "first" / "model")
    with pytest.raises(SpecInvalid, match="Use adaptation full"):
        run(chat_spec(parent_path=parent), tmp_path / "second")
    assert run(chat_spec(parent_path=parent, adaptation="full"), tmp_path / "third").n_train == 30


def test_records_that_are_too_long_are_cut_and_counted(
    chat_spec: MakeSpec,
    write_jsonl: Callable[[list[dict[str, Any]]], InputFile],
    tmp_path: Path,
    read_progress: ReadProgress,
) -> None:
    lines = [{"prompt": f"{i} cat", "completion": " sat" * 3} for i in range(10)]
    lines += [{"prompt": "cat", "completion": " sat" * 60}, {"prompt": "zebra " * 60, "completion": " sat"}]
    result = run(chat_spec(training_file=write_jsonl(lines), numbers={"max_seq_len": 32}), tmp_path / "out")
    assert result.n_train == 11
    told = [line["event"]["message"] for line in read_progress(tmp_path / "out") if line["type"] == "message"]
    assert any(m.startswith("1 of 12 records are longer than max_seq_len (32 tokens)") for m in told), told


def test_batches_hold_similar_lengths_and_every_row_once() -> None:
    lengths = [(37 * i) % 200 + 1 for i in range(403)]
    order = LengthOrder(lengths, 8, seed=1)
    first = list(order)
    assert sorted(first) == list(range(403))
    assert first == list(order)
    order.epoch = 1
    assert list(order) != first
    whole = [first[i : i + 8] for i in range(0, 400, 8)]
    padded = sum(8 * max(lengths[i] for i in batch) for batch in whole)
    assert padded < 1.35 * sum(lengths[i] for batch in whole for i in batch)
