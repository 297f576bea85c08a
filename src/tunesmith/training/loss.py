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

    `inputs` has input_ids, attention_mask and labels, each (B, T), and position_ids where rows hold several records.
    """
    targets, wanted = _next_tokens(inputs["labels"])
    # Records that share a row are kept apart by their positions: transformers sees these begin anew and bounds the
    # attention by them, but only where no attention mask is given.
    told = "position_ids" if "position_ids" in inputs else "attention_mask"
    with _head_on(model, wanted):
        output = model(input_ids=inputs["input_ids"], **{told: inputs[told]}, use_cache=False)
    return output.logits.squeeze(0), targets[wanted]


def row_log_likelihoods(model: nn.Module, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """(B,) float32: log-probability of each row's trained tokens, summed, in nats."""
    _, wanted = _next_tokens(inputs["labels"])
    losses = token_losses(*trained_logits(model, inputs))
    by_position = torch.zeros(wanted.shape, dtype=losses.dtype, device=losses.device)
    by_position[wanted] = losses
    return -by_position.sum(dim=1)


def token_losses(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Negative log-likelihood (N,) of each target, in nats and float32."""
    return cross_entropy(logits.float(), targets, reduction="none")


def _next_tokens(labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """What each position must foretell (B, T), and whether that carries loss (B, T)."""
    targets = labels.roll(-1, dims=1)
    targets[:, -1] = UNTRAINED
    return targets, targets != UNTRAINED


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
