"""A base in four bits: gradients that stay right, and an adapter that is served on the plain base."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from bitsandbytes.functional import dequantize_4bit, has_avx512bf16
from bitsandbytes.nn import Linear4bit
from peft import PeftModel, get_peft_model_state_dict, set_peft_model_state_dict
from peft.tuners.lora import LoraLayer
from safetensors.torch import load_file
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.pytorch_utils import Conv1D

from tunesmith.base_models.load import load_tokenizer
from tunesmith.base_models.weights import check_folder
from tunesmith.schemas.defaults import resolve
from tunesmith.schemas.models import BaseModelEntry, FolderSource
from tunesmith.schemas.shape import Adaptation, Task, TrainingMethod
from tunesmith.schemas.training import Hyperparameters, TrainingResult, TrainingSpec
from tunesmith.training import as_served, quantisation
from tunesmith.training.adapters import adapted_layers, prepare
from tunesmith.training.base_model import Base, choose_precision
from tunesmith.training.progress import ProgressLog
from tunesmith.training.quantisation import four_bit_layers
from tunesmith.training.run import run_job
from tunesmith.training.stopping import StopSwitch

pytestmark = pytest.mark.training
MakeSpec = Callable[..., TrainingSpec]


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory, llama: BaseModelEntry) -> BaseModelEntry:
    """A Llama of one layer, wide enough for whole blocks of 64 weights: only such are packed anew by the CPU's path."""
    assert isinstance(llama.source, FolderSource)
    tokenizer = load_tokenizer(Path(llama.source.path))
    folder = tmp_path_factory.mktemp("wide")
    torch.manual_seed(6)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=1,
        num_attention_heads=4,
        max_position_embeddings=256,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return llama.model_copy(update={"source": FolderSource(path=str(folder))})


def run(spec: TrainingSpec, out: Path) -> TrainingResult:
    out.mkdir()
    log = ProgressLog(out / "progress.jsonl")
    try:
        return run_job(spec, out, log, StopSwitch())
    finally:
        log.close()


def base_of(entry: BaseModelEntry) -> Base:
    assert isinstance(entry.source, FolderSource)
    folder = Path(entry.source.path)
    return Base(entry, folder, load_tokenizer(folder), choose_precision(Adaptation.QLORA), None)


def adapted(base: Base, adaptation: Adaptation, **wanted: Any) -> Any:
    torch.manual_seed(5)
    numbers = resolve(
        Hyperparameters(**wanted),
        task=Task.CHAT,
        method=TrainingMethod.SUPERVISED,
        adaptation=adaptation,
        n_examples=100,
        context=128,
        parameters=50_000,
    )
    return prepare(base, adaptation, numbers)


def dequantised(base: Base, quantised: Any) -> Any:
    """The plain model with the very weights that the four bits stand for."""
    plain = adapted(base, Adaptation.LORA)
    with torch.no_grad():
        for name, layer in quantised.named_modules():
            if isinstance(layer, Linear4bit):
                target = plain.get_submodule(name)
                weight = dequantize_4bit(layer.weight.data, layer.weight.quant_state)
                target.weight.copy_(weight.T if isinstance(target, Conv1D) else weight)
    return plain


