"""An adapter folded into its base answers as the two did, and stands in a folder of its own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from tunesmith.base_models.weights import check_folder
from tunesmith.schemas.models import BaseModelEntry
from tunesmith.training.delivery.merge import merge
from tunesmith.training.saved_model import load_saved

IDS = torch.tensor([[5, 9, 20, 31, 7, 12]])
CARD = (
    "---\nlibrary_name: peft\npipeline_tag: text-generation\n---\n\n# A model\n\n## How to load it\n\nPeftModel\n\n"
    "## Limits\n\n- some\n"
)


@pytest.fixture
def base_of(tmp_path: Path, tokenizer: PreTrainedTokenizerFast) -> Callable[..., Path]:
    """A random Llama whose head and embeddings are one matrix, stored in a type of the test's choice."""

    def make(dtype: torch.dtype) -> Path:
        torch.manual_seed(0)
        config = LlamaConfig(
            vocab_size=len(tokenizer), hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, tie_word_embeddings=True, eos_token_id=tokenizer.eos_token_id, bos_token_id=None,
        )  # fmt: skip
        folder = tmp_path / f"base-{dtype}".replace("torch.", "")
        LlamaForCausalLM(config).to(dtype).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return folder

    return make


def adapter_on(base: Path, folder: Path, **options: Any) -> Path:
    """With weights that change the answers much."""
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    config = LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM", **options)
    get_peft_model(model, config).save_pretrained(str(folder))
    AutoTokenizer.from_pretrained(base).save_pretrained(folder)
    (folder / "README.md").write_text(CARD)
    (folder / "training_sequences.fasta").write_text(">a\nMKT\n")
    return folder


def logits_of(model: Any) -> torch.Tensor:
    with torch.inference_mode():
        return model(input_ids=IDS).logits


@pytest.mark.parametrize("options", [{}, {"use_dora": True}, {"use_rslora": True, "lora_alpha": 8}])
def test_a_merged_model_has_the_logits_of_adapter_and_base(
    llama: BaseModelEntry, base_of: Callable[..., Path], tmp_path: Path, options: dict[str, Any]
) -> None:
    base = base_of(torch.float32)
    adapter = adapter_on(base, tmp_path / "adapter", **options)
    merge(adapter, llama, base, tmp_path / "merged")
    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    expected = logits_of(PeftModel.from_pretrained(plain, str(adapter)).eval())
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "merged", dtype=torch.float32)
    assert not torch.allclose(logits_of(AutoModelForCausalLM.from_pretrained(base)), expected, atol=1e-2)
    torch.testing.assert_close(logits_of(merged), expected, atol=1e-4, rtol=1e-4)


def test_the_folder_is_whole_in_the_bases_type_with_tied_weights_once(
    llama: BaseModelEntry, base_of: Callable[..., Path], tmp_path: Path
) -> None:
    base = base_of(torch.bfloat16)
    adapter = adapter_on(base, tmp_path / "adapter")
    merge(adapter, llama, base, tmp_path / "merged")
    check_folder(tmp_path / "merged")
    weights = load_file(tmp_path / "merged" / "model.safetensors")
    assert weights.keys() == load_file(base / "model.safetensors").keys()
    assert "lm_head.weight" not in weights
    assert {tensor.dtype for tensor in weights.values()} == {torch.bfloat16}
    assert not list((tmp_path / "merged").glob("adapter_*"))
    assert (tmp_path / "merged" / "training_sequences.fasta").is_file()
    expected = logits_of(load_saved(adapter, llama, base, pad_id=0, dtype=torch.float32))
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "merged", dtype=torch.float32)
    # bfloat16 keeps 8 bits of each weight: the sum is rounded once
    torch.testing.assert_close(logits_of(merged), expected, atol=0.05, rtol=0.05)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "merged")
    assert tokenizer.chat_template == AutoTokenizer.from_pretrained(base).chat_template


def test_the_card_of_the_merged_model_is_of_a_whole_one(
    llama: BaseModelEntry, base_of: Callable[..., Path], tmp_path: Path
) -> None:
    base = base_of(torch.float32)
    merge(adapter_on(base, tmp_path / "adapter"), llama, base, tmp_path / "merged")
    card = (tmp_path / "merged" / "README.md").read_text()
    assert "library_name: transformers" in card
    assert "peft" not in card.lower()
    assert "AutoModelForCausalLM.from_pretrained" in card
    assert card.endswith("## Limits\n\n- some\n")


def test_every_kind_of_adapter_is_merged_with_its_head_and_its_files(
    gpt2: BaseModelEntry, tmp_path: Path, tokenizer: PreTrainedTokenizerFast
) -> None:
    """Matrices that lie transposed (GPT-2), a classifier's own head, an encoder without any."""
    torch.manual_seed(2)
    bert = tmp_path / "bert"
    BertModel(BertConfig(vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
                         intermediate_size=48)).save_pretrained(bert)  # fmt: skip
    tokenizer.save_pretrained(bert)
    labels = {"labels": ["cat", "mat", "hat"], "multi_label": False}
    kinds: list[tuple[Path, str, Any, dict[str, Any], dict[str, Any]]] = [
        (Path(gpt2.source.path), "CAUSAL_LM", AutoModelForCausalLM, {"fan_in_fan_out": True}, {}),  # type: ignore[union-attr]
        (bert, "SEQ_CLS", AutoModelForSequenceClassification, {"modules_to_save": ["classifier"]}, {"labels": labels}),
        (bert, "FEATURE_EXTRACTION", AutoModel, {}, {"embedding": {"pooling": "mean"}}),
    ]
    for base, task, auto, options, files in kinds:
        folder, target = tmp_path / task, tmp_path / f"{task}-merged"
        more = {"num_labels": 3} if files.get("labels") else {}
        plain = auto.from_pretrained(base, **more)
        layers = ["c_attn", "c_proj", "c_fc"] if task == "CAUSAL_LM" else ["query", "value"]
        config = LoraConfig(r=2, target_modules=layers, init_lora_weights=False, task_type=task, **options)
        adapted = get_peft_model(plain, config).eval()
        adapted.save_pretrained(str(folder))
        AutoTokenizer.from_pretrained(base).save_pretrained(folder)
        for name, told in files.items():
            (folder / f"{name}.json").write_text(json.dumps(told))
        merge(folder, gpt2, base, target)
        merged = auto.from_pretrained(target)
        with torch.inference_mode():
            torch.testing.assert_close(
                merged(input_ids=IDS % 30)[0], adapted(input_ids=IDS % 30)[0], atol=1e-4, rtol=1e-4
            )
        assert all((target / f"{name}.json").is_file() for name in files)
        if files.get("labels"):
            assert list(merged.config.id2label.values()) == labels["labels"]
