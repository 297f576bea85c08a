"""A run that was stopped goes on as if it had never stopped: same weights, same curve, to the last bit."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tests.training.runs import SwitchAt, run

from tunesmith.base_models.weights import HEAD_BYTES, check_file
from tunesmith.schemas.errors import Internal
from tunesmith.schemas.training import InputFile, TrainingSpec
from tunesmith.training import finetune
from tunesmith.training.stopping import Stopped

MakeSpec = Callable[..., TrainingSpec]


def curve(*outs: Path) -> dict[int, float]:
    """Training loss by step; later folders take the place of earlier ones."""
    found: dict[int, float] = {}
    for out in outs:
        for line in (out / "progress.jsonl").read_text().splitlines():
            data = json.loads(line)
            if data["type"] == "metrics" and "train_loss" in data["point"]["values"]:
                found[data["point"]["step"]] = data["point"]["values"]["train_loss"]
    return found


def published(*outs: Path) -> dict[int, tuple[dict[str, float], list[dict[str, str]]]]:
    """Figures and answers of the published checkpoints by step."""
    lines = [json.loads(line) for out in outs for line in (out / "progress.jsonl").read_text().splitlines()]
    told = [line for line in lines if line["type"] == "checkpoint" and line["kind"] == "published"]
    return {line["step"]: (line["metrics"], line["answers"]) for line in told}


def newest_resume(out: Path) -> Path:
    lines = [json.loads(line) for line in (out / "progress.jsonl").read_text().splitlines()]
    told = [line["path"] for line in lines if line["type"] == "checkpoint" and line["kind"] == "resume"]
    return out / told[-1]


@pytest.mark.parametrize("looks", [1, 2, 5, 7, 8, 9, 11, 14])
def test_stopped_anywhere_a_run_ends_bit_for_bit_like_one_that_was_not(
    protein_spec: MakeSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looks: int
) -> None:
    """Dropout is on, so the generators must come back too; two micro-batches a step, so stops fall within steps."""
    monkeypatch.setattr(finetune, "micro_batch_size", lambda *_a: 4)
    spec = protein_spec(numbers={"warmup_steps": 3, "lr_schedule": "cosine"})
    whole = run(spec, tmp_path / "whole")

    with pytest.raises(Stopped):
        run(spec, tmp_path / "first", SwitchAt(looks))
    resumed_from = newest_resume(tmp_path / "first") if looks > 2 else None
    again = spec.model_copy(update={"resume_path": str(resumed_from) if resumed_from else None})
    second = run(again, tmp_path / "second")

    assert curve(tmp_path / "first", tmp_path / "second") == curve(tmp_path / "whole")
    assert published(tmp_path / "first", tmp_path / "second") == published(tmp_path / "whole")
    expected = load_file(tmp_path / "whole" / "model" / "model.safetensors")
    found = load_file(tmp_path / "second" / "model" / "model.safetensors")
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    assert [c.model_dump() for c in second.comparisons] == [c.model_dump() for c in whole.comparisons]


def test_a_lora_run_resumes_to_the_same_adapter(chat_spec: MakeSpec, tmp_path: Path) -> None:
    spec = chat_spec(numbers={"lora_dropout": 0.1})
    run(spec, tmp_path / "whole")
    with pytest.raises(Stopped):
        run(spec, tmp_path / "first", SwitchAt(6))
    checkpoint = newest_resume(tmp_path / "first")
    run(spec.model_copy(update={"resume_path": str(checkpoint)}), tmp_path / "second")
    expected, found = (
        load_file(tmp_path / name / "model" / "adapter_model.safetensors") for name in ("whole", "second")
    )
    assert all(torch.equal(expected[name], found[name]) for name in expected)


@pytest.mark.parametrize(
    "changed",
    [
        {"method": "dpo"},
        {"method": "dpo", "adaptation": "full"},
        {"adaptation": "qlora"},
        {"adaptation": "qlora", "numbers": {"use_dora": True, "lora_dropout": 0.1}},
        {"numbers": {"packing": True, "lora_dropout": 0.1}},
    ],
    ids=["dpo-lora", "dpo-full", "qlora", "qlora-dora", "packing"],
)  # fmt: skip
def test_killed_twice_every_way_of_training_ends_with_the_same_curve_and_weights(
    chat_spec: MakeSpec, preference_file: InputFile, tmp_path: Path, changed: dict[str, Any]
) -> None:
    if "method" in changed:
        changed = changed | {"training_file": preference_file}
    spec = chat_spec(**changed)
    whole = run(spec, tmp_path / "whole")
    outs = [tmp_path / "first", tmp_path / "second", tmp_path / "third"]
    for out, looks in zip(outs[:2], (3, 2), strict=True):
        with pytest.raises(Stopped):
            run(spec, out, SwitchAt(looks))
        spec = spec.model_copy(update={"resume_path": str(newest_resume(out))})
    third = run(spec, outs[2])

    assert all(curve(out) for out in outs)
    assert curve(*outs) == curve(tmp_path / "whole")
    assert [c.model_dump() for c in third.comparisons] == [c.model_dump() for c in whole.comparisons]
    name = "model.safetensors" if changed.get("adaptation") == "full" else "adapter_model.safetensors"
    expected, found = (load_file(out / "model" / name) for out in (tmp_path / "whole", outs[2]))
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_a_resume_checkpoint_holds_no_pickle(protein_spec: MakeSpec, tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        run(protein_spec(), tmp_path / "out", SwitchAt(3))
    files = [p for p in newest_resume(tmp_path / "out").rglob("*") if p.is_file()]
    assert {p.suffix for p in files} == {".safetensors", ".json"}
    for path in files:
        check_file(path.name, path.read_bytes()[:HEAD_BYTES], path.stat().st_size)


def test_checkpoints_come_by_time_and_only_the_newest_two_stay(protein_spec: MakeSpec, tmp_path: Path) -> None:
    run(protein_spec(checkpoint_interval_s=0.0), tmp_path / "out")
    lines = [json.loads(line) for line in (tmp_path / "out" / "progress.jsonl").read_text().splitlines()]
    steps = [line["step"] for line in lines if line["type"] == "checkpoint" and line["kind"] == "resume"]
    total = next(line["total_steps"] for line in lines if line["type"] == "started")
    assert steps == list(range(1, total))
    kept = sorted(p.name for p in (tmp_path / "out" / "checkpoints").glob("resume-*"))
    assert len(kept) == 2


def test_a_checkpoint_of_another_run_is_refused(protein_spec: MakeSpec, tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        run(protein_spec(seed=1), tmp_path / "first", SwitchAt(4))
    other: Any = protein_spec(seed=2, resume_path=str(newest_resume(tmp_path / "first")))
    with pytest.raises(Internal, match="another spec"):
        run(other, tmp_path / "second")
