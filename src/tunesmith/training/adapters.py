"""LoRA adapters: put on, carried on from a parent, written out (Hu et al. 2021, arXiv:2106.09685; by peft)."""

from pathlib import Path
from typing import Any, cast

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from tunesmith.schemas.errors import SpecInvalid
from tunesmith.schemas.models import HubSource
from tunesmith.schemas.shape import Adaptation
from tunesmith.schemas.training import ResolvedHyperparameters
from tunesmith.training.base_model import Base

# The text part of a model that also sees is what is trained here.
NOT_TEXT_PARTS = ("vision_tower", "vision_model", "multi_modal_projector", "audio_tower")
NOT_TEXT = rf".*({'|'.join(NOT_TEXT_PARTS)}).*"


def prepare(base: Base, adaptation: Adaptation, numbers: ResolvedHyperparameters) -> PreTrainedModel | PeftModel:
    """The model to train: a PeftModel for `lora`, the plain one with all weights trainable for `full`.

    A parent that is an adapter is trained on (`lora`) or merged first (`full`). Raises SpecInvalid for LoRA on top of
    a full parent, since the adapter would not fit the base it is served on.
    """
    if adaptation is Adaptation.LORA and base.parent is not None and not base.parent_is_adapter:
        raise SpecInvalid(
            "The model to continue from was trained in full, so LoRA cannot continue it. Use adaptation full.",
            param="adaptation",
        )
    model = base.load()
    model.config.use_cache = False
    if base.parent_is_adapter:
        trainable = adaptation is Adaptation.LORA
        model = PeftModel.from_pretrained(model, str(base.parent), is_trainable=trainable)
        if not trainable:
            model = cast(PreTrainedModel, cast(Any, model).merge_and_unload())
    elif adaptation is Adaptation.LORA:
        model = get_peft_model(model, _config(base, model, numbers))
    if isinstance(model, PeftModel):
        model.peft_config["default"].base_model_name_or_path = _public_name(base)
        _check_count(base, model)
    else:
        model.requires_grad_(True)
    return model


def parent_rank(base: Base) -> tuple[int, int] | None:
    """Rank and alpha of the adapter that is carried on; they cannot be changed."""
    if not base.parent_is_adapter:
        return None
    config = cast(LoraConfig, LoraConfig.from_pretrained(str(base.parent)))
    return config.r, config.lora_alpha


def adapted_layers(model: nn.Module) -> int:
    return sum(isinstance(m, BaseTunerLayer) for m in model.modules())


def save_model(model: PreTrainedModel | PeftModel, base: Base, folder: Path) -> None:
    """Write a servable folder: the adapter alone, or the full weights in the type the base was stored in."""
    if isinstance(model, PeftModel):
        # save_embedding_layers: peft would else ask the hub whether the vocabulary grew; ours never does.
        model.save_pretrained(str(folder), save_embedding_layers=False)
    else:
        kept = model.config.use_cache
        model.config.use_cache = True
        model.save_pretrained(folder, state_dict=_in_stored_type(model, base))
        model.config.use_cache = kept
    base.tokenizer.save_pretrained(folder)


def round_to_stored_type(model: PreTrainedModel | PeftModel, base: Base) -> None:
    """Give fully trained weights the values they will have on disk: what is evaluated last is what is served."""
    if isinstance(model, PeftModel):
        return
    stored = stored_type(base)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.to(stored))


def stored_type(base: Base) -> torch.dtype:
    """The type the base's weights are stored in: float16 and bfloat16 stay, all else is float32."""
    from transformers import AutoConfig

    named = getattr(AutoConfig.from_pretrained(base.folder, trust_remote_code=False), "dtype", None)
    return named if named in (torch.float16, torch.bfloat16) else torch.float32


def _config(base: Base, model: PreTrainedModel, numbers: ResolvedHyperparameters) -> LoraConfig:
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=numbers.lora_rank,
        lora_alpha=numbers.lora_alpha,
        lora_dropout=numbers.lora_dropout,
        target_modules=base.entry.lora_targets,
        exclude_modules=NOT_TEXT if any(_is_not_text(name) for name, _ in model.named_modules()) else None,
        # GPT-2 keeps its matrices transposed (Conv1D); peft must be told.
        fan_in_fan_out=any(isinstance(m, Conv1D) for m in model.modules()),
    )


def _public_name(base: Base) -> str:
    """What the adapter says of its base: never a path of this machine."""
    return base.entry.source.repo if isinstance(base.entry.source, HubSource) else base.entry.key


def _check_count(base: Base, model: PeftModel) -> None:
    """Each named target, or each linear layer but the head, must have got its adapter."""
    if base.parent is not None:
        return
    targets = base.entry.lora_targets
    core = cast(nn.Module, model.get_base_model())
    head = cast(Any, core).get_output_embeddings()
    expected = 0
    for name, module in core.named_modules():
        inner = module.get_base_layer() if isinstance(module, BaseTunerLayer) else module
        inside_adapter = ".base_layer" in name or ".lora_" in name
        if inside_adapter or inner is head or not isinstance(inner, (nn.Linear, Conv1D)) or _is_not_text(name):
            continue
        expected += targets == "all-linear" or name.rsplit(".", 1)[-1] in targets
    found = adapted_layers(model)
    if found != expected or found == 0:
        raise SpecInvalid(
            f"LoRA reached {found} layers of {base.entry.key} where {expected} were expected. "
            "Correct lora_targets of its catalogue entry.",
            param="base.lora_targets",
        )


def _is_not_text(name: str) -> bool:
    return any(part in name for part in NOT_TEXT_PARTS)


def _in_stored_type(model: PreTrainedModel, base: Base) -> dict[str, torch.Tensor]:
    """The state with each tensor cast once, so that tied weights stay one and are written once."""
    stored = stored_type(base)
    cast_once: dict[int, torch.Tensor] = {}
    return {
        name: cast_once.setdefault(tensor.data_ptr(), tensor.to(stored)) for name, tensor in model.state_dict().items()
    }
