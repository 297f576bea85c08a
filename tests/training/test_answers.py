"""What published checkpoints answer to held-out prompts."""

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from tunesmith.base_models.load import load_model
from tunesmith.schemas.shape import Task
from tunesmith.schemas.training import InputFile, TrainingSpec
from tunesmith.training.answers import FIRST_RESIDUES, NEW_TOKENS, Answers
from tunesmith.training.base_model import open_base
from tunesmith.training.data import read_records, rows_of
from tunesmith.training.progress import ProgressLog
from tunesmith.training.run import run_job
from tunesmith.training.split import hold_out
from tunesmith.training.stopping import Stopped, StopSwitch

MakeSpec = Callable[..., TrainingSpec]
ReadProgress = Callable[[Path], list[dict[str, Any]]]


def published(spec: TrainingSpec, out: Path, read_progress: ReadProgress) -> list[dict[str, Any]]:
    out.mkdir()
    log = ProgressLog(out / "progress.jsonl")
    run_job(spec, out, log, StopSwitch())
    log.close()
    told = read_progress(out)
    return [line for line in told if line["type"] == "checkpoint" and line["kind"] == "published"]


def test_each_published_checkpoint_of_a_chat_answers_the_same_four_held_out_prompts(
    chat_spec: MakeSpec, tmp_path: Path, read_progress: ReadProgress
) -> None:
    spec = chat_spec()
    first, second = published(spec, tmp_path / "out", read_progress)
    assert len(first["answers"]) == 4
    assert [a["prompt"] for a in first["answers"]] == [a["prompt"] for a in second["answers"]]
    held_out = hold_out(read_records(spec.training_file, Task.CHAT), spec.validation_split).held_out["held_out"]
    said = {record.messages[0].content: record.messages[1].content for record in held_out}  # type: ignore[union-attr]
    for answer in second["answers"]:
        asked = next(text for text in said if text in answer["prompt"])
        assert answer["reference"] == said[asked]
        assert len(answer["answer"].split()) <= NEW_TOKENS


def test_an_answer_is_what_plain_greedy_decoding_of_the_checkpoint_gives(
    chat_spec: MakeSpec, tokenizer: PreTrainedTokenizerFast, tmp_path: Path, read_progress: ReadProgress
) -> None:
    spec = chat_spec(adaptation="full")
    spec = spec.model_copy(update={"hyperparameters": spec.hyperparameters.model_copy(update={"batch_size": 2})})
    *_, last = published(spec, tmp_path / "out", read_progress)
    model = load_model(tmp_path / "out" / last["path"], spec.base, dtype=torch.float32)
    assert any(answer["answer"] for answer in last["answers"])
    for answer in last["answers"]:
        question = answer["prompt"].removeprefix("user\n").removesuffix("\nassistant")
        text = f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"
        ids = tokenizer(text)["input_ids"]
        new: list[int] = []
        while len(new) < NEW_TOKENS:
            with torch.no_grad():
                token = int(model(torch.tensor([[*ids, *new]])).logits[0, -1].argmax())
            if token == tokenizer.eos_token_id:
                break
            new.append(token)
        assert answer["answer"] == tokenizer.decode(new, skip_special_tokens=True).strip()


def test_a_protein_is_carried_on_from_its_first_residues(
    protein_spec: MakeSpec, tmp_path: Path, read_progress: ReadProgress
) -> None:
    spec = protein_spec()
    *_, last = published(spec, tmp_path / "out", read_progress)
    residues = {record.residues for record in read_records(spec.training_file, Task.PROTEIN)}  # type: ignore[union-attr]
    assert len(last["answers"]) == 4
    for answer in last["answers"]:
        assert len(answer["prompt"]) == FIRST_RESIDUES
        assert answer["prompt"] + answer["reference"] in residues
        assert set(answer["answer"]) <= set("ACDEFGHIKLMNPQRSTVWYX")


def test_a_classifier_answers_with_the_label_and_its_probability(
    chat_spec: MakeSpec,
    write_jsonl: Callable[[list[dict[str, Any]]], InputFile],
    tmp_path: Path,
    read_progress: ReadProgress,
) -> None:
    lines = [{"text": f"{animal} {n}", "label": f"is {animal}"} for n in range(20) for animal in ("cat", "mat")]
    spec = chat_spec(task="classification", adaptation="full", training_file=write_jsonl(lines))
    *_, last = published(spec, tmp_path / "out", read_progress)
    assert len(last["answers"]) == 4
    for answer in last["answers"]:
        assert answer["reference"] == f"is {answer['prompt'].split()[0]}"
        _, probability = re.fullmatch(r"(is cat|is mat) \((0\.\d\d|1\.00)\)", answer["answer"]).groups()  # type: ignore[union-attr]
        assert float(probability) >= 0.5


def test_asking_draws_nothing_from_the_generators_and_leaves_the_model_as_it_was(
    protein_spec: MakeSpec, tmp_path: Path
) -> None:
    answers, model = asked(protein_spec(), tmp_path)
    model.train()
    torch.manual_seed(11)
    before = torch.random.get_rng_state()
    told = answers.ask()
    assert torch.equal(torch.random.get_rng_state(), before)
    assert model.training
    assert answers.ask() == told
    assert all(p.grad is None for p in model.parameters())


def test_a_stop_ends_the_asking_between_two_tokens(protein_spec: MakeSpec, tmp_path: Path) -> None:
    looks = 0

    def stop() -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            raise Stopped

    answers, _ = asked(protein_spec(), tmp_path, stop)
    with pytest.raises(Stopped):
        answers.ask()
    assert looks == 3


def asked(spec: TrainingSpec, tmp_path: Path, stop: Callable[[], None] = lambda: None) -> tuple[Answers, Any]:
    """Answers of the untrained base to prompts of its training file."""
    log = ProgressLog(tmp_path / "progress.jsonl")
    base = open_base(spec, log)
    rows = rows_of(read_records(spec.training_file, spec.task)[:6], base.tokenizer, base.entry, 128)
    model = base.load()

    plan: Any = SimpleNamespace(held_out={"held_out": rows})
    return Answers(model, base, plan, spec.task, stop), model
