"""What a run keeps for an engine to repeat."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from tunesmith.schemas.training import InputFile, TrainingResult, TrainingSpec
from tunesmith.training import probes as probing
from tunesmith.training.progress import ProgressLog
from tunesmith.training.run import run_job
from tunesmith.training.stopping import StopSwitch

pytestmark = pytest.mark.training
MakeSpec = Callable[..., TrainingSpec]


def run(spec: TrainingSpec, out: Path) -> TrainingResult:
    out.mkdir()
    log = ProgressLog(out / "progress.jsonl")
    try:
        return run_job(spec, out, log, StopSwitch())
    finally:
        log.close()


def plain_answer(model: Any, probe: Any, tokens: int) -> list[int]:
    """By transformers' own generate."""
    made = model.generate(torch.tensor([probe.prompt_ids]), max_new_tokens=tokens, do_sample=False)
    return made[0, len(probe.prompt_ids) :].tolist()


def test_a_chat_run_keeps_four_held_out_prompts_with_the_adapters_greedy_answers(
    chat_spec: MakeSpec, tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    spec = chat_spec()
    result = run(spec, tmp_path / "out")
    assert len(result.probes) == 4
    base = AutoModelForCausalLM.from_pretrained(spec.base.source.path, dtype=torch.float32)  # type: ignore[union-attr]
    model = PeftModel.from_pretrained(base, str(tmp_path / "out" / "model")).eval()
    for probe in result.probes:
        assert probe.messages is not None
        assert probe.messages[-1]["role"] == "user"
        rendered = tokenizer.apply_chat_template(probe.messages, add_generation_prompt=True, return_dict=False)
        assert probe.prompt_ids == rendered
        assert probe.output_ids == plain_answer(model, probe, 24)
    assert result.delivery is None


def test_a_protein_run_keeps_the_first_residues_of_held_out_sequences(protein_spec: MakeSpec, tmp_path: Path) -> None:
    spec = protein_spec()
    result = run(spec, tmp_path / "out")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "out" / "model")
    text = Path(spec.training_file.path).read_text().replace("\n", "")
    assert len(result.probes) == 4
    for probe in result.probes:
        assert probe.prompt is not None
        assert len(probe.prompt) == 20
        assert probe.prompt in text
        assert probe.output_ids == plain_answer(model, probe, 32)


def test_a_prompt_whose_last_token_reaches_into_the_answer_is_not_asked(
    chat_spec: MakeSpec, write_jsonl: Callable[[list[dict[str, Any]]], InputFile], tmp_path: Path
) -> None:
    lines = [{"prompt": f"{i} cat ", "completion": "sat"} for i in range(3)]  # " sat" is one token
    lines += [{"prompt": f"{i} cat", "completion": " sat"} for i in range(3)]
    result = run(chat_spec(training_file=write_jsonl(lines)), tmp_path / "out")
    assert [probe.prompt for probe in result.probes] == ["0 cat", "1 cat", "2 cat"]


def test_a_model_that_finds_no_room_to_be_loaded_again_is_complete_and_has_no_probes(
    chat_spec: MakeSpec, tmp_path: Path, read_progress: Callable[[Path], list[dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(probing, "free_bytes", lambda _device: 0)
    result = run(chat_spec(), tmp_path / "out")
    assert result.probes == []
    assert (tmp_path / "out" / "model" / "adapter_model.safetensors").is_file()
    told = [line["event"] for line in read_progress(tmp_path / "out") if line["type"] == "message"]
    assert any(event["level"] == "warn" and "no memory" in event["message"] for event in told)