def gradients(model: Any) -> dict[str, torch.Tensor]:
    """Of the adapter's weights, by a pass in train mode without dropout."""
    model.train()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    ids = torch.arange(4, 24).repeat(2, 1)
    model.zero_grad()
    with torch.random.fork_rng():
        model(input_ids=ids, labels=ids).loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def difference(model: Any, plain: Any) -> float:
    """Largest relative difference of a gradient from the dequantised model's, after a pass in eval mode."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:  # zero at first, which would leave lora_A without a gradient
                parameter.normal_(std=0.05)
    set_peft_model_state_dict(plain, get_peft_model_state_dict(model))
    model.eval()
    with torch.inference_mode():
        model(input_ids=torch.arange(4, 24).repeat(2, 1))
    found, expected = gradients(model), gradients(plain)
    assert found.keys() == expected.keys()
    assert found
    return max(float((found[n] - expected[n]).norm() / expected[n].norm()) for n in found)


@pytest.mark.parametrize("which", ["wide", "gpt2"])
def test_gradients_after_an_evaluation_are_those_of_the_dequantised_model(
    which: str, request: pytest.FixtureRequest
) -> None:
    base = base_of(request.getfixturevalue(which))
    model = adapted(base, Adaptation.QLORA)
    assert len(four_bit_layers(model)) == adapted_layers(model) > 0
    assert difference(model, dequantised(base, model)) < 1e-4


@pytest.mark.skipif(not has_avx512bf16(), reason="only CPUs with AVX-512 bf16 pack the weights anew")
def test_the_trap_is_there_without_the_switch(wide: BaseModelEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    """When this fails, bitsandbytes no longer has the fault and the switch can go."""
    monkeypatch.setattr(quantisation, "keep_gradients_exact", lambda _model: None)
    base = base_of(wide)
    model = adapted(base, Adaptation.QLORA)
    assert difference(model, dequantised(base, model)) > 0.1


@pytest.mark.parametrize("task", ["chat", "protein"])
def test_a_run_gets_better_and_leaves_a_plain_adapter_for_the_plain_base(
    task: str, chat_spec: MakeSpec, protein_spec: MakeSpec, tmp_path: Path
) -> None:
    make = chat_spec if task == "chat" else protein_spec
    spec = make(adaptation="qlora", numbers={"lora_rank": 8})
    result = run(spec, tmp_path / "out")
    assert result.comparisons[0].verdict == "better"

    folder = tmp_path / "out" / "model"
    check_folder(folder)
    config = json.loads((folder / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == spec.base.key
    assert config["fan_in_fan_out"] is (task == "protein")
    assert str(tmp_path) not in (folder / "adapter_config.json").read_text()
    card = (folder / "README.md").read_text()
    assert "four bits" in card
    assert as_served.ON_PLAIN_BASE in card

    held_out = [c.after.value for c in result.comparisons]
    again = run(make(adaptation="lora", parent_path=str(folder), numbers={"n_epochs": 1}), tmp_path / "again")
    assert [c.before.value for c in again.comparisons] == pytest.approx(held_out, rel=1e-5)


def test_without_room_for_the_plain_base_the_figures_say_that_they_are_of_four_bits(
    chat_spec: MakeSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(as_served, "free_bytes", lambda _device: 0)
    result = run(chat_spec(adaptation="qlora"), tmp_path / "out")
    assert result.comparisons[0].verdict == "better"
    assert as_served.IN_FOUR_BITS in (tmp_path / "out" / "model" / "README.md").read_text()


@pytest.mark.parametrize("adaptation", ["lora", "qlora"])
@pytest.mark.parametrize("task", ["chat", "protein"])
def test_rank_stabilised_and_decomposed_adapters_are_of_their_kind_and_served_as_trained(
    task: str, adaptation: str, chat_spec: MakeSpec, protein_spec: MakeSpec, tmp_path: Path
) -> None:
    make = chat_spec if task == "chat" else protein_spec
    spec = make(adaptation=adaptation, numbers={"lora_rank": 4, "use_rslora": True, "use_dora": True, "n_epochs": 1})
    result = run(spec, tmp_path / "out")
    folder = tmp_path / "out" / "model"
    config = json.loads((folder / "adapter_config.json").read_text())
    assert (config["use_rslora"], config["use_dora"]) == (True, True)
    assert any("lora_magnitude_vector" in name for name in load_file(folder / "adapter_model.safetensors"))

    model: Any = PeftModel.from_pretrained(base_of(spec.base).load(), str(folder))
    layers = [m for m in model.modules() if isinstance(m, LoraLayer)]
    assert layers
    assert all(layer.use_dora["default"] and layer.scaling["default"] == pytest.approx(8 / 4**0.5) for layer in layers)
    again = run(make(adaptation="lora", parent_path=str(folder), numbers={"n_epochs": 1}), tmp_path / "again")
    assert (again.hyperparameters.use_rslora, again.hyperparameters.use_dora) == (True, True)
    before = [c.before.value for c in again.comparisons]
    assert before == pytest.approx([c.after.value for c in result.comparisons], rel=1e-4)
