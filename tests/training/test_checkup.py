"""What a run finds in its data before the first step."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tunesmith.schemas.datasets import Checkup
from tunesmith.schemas.training import InputFile, TrainingSpec
from tunesmith.training import checkup
from tunesmith.training.progress import ProgressLog
from tunesmith.training.run import run_job
from tunesmith.training.stopping import Stopped, StopSwitch

MakeSpec = Callable[..., TrainingSpec]
WriteLines = Callable[[list[dict[str, Any]]], InputFile]
WORDS = ["river", "stone", "cloud", "ember", "field", "quiet", "hollow", "maple", "signal", "orbit", "velvet", "copper"]


@pytest.fixture
def checked(tmp_path: Path) -> Callable[[TrainingSpec], tuple[Checkup, list[str]]]:
    """The check-up of a run that is stopped when it would load the model, and the warnings it told."""

    class Log(ProgressLog):
        def phase(self, phase: str) -> None:
            super().phase(phase)
            if phase == "loading_model":
                raise Stopped

    def check(spec: TrainingSpec) -> tuple[Checkup, list[str]]:
        path = tmp_path / "progress.jsonl"
        log = Log(path)
        with pytest.raises(Stopped):
            run_job(spec, tmp_path, log, StopSwitch())
        log.close()
        told = [json.loads(line) for line in path.read_text().splitlines()]
        (found,) = [line["checkup"] for line in told if line["type"] == "checkup"]
        events = [line["event"] for line in told if line["type"] == "message"]
        return Checkup.model_validate(found), [e["message"] for e in events if e["level"] != "info"]

    return check


def chats(n: int, seed: int = 0) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    return [
        {"prompt": f"{n} {' '.join(rng.choices(WORDS, k=12))}", "completion": " " + " ".join(rng.choices(WORDS, k=12))}
        for n in range(n)
    ]


def codes(checkup: Checkup) -> dict[str, int]:
    return {finding.code: finding.count for finding in checkup.findings}


def test_good_data_has_counts_and_lengths_and_no_findings(
    chat_spec: MakeSpec, write_jsonl: WriteLines, checked: Any
) -> None:
    checkup, warned = checked(chat_spec(training_file=write_jsonl(chats(40))))
    assert (checkup.n_train, checkup.n_held_out, checkup.n_truncated) == (30, 10, 0)
    assert checkup.token_lengths is not None
    assert sum(checkup.token_lengths.counts) == 30
    assert len(checkup.token_lengths.edges) == len(checkup.token_lengths.counts) + 1
    assert 0.3 < checkup.trained_token_share < 0.7
    assert (checkup.findings, warned) == ([], [])


def test_each_fault_of_the_data_is_found_with_its_number_and_told_as_an_event(
    chat_spec: MakeSpec, write_jsonl: WriteLines, checked: Any
) -> None:
    lines = chats(60)
    key = "AKIA" + "ABCDEFGHIJKLMNOP"
    secret = {"prompt": f"my key is {key}", "completion": " mail ada@lovelace-mail.org for it"}
    near = [{**lines[n], "completion": lines[n]["completion"] + " again"} for n in range(3)]
    odd = {"prompt": "zzzzzzzz", "completion": "aaaaaaaa"}
    train = [*lines, lines[0], lines[1], *near, secret, odd]
    checkup, warned = checked(chat_spec(training_file=write_jsonl(train), validation_split=0.0))
    found = codes(checkup)
    assert (found["exact_duplicates"], found["near_duplicates"]) == (2, 3)
    assert (found["likely_secrets"], found["personal_data"]) == (1, 1)
    assert found["one_character"] == 1
    assert not any(key in text or "lovelace" in text for text in [f.message + f.fix for f in checkup.findings])
    assert all(finding.fix for finding in checkup.findings)
    assert any(text.startswith("2 records are exactly what another") for text in warned)


def test_records_that_training_and_validation_share_are_counted_exactly_and_nearly(
    chat_spec: MakeSpec, write_jsonl: WriteLines, tmp_path: Path, checked: Any
) -> None:
    lines = chats(30)
    near = [{**lines[n], "prompt": lines[n]["prompt"] + " now"} for n in range(10, 14)]
    validation = tmp_path / "validation.jsonl"
    validation.write_text("".join(json.dumps(x) + "\n" for x in [*lines[:5], *near, *chats(6, seed=9)]))
    file = write_jsonl(lines)
    spec = chat_spec(training_file=file, validation_file=file.model_copy(update={"path": str(validation)}))
    checkup, warned = checked(spec)
    assert checkup.n_train == 25
    assert codes(checkup)["train_test_exact_overlap"] == 5
    assert codes(checkup)["train_test_overlap"] == 4
    assert any("figures on them flatter" in text for text in warned)


def test_the_built_in_split_is_looked_through_for_near_copies_too(
    chat_spec: MakeSpec, write_jsonl: WriteLines, checked: Any
) -> None:
    lines = chats(30)
    twins = [{**line, "completion": line["completion"] + " so"} for line in lines]
    checkup, _ = checked(chat_spec(training_file=write_jsonl([*lines, *twins])))
    assert codes(checkup)["train_test_overlap"] >= 5


def test_truncation_is_counted_and_the_histogram_knows_the_whole_length(
    chat_spec: MakeSpec, write_jsonl: WriteLines, checked: Any
) -> None:
    lines = [*chats(30), {"prompt": "cat", "completion": " mat" * 240}]
    spec = chat_spec(training_file=write_jsonl(lines), validation_split=0.0, numbers={"max_seq_len": 200})
    checkup, warned = checked(spec)
    assert (checkup.n_truncated, codes(checkup)["truncated"]) == (1, 1)
    assert checkup.token_lengths is not None
    assert checkup.token_lengths.edges[-1] > 200
    assert sum("longer than max_seq_len" in text for text in warned) == 1


def test_the_first_batch_is_shown_as_the_model_reads_it_with_its_trained_tokens_marked(
    chat_spec: MakeSpec, checked: Any
) -> None:
    spec = chat_spec()
    checkup, _ = checked(spec)
    assert len(checkup.first_batch) == 8
    said = {
        json.loads(line)["messages"][1]["content"] for line in Path(spec.training_file.path).read_text().splitlines()
    }
    for record in checkup.first_batch:
        whole = "".join(piece.text for piece in record)
        assert whole.startswith("<|im_start|>user\n")
        (trained,) = [piece.text for piece in record if piece.trained]
        assert trained.endswith("<|im_end|>")
        assert trained.removesuffix("<|im_end|>") in said


def test_relatives_in_the_random_set_of_a_family_are_no_warning(protein_spec: MakeSpec, checked: Any) -> None:
    checkup, warned = checked(protein_spec())
    assert checkup.first_batch[0][0] == checkup.first_batch[0][0].model_copy(update={"trained": False})
    assert all(f.level == "info" for f in checkup.findings if f.code == "train_test_overlap")
    assert not any("flatter" in text for text in warned)


def test_labels_are_counted_and_their_imbalance_told(
    chat_spec: MakeSpec, write_jsonl: WriteLines, checked: Any
) -> None:
    lines = [
        {"text": f"{n} {random.Random(n).choices(WORDS, k=9)}", "label": "a" if n % 21 else "b"} for n in range(200)
    ]
    checkup, _ = checked(chat_spec(task="classification", adaptation="full", training_file=write_jsonl(lines)))
    assert set(checkup.labels) == {"a", "b"}
    assert sum(checkup.labels.values()) == checkup.n_train
    assert "imbalanced_labels" in codes(checkup)
    assert checkup.first_batch[0][-1].text in ("\n[a]", "\n[b]")


def test_one_and_the_same_answer_to_most_prompts_is_told(
    chat_spec: MakeSpec, write_jsonl: WriteLines, checked: Any
) -> None:
    lines = chats(40)
    for line in lines[:30]:
        line["completion"] = " I cannot help with that."
    checkup, _ = checked(chat_spec(training_file=write_jsonl(lines), validation_split=0.0))
    assert codes(checkup)["same_answer"] == 30


def test_of_a_large_file_a_part_is_compared_and_its_number_is_said(
    chat_spec: MakeSpec, write_jsonl: WriteLines, checked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkup, "LOOKED", 20)
    lines = chats(30)
    twins = [{**line, "completion": line["completion"] + " so"} for line in lines]
    found, _ = checked(chat_spec(training_file=write_jsonl([*lines, *twins]), validation_split=0.0))
    (near,) = [f for f in found.findings if f.code == "near_duplicates"]
    assert near.message.endswith("20 of 60 records were looked at.")
    assert near.share == near.count / 20


def test_a_resumed_run_does_not_check_again(chat_spec: MakeSpec, tmp_path: Path) -> None:
    class Log(ProgressLog):
        def phase(self, phase: str) -> None:
            super().phase(phase)
            if phase == "loading_model":
                raise Stopped

    log = Log(tmp_path / "progress.jsonl")
    with pytest.raises(Stopped):
        run_job(chat_spec(resume_path=str(tmp_path)), tmp_path, log, StopSwitch())
    assert "checkup" not in (tmp_path / "progress.jsonl").read_text()
