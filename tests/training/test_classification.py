"""Classifiers from the records to the folder, on toy encoders."""

import json
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from tests.training.runs import SwitchAt, run, said
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from tunesmith.base_models.load import HEADS, load_classifier, load_tokenizer
from tunesmith.base_models.weights import check_folder
from tunesmith.schemas.defaults import resolve
from tunesmith.schemas.errors import RecordInvalid, SpecInvalid
from tunesmith.schemas.models import BaseModelEntry, FolderSource
from tunesmith.schemas.shape import Adaptation, Task
from tunesmith.schemas.training import Hyperparameters, TrainingSpec
from tunesmith.training.adapters import prepare
from tunesmith.training.base_model import Base, Form, Precision
from tunesmith.training.stopping import Stopped

MakeSpec = Callable[..., TrainingSpec]
Lines = list[dict[str, Any]]
ReadProgress = Callable[[Path], Lines]

pytestmark = pytest.mark.training


def test_a_classifier_gets_better_and_says_where(
    encoder_spec: MakeSpec, labelled_lines: Lines, tmp_path: Path, bert: BaseModelEntry
) -> None:
    result = run(encoder_spec("classification", labelled_lines, numbers={"n_epochs": 8}), tmp_path / "out")

    accuracy, macro_f1 = result.comparisons
    assert (accuracy.metric, macro_f1.metric) == ("accuracy", "macro_f1")
    assert (accuracy.verdict, macro_f1.verdict) == ("better", "better")
    assert accuracy.count == result.n_held_out == 30
    details = result.classification
    assert details is not None
    assert details.labels == ["blue", "green", "red"]
    assert [sum(row) for row in details.confusion] == [each.support for each in details.classes] == [10, 10, 10]
    right = sum(details.confusion[i][i] for i in range(3))
    assert right / 30 == pytest.approx(accuracy.after.value)
    assert sum(each.count for each in details.calibration) == 30
    assert sum(probe.probabilities is not None for probe in result.probes) == 4

    folder = tmp_path / "out" / "model"
    check_folder(folder)
    assert json.loads((folder / "labels.json").read_text()) == {"labels": details.labels, "multi_label": False}
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    assert model.config.id2label == dict(enumerate(details.labels))
    assert model.config.problem_type == "single_label_classification"
    inputs = AutoTokenizer.from_pretrained(folder)("l9 l10 r3", return_tensors="pt")
    assert model.config.id2label[int(model(**inputs).logits.argmax())] == "green"


def test_several_labels_a_record_with_an_adapter_whose_head_is_saved(
    encoder_spec: MakeSpec, tmp_path: Path, bert: BaseModelEntry
) -> None:
    rng = random.Random(4)
    lines = [
        {"text": f"r{rng.randrange(24)} " + 3 * f"l{n} l{m} ", "labels": sorted({f"has-{n}", f"has-{m}"})}
        for n, m in (rng.choices(range(3), k=2) for _ in range(240))
    ]
    spec = encoder_spec(
        "classification", lines, adaptation="lora", numbers={"n_epochs": 6, "learning_rate": 0.02, "lora_rank": 8}
    )
    result = run(spec, tmp_path / "out")

    assert {c.metric: c.verdict for c in result.comparisons} == {"accuracy": "better", "macro_f1": "better"}
    assert result.classification is not None
    assert result.classification.multi_label
    assert result.classification.confusion == []
    assert sum(b.count for b in result.classification.calibration) == 3 * result.n_held_out

    folder = tmp_path / "out" / "model"
    told = json.loads((folder / "labels.json").read_text())
    assert told == {"labels": ["has-0", "has-1", "has-2"], "multi_label": True}
    adapter = load_file(folder / "adapter_model.safetensors")
    assert {name for name in adapter if "classifier" in name}
    assert not any("original_module" in name for name in adapter)
    assert isinstance(bert.source, FolderSource)
    torch.manual_seed(99)  # the head of the base is random: the adapter's must take its place
    base = load_classifier(
        Path(bert.source.path), bert, dtype=torch.float32, labels=told["labels"], multi_label=True, pad_id=0
    )
    model = PeftModel.from_pretrained(base, str(folder)).eval()
    for probe in result.probes:
        with torch.inference_mode():
            chances = model(input_ids=torch.tensor([probe.prompt_ids])).logits[0].sigmoid()
        assert probe.probabilities == pytest.approx(dict(zip(told["labels"], chances.tolist(), strict=True)), abs=1e-5)


def test_a_head_beside_an_adapter_learns_in_float32_though_its_body_is_bfloat16(bert: BaseModelEntry) -> None:
    assert isinstance(bert.source, FolderSource)
    folder = Path(bert.source.path)
    load = partial(load_classifier, labels=["a", "b"], multi_label=False, pad_id=0)
    form = Form(load, peft_task="SEQ_CLS", head=HEADS)
    precision = Precision(torch.device("cpu"), torch.bfloat16, autocast=True)
    base = Base(bert, folder, load_tokenizer(folder), precision, None, form)
    numbers = resolve(
        Hyperparameters(), task=Task.CLASSIFICATION, adaptation=Adaptation.LORA, n_examples=9, context=9, parameters=9
    )
    model = prepare(base, Adaptation.LORA, numbers)
    trained = {name: p.dtype for name, p in model.named_parameters() if p.requires_grad}
    assert any("modules_to_save" in name for name in trained)
    assert set(trained.values()) == {torch.float32}
    assert any(p.dtype is torch.bfloat16 for p in model.parameters())


