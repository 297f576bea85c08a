"""Forward passes of encoders: token ids to vectors or to logits of classes, through a base or one of its adapters."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftConfig
from peft.utils import load_peft_weights
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from tunesmith.engines.adapters import AdapterFiles, AdapterRack
from tunesmith.schemas.errors import Invalid

_PEFT_PREFIX = "base_model.model."


class VectorLane:
    """Token vectors of the encoder, made one by the modules that sentence-transformers has behind it."""

    def __init__(
        self, encoder: PreTrainedModel, head: torch.nn.Module, pad_id: int, rack: AdapterRack, adapter: str | None
    ) -> None:
        self._encoder = encoder
        self._head = head
        self._rack = rack
        self._adapter = adapter
        self.pad_id = pad_id

    def __call__(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        self._rack.choose(self._adapter)
        hidden = self._encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        # In float32: a mean over hundreds of bfloat16 vectors loses digits that cost nothing to keep.
        features = {"token_embeddings": hidden.float(), "attention_mask": mask, "input_ids": ids}
        return self._head(features)["sentence_embedding"].float()


class ClassLane:
    """Logits of a classifier, whole or an adapter's head upon the shared encoder."""

    def __init__(self, classifier: PreTrainedModel, pad_id: int, rack: AdapterRack | None, adapter: str | None) -> None:
        self._classifier = classifier
        self._rack = rack
        self._adapter = adapter
        self.pad_id = pad_id

    def __call__(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        if self._rack is not None:
            self._rack.choose(self._adapter)
        return self._classifier(input_ids=ids, attention_mask=mask).logits.float()


def read_encoder_adapter(
    folder: Path, encoder: PreTrainedModel, dtype: torch.dtype, *, has_classes: bool
) -> tuple[AdapterFiles, dict[str, torch.Tensor]]:
    """The adapter's LoRA for the bare encoder, and the weights of its classification head. Raises Invalid.

    A classifier's adapter names the encoder inside of it (`bert.encoder...`); the LoRA layers are named here one by
    one, since "dense" of the settings may mean more layers of one than of the other.
    """
    if not (folder / "adapter_config.json").is_file() or not (folder / "adapter_model.safetensors").is_file():
        raise Invalid(f"{folder.name} is no LoRA adapter: adapter_config.json or adapter_model.safetensors is missing.")
    config = PeftConfig.from_pretrained(str(folder))
    if not isinstance(config, LoraConfig):
        raise Invalid(f"The adapter is of type {config.peft_type}; this engine serves LoRA adapters.")
    inside = f"{encoder.base_model_prefix}." if has_classes else ""
    lora: dict[str, torch.Tensor] = {}
    head: dict[str, torch.Tensor] = {}
    for key, tensor in load_peft_weights(str(folder), device="cpu").items():
        name = key.removeprefix(_PEFT_PREFIX)
        if has_classes and not name.startswith(inside):
            head[name] = tensor.to(dtype)
        elif ".lora_" in name:
            lora[_PEFT_PREFIX + name.removeprefix(inside)] = tensor.to(dtype)
        else:
            raise Invalid(f"The adapter carries {name} whole (modules_to_save). Merge it into its base and serve that.")
    if any(".lora_" in name for name in head):
        raise Invalid("The adapter has LoRA inside its classification head. Train the head whole (modules_to_save).")
    named = sorted({key.removeprefix(_PEFT_PREFIX).partition(".lora_")[0] for key in lora})
    config = replace(
        config,
        inference_mode=True,
        task_type=None,
        target_modules=named,
        modules_to_save=None,
        exclude_modules=None,
        layers_to_transform=None,
        layers_pattern=None,
    )
    return AdapterFiles(config, lora), head


def classifier_upon(
    encoder: PreTrainedModel, head: dict[str, torch.Tensor], n_labels: int, pad_id: int
) -> PreTrainedModel:
    """A classifier that shares the encoder and has a head of its own.

    Raises Invalid when the head's weights are not all there or are for another number of classes.
    """
    config = copy.deepcopy(encoder.config)
    config.num_labels = n_labels
    config.pad_token_id = pad_id  # of a causal model the last token that is no padding is read
    with torch.device("meta"):
        model: Any = AutoModelForSequenceClassification.from_config(config)
    setattr(model, model.base_model_prefix, encoder)
    try:
        outcome = model.load_state_dict(head, strict=False, assign=True)
    except RuntimeError as e:
        raise Invalid(f"The adapter's classification head does not fit {n_labels} classes: {e}") from e
    if outcome.unexpected_keys:
        raise Invalid(f"The adapter has weights that a {type(model).__name__} lacks: {outcome.unexpected_keys[0]}.")
    empty = [name for name, tensor in model.named_parameters() if tensor.is_meta]
    if empty:
        raise Invalid(f"The adapter's classification head lacks {empty[0]}. Train it with the head in modules_to_save.")
    return model.eval()
