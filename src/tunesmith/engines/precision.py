"""Which precision weights are kept in.

Decoding one sequence reads every weight once a token, so bfloat16 halves the time where the CPU multiplies it natively
(measured on two cores with AVX-512 bf16, 135 M weights: 28 ms a token against 43 ms). Below 50 M weights the time is
overhead, and float32 costs nothing and keeps likelihoods exact. On other CPUs bfloat16 is emulated and slower.
Greedy answers equal `model.generate` in the same precision; against float32 a bfloat16 model may choose the other of
two nearly equal tokens.
"""

import math
from pathlib import Path
from typing import Literal

import torch
from safetensors import safe_open

SMALL = 50_000_000
"""Weights."""


def choose(wanted: Literal["auto", "float32", "bfloat16"], parameters: int) -> torch.dtype:
    """The dtype for a model of this many weights on this machine."""
    if wanted != "auto":
        return torch.float32 if wanted == "float32" else torch.bfloat16
    return torch.bfloat16 if parameters > SMALL and native_bfloat16() else torch.float32


def choose_for_encoder(wanted: Literal["auto", "float32", "bfloat16"]) -> torch.dtype:
    """The dtype for an encoder: float32, unless bfloat16 is asked for.

    bfloat16 is 1.4 to 2 times as fast (22 M and 110 M weights on two busy cores with AVX-512 bf16, runs interleaved).
    But the vectors of an index are made over months and on several machines: which of them can multiply bfloat16 must
    not show in the numbers.
    """
    return torch.bfloat16 if wanted == "bfloat16" else torch.float32


def native_bfloat16() -> bool:
    """Whether this CPU has instructions for bfloat16 products."""
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported", "_is_arm_bf16_supported")
    return any(bool(getattr(torch.cpu, name, lambda: False)()) for name in probes)


def size_bytes(folder: Path, dtype: torch.dtype) -> int:
    """What the weights in the folder take in memory at this precision; reads the files' headers only."""
    count = 0
    for path in folder.glob("*.safetensors"):
        with safe_open(path, framework="pt") as weights:
            count += sum(math.prod(weights.get_slice(name).get_shape()) for name in list(weights.keys()))
    return count * dtype.itemsize
