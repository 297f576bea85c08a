"""Which precision weights are kept in; what is chosen by itself for models that write is in base_models/serving.py.

Greedy answers equal `model.generate` in the same precision; against float32 a bfloat16 model may choose the other of
two nearly equal tokens.
"""

import math
from pathlib import Path
from typing import Literal

import torch
from safetensors import safe_open

from tunesmith.base_models.serving import decoder_dtype


def choose(wanted: Literal["auto", "float32", "bfloat16"], parameters: int) -> torch.dtype:
    """The dtype for a model of this many weights on this machine."""
    if wanted != "auto":
        return torch.float32 if wanted == "float32" else torch.bfloat16
    return decoder_dtype(parameters)


def choose_for_encoder(wanted: Literal["auto", "float32", "bfloat16"]) -> torch.dtype:
    """The dtype for an encoder: float32, unless bfloat16 is asked for.

    bfloat16 is 1.4 to 2 times as fast (22 M and 110 M weights on two busy cores with AVX-512 bf16, runs interleaved).
    But the vectors of an index are made over months and on several machines: which of them can multiply bfloat16 must
    not show in the numbers.
    """
    return torch.bfloat16 if wanted == "bfloat16" else torch.float32


def size_bytes(folder: Path, dtype: torch.dtype) -> int:
    """What the weights in the folder take in memory at this precision; reads the files' headers only."""
    count = 0
    for path in folder.glob("*.safetensors"):
        with safe_open(path, framework="pt") as weights:
            count += sum(math.prod(weights.get_slice(name).get_shape()) for name in list(weights.keys()))
    return count * dtype.itemsize
