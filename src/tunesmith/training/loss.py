"""Logits only where loss is taken: what training and evaluation share.

A vocabulary of 49,152 makes the output layer a fifth of a small model's work, and in a chat only every fifth token
carries loss; so the head sees those positions alone.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from tunesmith.training.data import UNTRAINED


def trained_logits(model: nn.Module, inputs: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (N, V) of the positions whose next token carries loss, in the batch's order, and those tokens (N,).

    `inputs` has input_ids, attention_mask and labels, each (B, T).
    """
    targets = inputs["labels"].roll(-1, dims=1)
    targets[:, -1] = UNTRAINED
    wanted = targets != UNTRAINED
    with _head_on(model, wanted):
        output = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False)
    return output.logits.squeeze(0), targets[wanted]


def token_losses(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Negative log-likelihood (N,) of each target, in nats and float32."""
    return cross_entropy(logits.float(), targets, reduction="none")


@contextmanager
def _head_on(model: nn.Module, wanted: torch.Tensor) -> Generator[None]:
    """Let the output layer see the hidden states of the wanted positions only, as one row (1, N, H).

    A hook rather than a call of the parts, so that what a model does to its logits (scaling, soft caps) still happens.
    """

    def pick(_module: nn.Module, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return (args[0][wanted].unsqueeze(0), *args[1:])

    head: Any = model.get_output_embeddings()  # type: ignore[operator]
    handle = head.register_forward_pre_hook(pick)
    try:
        yield
    finally:
        handle.remove()