@pytest.mark.parametrize("adaptation", ["full", "lora"])
def test_killed_twice_a_run_ends_bit_for_bit_like_one_that_was_not(
    encoder_spec: MakeSpec,
    labelled_lines: Lines,
    read_progress: ReadProgress,
    tmp_path: Path,
    adaptation: str,
) -> None:
    def curve(*names: str) -> dict[int, float]:
        points = (line["point"] for name in names for line in read_progress(tmp_path / name) if "point" in line)
        return {p["step"]: p["values"]["train_loss"] for p in points if "train_loss" in p["values"]}

    spec = encoder_spec("classification", labelled_lines, adaptation=adaptation)
    whole = run(spec, tmp_path / "whole")
    with pytest.raises(Stopped):
        run(spec, tmp_path / "first", SwitchAt(4))
    second = resumed(spec, tmp_path / "first", read_progress)
    with pytest.raises(Stopped):
        run(second, tmp_path / "second", SwitchAt(7))
    result = run(resumed(spec, tmp_path / "second", read_progress), tmp_path / "third")

    assert len(curve("whole")) == whole.steps
    assert curve("first", "second", "third") == curve("whole")
    assert result.comparisons == whole.comparisons
    name = "model.safetensors" if adaptation == "full" else "adapter_model.safetensors"
    expected, found = (load_file(tmp_path / each / "model" / name) for each in ("whole", "third"))
    assert all(torch.equal(expected[each], found[each]) for each in expected)


def resumed(spec: TrainingSpec, out: Path, read_progress: ReadProgress) -> TrainingSpec:
    told = [line["path"] for line in read_progress(out) if line["type"] == "checkpoint" and line["kind"] == "resume"]
    return spec.model_copy(update={"resume_path": str(out / told[-1])})


def test_one_class_alone_is_no_task(encoder_spec: MakeSpec, tmp_path: Path) -> None:
    lines = [{"text": f"l{i % 24} r{i % 23}", "label": "red"} for i in range(40)]
    with pytest.raises(RecordInvalid, match=r'only the label "red".*at least two classes'):
        run(encoder_spec("classification", lines), tmp_path / "out")


def test_rare_classes_weigh_more_and_it_is_told(
    encoder_spec: MakeSpec, labelled_lines: Lines, read_progress: ReadProgress, tmp_path: Path
) -> None:
    few = [line for i, line in enumerate(labelled_lines) if line["label"] != "red" or i % 4 == 0]
    run(encoder_spec("classification", few, numbers={"n_epochs": 1}), tmp_path / "out")
    assert "for 'red'" in said(read_progress(tmp_path / "out"))
    run(encoder_spec("classification", few, numbers={"n_epochs": 1, "class_weights": False}), tmp_path / "plain")
    assert "weigh" not in said(read_progress(tmp_path / "plain"))


def test_a_parent_keeps_its_head_where_it_knows_the_labels(
    encoder_spec: MakeSpec, labelled_lines: Lines, read_progress: ReadProgress, tmp_path: Path
) -> None:
    run(encoder_spec("classification", labelled_lines, numbers={"n_epochs": 8}), tmp_path / "parent")
    parent = str(tmp_path / "parent" / "model")
    two = [line for line in labelled_lines if line["label"] != "red"]
    kept = run(encoder_spec("classification", two, parent_path=parent, numbers={"n_epochs": 1}), tmp_path / "kept")
    assert kept.classification is not None
    assert kept.classification.labels == ["blue", "green", "red"]
    assert kept.comparisons[0].before.value > 0.8

    renamed = [{**line, "label": f"new-{line['label']}"} for line in labelled_lines]
    fresh = run(encoder_spec("classification", renamed, parent_path=parent, numbers={"n_epochs": 1}), tmp_path / "new")
    assert "head is begun anew" in said(read_progress(tmp_path / "new"))
    assert fresh.comparisons[0].before.value < 0.7


def test_four_bits_are_refused(encoder_spec: MakeSpec, labelled_lines: Lines, tmp_path: Path) -> None:
    with pytest.raises(SpecInvalid, match="Use lora or full"):
        run(encoder_spec("classification", labelled_lines, adaptation="qlora"), tmp_path / "out")


def test_esm_learns_classes_of_sequences(encoder_spec: MakeSpec, esm: BaseModelEntry, tmp_path: Path) -> None:
    rng = random.Random(5)
    lines = [
        {"sequence": "".join(rng.choices(letters + "GASTV", k=rng.randint(12, 24))), "label": name}
        for _ in range(30)
        for name, letters in (("acid", "DE"), ("basic", "KR"))
    ]
    numbers = {"learning_rate": 5e-4, "n_epochs": 2, "batch_size": 8}
    spec = encoder_spec("classification", lines, base=esm, numbers=numbers, validation_split=0.4)
    result = run(spec, tmp_path / "out")
    assert result.comparisons[0].verdict == "better"
    assert AutoModelForSequenceClassification.from_pretrained(tmp_path / "out" / "model").config.num_labels == 2
