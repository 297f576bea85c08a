"""A model's folder as training wrote it, read back: what it is, and its weights as they are served."""

import json
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from peft import PeftModel
from transformers import PreTrainedModel

from tunesmith.base_models.load import load_classifier, load_encoder, load_model
from tunesmith.schemas.models import BaseModelEntry
from tunesmith.training.base_model import Form


def is_adapter(folder: Path) -> bool:
    return (folder / "adapter_config.json").is_file()


def form_of(folder: Path, pad_id: int) -> Form:
    """A classifier where there are labels, an encoder where it is said how texts become vectors, else a model of next
    tokens."""
    labels = folder / "labels.json"
    if labels.is_file():
        told = json.loads(labels.read_bytes())
        return Form(
            partial(load_classifier, labels=told["labels"], multi_label=told["multi_label"], pad_id=pad_id), "SEQ_CLS"
        )
    if (folder / "embedding.json").is_file():
        return Form(load_encoder, "FEATURE_EXTRACTION")
    return Form(load_model)


def load_saved(
    folder: Path, entry: BaseModelEntry, base_folder: Path, *, pad_id: int, dtype: torch.dtype
) -> PreTrainedModel | PeftModel:
    """The tuned model in eval mode on the CPU: whole, or its adapter on the plain base, all in `dtype`.

    Raises BaseModelMissing.
    """
    load = form_of(folder, pad_id).load
    if not is_adapter(folder):
        return load(folder, entry, dtype=dtype)
    model: Any = PeftModel.from_pretrained(
        load(base_folder, entry, dtype=dtype), str(folder), autocast_adapter_dtype=False
    )
    for name, parameter in model.named_parameters():
        if ".lora_" in name or ".modules_to_save." in name:
            parameter.data = parameter.data.to(dtype)
    return cast(PeftModel, model.eval())
