"""Tokenizer and weights out of a folder, by transformers alone: no code of the model's author runs."""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from tunesmith.base_models.errors import BaseModelMissing
from tunesmith.schemas.models import BaseModelEntry


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The folder's tokenizer, with a pad token: its own, else its end token. Raises BaseModelMissing."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except (OSError, ValueError) as e:
        raise BaseModelMissing(f"The tokenizer in {folder} cannot be loaded: {e}") from e
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    return tokenizer


def load_model(folder: Path, entry: BaseModelEntry, *, dtype: torch.dtype) -> PreTrainedModel:
    """The causal language model in `folder`, in eval mode, on the CPU. Raises BaseModelMissing."""
    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype, use_safetensors=True, trust_remote_code=False, local_files_only=True
        )
    except (OSError, ValueError) as e:
        raise BaseModelMissing(f"The weights of {entry.key} in {folder} cannot be loaded: {e}") from e
    model.eval()
    return model


def expand_gguf(file: Path, folder: Path) -> None:
    """Write the GGUF file's model, dequantised to bfloat16 safetensors, and its tokenizer into `folder`."""
    tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name, trust_remote_code=False)
    model: Any = AutoModelForCausalLM.from_pretrained(
        file.parent, gguf_file=file.name, dtype=torch.float32, trust_remote_code=False
    )
    model = model.to(torch.bfloat16)
    # The weights are plain tensors by now; with these left on, save_pretrained refuses to write them.
    model.hf_quantizer = None
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
