"""The base in four bits: NF4 with double quantisation (Dettmers et al. 2023, arXiv:2305.14314; by bitsandbytes)."""

import logging
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, PreTrainedModel

from tunesmith.base_models.errors import BaseModelMissing
from tunesmith.schemas.errors import SpecInvalid
from tunesmith.schemas.models import BaseModelEntry
from tunesmith.training.base_model import Precision


def load_in_four_bits(folder: Path, entry: BaseModelEntry, precision: Precision) -> PreTrainedModel:
    """The model in `folder` on the run's device, its linear layers but the head in four bits, ready to be trained on.

    Raises SpecInvalid where bitsandbytes cannot be used, BaseModelMissing where the weights cannot be read.
    """
    _quieten()
    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16 if precision.autocast else torch.float32,
    )
    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=precision.weights,
            quantization_config=config,
            device_map={"": precision.device},
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
        )
    except ImportError as e:
        raise SpecInvalid(
            f"QLoRA cannot run on this machine: {e} Install bitsandbytes here, or use adaptation lora.",
            param="adaptation",
        ) from e
    except (OSError, ValueError) as e:
        raise BaseModelMissing(f"The weights of {entry.key} in {folder} cannot be loaded in four bits: {e}") from e
    keep_gradients_exact(model)
    model.eval()
    return cast(PreTrainedModel, model)


def keep_gradients_exact(model: nn.Module) -> None:
    """Must run before the first forward pass.

    On a CPU with AVX-512 bf16, bitsandbytes 0.50 packs a layer's weights anew at the first pass in eval mode. The
    backward pass reads the packed bytes as if they were not, and every gradient from then on is wrong by 96 % with no
    error; training looks at held-out records in eval mode, so that would be all but the first step.
    """
    for layer in four_bit_layers(model):
        layer.support_avx512bf16_for_cpu = False


def four_bit_layers(model: nn.Module) -> list[Any]:
    """The layers that hold their weights in four bits."""
    from bitsandbytes.nn.modules import Linear4bit

    return [module for module in model.modules() if isinstance(module, Linear4bit)]


def _quieten() -> None:
    """bitsandbytes tells at import that an optional package for faster answers is lacking; we never use it."""
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
