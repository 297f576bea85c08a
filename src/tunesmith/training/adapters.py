"""LoRA adapters: put on, carried on from a parent, written out (Hu et al. 2021, arXiv:2106.09685; by peft).

Rank-stabilised (arXiv:2312.03732) and weight-decomposed (DoRA, arXiv:2402.09353) where asked; over a base in four bits
for `qlora`. What is written is a plain adapter in each case.
"""

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
from tunesmith.training.quantisation import load_in_four_bits

_NAMES = {Adaptation.LORA: "LoRA", Adaptation.QLORA: "QLoRA"}
# The text part of a model that also sees is what is trained here.
NOT_TEXT_PARTS = ("vision_tower", "vision_model", "multi_modal_projector", "audio_tower")
NOT_TEXT = rf".*({'|'.join(NOT_TEXT_PARTS)}).*"


def prepare(base: Base, adaptation: Adaptation, numbers: ResolvedHyperparameters) -> PreTrainedModel | PeftModel:
    """The model to train: a PeftModel for `lora` and `qlora`, the plain one with all weights trainable for `full`.

    A parent that is an adapter is trained on (`lora`, `qlora`) or merged first (`full`). Raises SpecInvalid for an
    adapter on top of a full parent, since it would not fit the base it is served on.
    """
    adapted = adaptation is not Adaptation.FULL
    if adapted and base.parent is not None and not base.parent_is_adapter:
        raise SpecInvalid(
            f"The model to continue from was trained in full, so {_NAMES[adaptation]} cannot continue it. "
            "Use adaptation full.",
            param="adaptation",
        )
    if adaptation is Adaptation.QLORA:
        model = load_in_four_bits(base.weights_folder, base.entry, base.precision)
    else:
        model = base.load()
    model.config.use_cache = False
    if base.parent_is_adapter:
        model = PeftModel.from_pretrained(model, str(base.parent), is_trainable=adapted)
        if not adapted:
            model = cast(PreTrainedModel, cast(Any, model).merge_and_unload())
    elif adapted:
        model = get_peft_model(model, _config(base, model, numbers))
    if isinstance(model, PeftModel):
        model.peft_config["default"].base_model_name_or_path = _public_name(base)
        _check_count(base, model)
        _train_in_float32(model)
    else:
        model.requires_grad_(True)
    return model


def parent_numbers(base: Base) -> dict[str, Any] | None:
    """What the adapter that is carried on was made with and cannot be changed."""
    if not base.parent_is_adapter:
        return None
    config = cast(LoraConfig, LoraConfig.from_pretrained(str(base.parent)))
    return {
        "lora_rank": config.r,
        "lora_alpha": config.lora_alpha,
        "use_rslora": config.use_rslora,
        "use_dora": config.use_dora,
    }


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


def round_to_stored_type(model: PreTrainedModel | PeftModel, base: Base) -> bool:
    """Give fully trained weights the values they will have on disk: what is evaluated last is what is served.

    Whether they may have changed by it.
    """
    stored = stored_type(base)
    if isinstance(model, PeftModel) or stored is torch.float32:
        return False
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.to(stored))
    return True


def stored_type(base: Base) -> torch.dtype:
    """The type the base's weights are stored in: float16 and bfloat16 stay, all else is float32."""
    from transformers import AutoConfig

    named = getattr(AutoConfig.from_pretrained(base.folder, trust_remote_code=False), "dtype", None)
    return named if named in (torch.float16, torch.bfloat16) else torch.float32


def _config(base: Base, model: PreTrainedModel, numbers: ResolvedHyperparameters) -> LoraConfig:
    return LoraConfig(
        task_type=base.form.peft_task,
        r=numbers.lora_rank,
        lora_alpha=numbers.lora_alpha,
        lora_dropout=numbers.lora_dropout,
        target_modules=base.entry.lora_targets,
        modules_to_save=[name for name in base.form.head if hasattr(model, name)] or None,
        exclude_modules=_excluded(base, model),
        use_rslora=numbers.use_rslora,
        use_dora=numbers.use_dora,
        # GPT-2 keeps its matrices transposed (Conv1D), and peft must be told. In four bits they are not, but the
        # adapter is served on the plain base; bitsandbytes' layers do not read this.
        fan_in_fan_out=any(Conv1D in (type(m), getattr(m, "source_cls", None)) for m in model.modules()),
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
        if inside_adapter or inner is head or not isinstance(inner, (nn.Linear, Conv1D)) or _takes_none(base, name):
            continue
        expected += targets == "all-linear" or name.rsplit(".", 1)[-1] in targets
    found = adapted_layers(model)
    if found != expected or found == 0:
        raise SpecInvalid(
            f"LoRA reached {found} layers of {base.entry.key} where {expected} were expected. "
            "Correct lora_targets of its catalogue entry.",
            param="base.lora_targets",
        )


def _excluded(base: Base, model: nn.Module) -> str | None:
    """A pattern of the layers that take no adapter; None when the model has none such, since peft minds that."""
    if not any(_takes_none(base, name) for name, _ in model.named_modules()):
        return None
    parts = "|".join((*base.form.head, *base.form.unused))
    return rf"{NOT_TEXT}|(.*\.)?({parts})(\..*)?" if parts else NOT_TEXT


def _takes_none(base: Base, name: str) -> bool:
    aside = (*base.form.head, *base.form.unused)
    return any(part in name for part in NOT_TEXT_PARTS) or any(part in aside for part in name.split("."))


def _train_in_float32(model: nn.Module) -> None:
    """A head beside an adapter was loaded as its frozen body was; a step would vanish in bfloat16's 8 bits."""
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()


def _in_stored_type(model: PreTrainedModel, base: Base) -> dict[str, torch.Tensor]:
    """The state with each tensor cast once, so that tied weights stay one and are written once."""
    stored = stored_type(base)
    cast_once: dict[int, torch.Tensor] = {}
    return {
        name: cast_once.setdefault(tensor.data_ptr(), tensor.to(stored)) for name, tensor in model.state_dict().items()
    }
