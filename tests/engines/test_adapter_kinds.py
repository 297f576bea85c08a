"""Adapters of every kind that training writes stand side by side on one base and answer as peft does."""

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from tunesmith.base_models.fetch import local_folder
from tunesmith.engines.adapters import AdapterRack, read_adapter

PROMPT = torch.tensor([[1, 14, 12, 5, 9]])
KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "rank-stabilised": {"use_rslora": True},
    "decomposed": {"use_dora": True},
    "both": {"use_rslora": True, "use_dora": True, "r": 8},
}


@pytest.mark.parametrize("which", ["llama", "protein"])
def test_they_answer_as_peft_does_and_the_base_answers_as_without_them(
    which: str, request: pytest.FixtureRequest, make_adapter, llama_folder: Path, tmp_path: Path
) -> None:
    base = llama_folder if which == "llama" else local_folder(request.getfixturevalue(which), tmp_path)
    layers = {} if which == "llama" else {"target_modules": ["c_attn", "c_proj", "c_fc"], "fan_in_fan_out": True}
    folders = {name: make_adapter(base, seed, **layers, **kind) for seed, (name, kind) in enumerate(KINDS.items())}
    for kind in ("decomposed", "both"):
        stretch_magnitudes(folders[kind])
    expected = {name: answer(PeftModel.from_pretrained(load(base), str(folder))) for name, folder in folders.items()}
    expected["base"] = answer(load(base))

    model = load(base)
    rack = AdapterRack(model)
    for name, folder in folders.items():
        rack.attach(name, read_adapter(folder, torch.float32))
    for name in [*KINDS, "base", *reversed(KINDS)]:
        rack.choose(None if name == "base" else name)
        torch.testing.assert_close(answer(model), expected[name], rtol=1e-4, atol=1e-5)
    assert (expected["decomposed"] - expected["base"]).abs().max() > 1e-2
    rack.detach("decomposed")
    rack.choose("both")
    torch.testing.assert_close(answer(model), expected["both"], rtol=1e-4, atol=1e-5)


def stretch_magnitudes(folder: Path) -> None:
    """As training moves them; untouched ones would hide a magnitude that was not loaded."""
    from safetensors.torch import load_file, save_file

    path = folder / "adapter_model.safetensors"
    state = load_file(path)
    assert any("magnitude" in name for name in state)
    save_file({n: t * 1.2 if "magnitude" in n else t for n, t in state.items()}, path, metadata={"format": "pt"})


def load(base: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).eval()


def answer(model: Any) -> torch.Tensor:
    with torch.inference_mode():
        return model.eval()(input_ids=PROMPT).logits
