"""Tokenizer and weights out of a folder, by transformers alone: no code of the model's author runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from tunesmith.base_models.errors import BaseModelMissing
from tunesmith.schemas.models import BaseModelEntry

HEADS = ("classifier", "score")
"""What transformers' models of classes call their heads."""


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
    return _load(AutoModelForCausalLM, folder, entry, dtype=dtype)


def load_encoder(folder: Path, entry: BaseModelEntry, *, dtype: torch.dtype) -> PreTrainedModel:
    """The folder's model without any head: tokens to hidden states; in eval mode, on the CPU.

    A pooler that the folder's weights lack is begun at random, and embeddings do not read it. Raises BaseModelMissing.
    """
    return _load(AutoModel, folder, entry, dtype=dtype)


def load_classifier(
    folder: Path,
    entry: BaseModelEntry,
    *,
    dtype: torch.dtype,
    labels: Sequence[str],
    multi_label: bool,
    pad_id: int,
    new_head: bool = False,
) -> PreTrainedModel:
    """The folder's model under a head of one output a label; in eval mode, on the CPU.

    A head that the weights lack, or that has another number of outputs, is begun at random from torch's generator; so
    is any other where `new_head` says it. Raises BaseModelMissing, also for an architecture that transformers has no
    such head for.
    """
    model = _load(
        AutoModelForSequenceClassification,
        folder,
        entry,
        dtype=dtype,
        id2label=dict(enumerate(labels)),
        label2id={label: i for i, label in enumerate(labels)},
        num_labels=len(labels),
        problem_type="multi_label_classification" if multi_label else "single_label_classification",
        # A causal model reads its classes off the last token before the padding, so it must know the padding.
        pad_token_id=pad_id,
        ignore_mismatched_sizes=True,
    )
    heads = [head for head in (getattr(model, name, None) for name in HEADS) if head is not None]
    if new_head:
        for module in (module for head in heads for module in head.modules()):
            if isinstance(module, torch.nn.Linear):
                module.reset_parameters()
    return model


def _load(auto_class: Any, folder: Path, entry: BaseModelEntry, **options: Any) -> PreTrainedModel:
    try:
        model = auto_class.from_pretrained(
            folder, use_safetensors=True, trust_remote_code=False, local_files_only=True, **options
        )
    except (OSError, ValueError) as e:
        raise BaseModelMissing(f"The weights of {entry.key} in {folder} cannot be loaded: {e}") from e
    model.eval()
    return cast(PreTrainedModel, model)


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
