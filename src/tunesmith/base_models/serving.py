"""The number format in which a model that writes is served: engines use it, and training answers its probes in it.

Decoding one sequence reads every weight once a token, so bfloat16 halves the time where the CPU multiplies it natively
(measured on two cores with AVX-512 bf16, 135 M weights: 28 ms a token against 43 ms). Below 50 M weights the time is
overhead, and float32 costs nothing and keeps likelihoods exact. On other CPUs bfloat16 is emulated and slower.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

SMALL = 50_000_000
"""Weights."""


def decoder_dtype(parameters: int) -> "torch.dtype":
    """For a model of this many weights, served by this machine's CPU."""
    import torch

    return torch.bfloat16 if parameters > SMALL and native_bfloat16() else torch.float32


def native_bfloat16() -> bool:
    """Whether this CPU has instructions for bfloat16 products."""
    import torch

    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported", "_is_arm_bf16_supported")
    return any(bool(getattr(torch.cpu, name, lambda: False)()) for name in probes)
