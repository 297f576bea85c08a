"""Direct preference optimisation: its loss is trl's, its reference is where the run began, and it learns."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from transformers import PreTrainedTokenizerFast
from trl.trainer.dpo_config import DPOConfig
from trl.trainer.dpo_trainer import DPOTrainer

from tunesmith.base_models.errors import PromptUnsupported
from tunesmith.base_models.load import load_model
from tunesmith.schemas.defaults import resolve
from tunesmith.schemas.errors import RecordInvalid
from tunesmith.schemas.models import BaseModelEntry, FolderSource
from tunesmith.schemas.records import Message, PreferenceRecord, SequenceRecord
from tunesmith.schemas.shape import Adaptation, Task, TrainingMethod
from tunesmith.schemas.training import Hyperparameters, InputFile, TrainingResult, TrainingSpec
from tunesmith.training.base_model import choose_precision
from tunesmith.training.data import UNTRAINED
from tunesmith.training.preference import PairRow, PreferenceLearning, pair_row
from tunesmith.training.progress import ProgressLog
from tunesmith.training.run import run_job
from tunesmith.training.stopping import StopSwitch

pytestmark = pytest.mark.training
MakeSpec = Callable[..., TrainingSpec]
PRECISION = choose_precision(Adaptation.FULL)


def record(prompt: str, preferred: str, rejected: str) -> PreferenceRecord:
    answers = (Message("assistant", text, trained=True) for text in (preferred, rejected))
    return PreferenceRecord((Message("user", prompt),), *answers)


def records() -> list[PreferenceRecord]:
    return [record("the mat", "cat sat on it", "both"), record("we all told", "it", "another mat and the cat")]


def model_of(entry: BaseModelEntry) -> Any:
    assert isinstance(entry.source, FolderSource)
    return load_model(Path(entry.source.path), entry, dtype=torch.float32)


def begun(model: Any, rows: list[PairRow], beta: float, pad_id: int) -> PreferenceLearning:
    numbers = resolve(
        Hyperparameters(beta=beta),
        task=Task.CHAT,
        method=TrainingMethod.DPO,
        adaptation=Adaptation.FULL,
        n_examples=len(rows),
        context=128,
        parameters=1,
    )
    objective = PreferenceLearning(pad_id)
    with torch.inference_mode():
        objective.begin(model, numbers, rows, PRECISION, lambda: None)
    return objective


def moved(model: Any) -> Any:
    """The model after it has gone some way from where it began."""
    torch.manual_seed(9)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)
    return model


def test_the_loss_and_its_gradient_are_those_of_trl(
    llama: BaseModelEntry, tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    rows = [pair_row(each, tokenizer, 128) for each in records()]
    ours = model_of(llama)
    objective = begun(ours, rows, 0.3, tokenizer.pad_token_id)
    moved(ours)
    batch = objective.collate(rows)
    found = objective.loss(ours, batch)
    (found.total / found.units).backward()

    settings = DPOConfig(str(tmp_path), beta=0.3, use_cpu=True, bf16=False, report_to="none", max_length=None)
    data = Dataset.from_list([{"prompt": "a", "chosen": "b", "rejected": "c"}])
    trainer = DPOTrainer(
        model=model_of(llama), ref_model=model_of(llama), args=settings, train_dataset=data, processing_class=tokenizer
    )
    theirs: Any = moved(trainer.model)
    inputs = trainer.data_collator([as_trl_has_it(row) for row in rows])
    expected: Any = trainer.compute_loss(theirs, inputs)
    expected.backward()
    assert found.total.item() / found.units == pytest.approx(expected.item(), rel=1e-5)
    for ours_, theirs_ in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(ours_.grad, theirs_.grad, rtol=1e-3, atol=1e-6)


def as_trl_has_it(row: PairRow) -> dict[str, list[int]]:
    sides = (row.preferred, row.rejected)
    trained = [[i for i, label in enumerate(side.labels) if label != UNTRAINED] for side in sides]
    begins, ends = [each[0] for each in trained], [each[-1] + 1 for each in trained]
    assert begins[0] == begins[1]
    return {
        "prompt_ids": row.preferred.input_ids[: begins[0]],
        "chosen_ids": row.preferred.input_ids[begins[0] : ends[0]],
        "rejected_ids": row.rejected.input_ids[begins[1] : ends[1]],
    }


def test_loss_is_on_the_last_answer_alone_even_after_earlier_ones(tokenizer: PreTrainedTokenizerFast) -> None:
    prompt = (Message("user", "1"), Message("assistant", "earlier", trained=True), Message("user", "2"))
    answers = (Message("assistant", text, trained=True) for text in ("the cat", "mat"))
    row = pair_row(PreferenceRecord(prompt, *answers), tokenizer, 128)
    trained = [
        tokenizer.decode([label for label in side.labels if label != UNTRAINED])
        for side in (row.preferred, row.rejected)
    ]
    assert trained == ["the cat<|im_end|>", "mat<|im_end|>"]


def test_a_pair_that_is_cut_before_an_answer_is_nothing_to_train_on(tokenizer: PreTrainedTokenizerFast) -> None:
    whole = pair_row(record("the cat", "it", "both"), tokenizer, 128)
    assert whole.trained_tokens > 0
    assert not whole.cut
    cut = pair_row(record("the cat" * 20, "it", "both"), tokenizer, 16)
    assert cut.cut
    assert cut.trained_tokens == 0


def test_a_record_of_another_kind_is_refused(tokenizer: PreTrainedTokenizerFast) -> None:
    with pytest.raises(PromptUnsupported, match="holds no pair of answers"):
        pair_row(SequenceRecord("id", "", "ACD"), tokenizer, 128)


def test_scores_are_those_of_the_loss_and_begin_at_log_two(
    llama: BaseModelEntry, tokenizer: PreTrainedTokenizerFast
) -> None:
    rows = [pair_row(each, tokenizer, 128) for each in records()]
    model = model_of(llama)
    objective = begun(model, rows, 0.5, tokenizer.pad_token_id)
    with torch.inference_mode():
        start = objective.figures([objective.score(model, rows, PRECISION, lambda: None)])
        moved(model)
        columns = objective.score(model, rows, PRECISION, lambda: None)
        loss = objective.loss(model, objective.collate(rows))
    assert start.loss == pytest.approx(0.693147, abs=1e-5)
    assert objective.figures([columns]).loss == pytest.approx(float(loss.total) / 2, rel=1e-4)


@pytest.mark.parametrize("adaptation", ["lora", "qlora", "full"])
def test_a_run_prefers_what_is_preferred_on_held_out_pairs(
    adaptation: str,
    chat_spec: MakeSpec,
    preference_file: InputFile,
    tmp_path: Path,
    read_progress: Callable[[Path], list[dict[str, Any]]],
) -> None:
    spec = chat_spec(method="dpo", adaptation=adaptation, training_file=preference_file)
    result = run(spec, tmp_path / "out")
    by_metric = {c.metric: c for c in result.comparisons}
    assert list(by_metric) == ["loss", "preference_accuracy"]
    assert by_metric["loss"].before.value == pytest.approx(0.693147, abs=1e-4)
    assert by_metric["loss"].verdict == "better"
    assert by_metric["preference_accuracy"].higher_is_better
    assert by_metric["preference_accuracy"].after.value == 1.0
    assert result.metrics["held_out_margin_after"] > 0
    points = [line["point"]["values"] for line in read_progress(tmp_path / "out") if line["type"] == "metrics"]
    margins = [values["train_margin"] for values in points if "train_margin" in values]
    assert (margins[0], len(margins)) == (pytest.approx(0, abs=1e-4), result.steps)
    assert margins[-1] > 0.1


def test_going_on_from_an_adapter_the_reference_is_that_adapter(
    chat_spec: MakeSpec, preference_file: InputFile, tmp_path: Path
) -> None:
    run(chat_spec(), tmp_path / "first")
    spec = chat_spec(method="dpo", training_file=preference_file, parent_path=str(tmp_path / "first" / "model"))
    result = run(spec, tmp_path / "second")
    assert result.comparisons[0].before.value == pytest.approx(0.693147, abs=1e-4)


def test_a_file_of_conversations_is_refused_with_the_record(chat_spec: MakeSpec, tmp_path: Path) -> None:
    with pytest.raises(RecordInvalid):
        run(chat_spec(method="dpo"), tmp_path / "out")


def run(spec: TrainingSpec, out: Path) -> TrainingResult:
    out.mkdir()
    log = ProgressLog(out / "progress.jsonl")
    try:
        return run_job(spec, out, log, StopSwitch())
    finally:
        log.close()
