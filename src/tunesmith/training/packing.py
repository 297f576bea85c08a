"""Several records in one row of a batch, each as if it stood alone."""

import math
from collections.abc import Sequence
from typing import Any

import torch

from tunesmith.schemas.errors import SpecInvalid
from tunesmith.training.batches import pad
from tunesmith.training.data import UNTRAINED, TokenRow

PROBE_TOKENS = 8


def pack(rows: Sequence[TokenRow], pad_id: int, width: int) -> dict[str, torch.Tensor]:
    """The rows put side by side into wider ones of about `width` tokens at most, so that the least is padded.

    input_ids, attention_mask, labels and position_ids, each (B, T) int64. Positions begin anew with each record, which
    keeps the attention inside it; padding tokens stand alone, each at position 0. A record's first token carries no
    loss: nothing before it is its own.
    """
    fewest = min(len(rows), math.ceil(_tokens(rows) / width))
    wide = min((_spread(rows, n) for n in range(fewest, len(rows) + 1)), key=_padded_tokens)
    batch = pad([_joined(each) for each in wide], pad_id)
    positions = torch.zeros_like(batch["input_ids"])
    for i, each in enumerate(wide):
        counted = torch.cat([torch.arange(row.length) for row in each])
        positions[i, : len(counted)] = counted
    return batch | {"position_ids": positions}


def _spread(rows: Sequence[TokenRow], n: int) -> list[list[TokenRow]]:
    """The rows in n groups of like length: longest first, each into the group that is shortest yet (Graham 1969)."""
    groups: list[list[TokenRow]] = [[] for _ in range(n)]
    for row in sorted(rows, key=lambda row: -row.length):
        min(groups, key=_tokens).append(row)
    return groups


def _tokens(rows: Sequence[TokenRow]) -> int:
    return sum(row.length for row in rows)


def _padded_tokens(groups: list[list[TokenRow]]) -> int:
    return len(groups) * max(_tokens(group) for group in groups)


def _joined(rows: list[TokenRow]) -> TokenRow:
    ids = [token for row in rows for token in row.input_ids]
    labels = [label for row in rows for label in (UNTRAINED, *row.labels[1:])]
    return TokenRow(ids, labels, sum(row.units for row in rows), rows[0].fingerprint)


def check_packing(model: Any, vocabulary: int, device: torch.device) -> None:
    """Raises SpecInvalid when a record's logits depend on what stands before it in its row.

    Whether attention is bounded by positions is up to each architecture (one with a recurrent state cannot), so the
    model itself is asked: what stands before is changed, and nothing behind it may move.
    """
    tokens = torch.arange(1, 3 * PROBE_TOKENS + 1, device=device) % vocabulary
    first, other, last = tokens.chunk(3)
    positions = torch.arange(PROBE_TOKENS, device=device).repeat(2)[None]
    with torch.inference_mode():
        behind_first, behind_other = (
            model(input_ids=torch.cat([before, last])[None], position_ids=positions, use_cache=False).logits
            for before in (first, other)
        )
        alone = model(input_ids=last[None], use_cache=False).logits
    found = behind_first[:, PROBE_TOKENS:].float()
    # The second is loose: kernels differ with the row's length, and products may be in bfloat16.
    kept_apart = torch.equal(found, behind_other[:, PROBE_TOKENS:].float())
    in_place = (found - alone.float()).abs().mean() < 0.1 * alone.float().std()
    if not (kept_apart and in_place):
        raise SpecInvalid(
            f"Packing is not exact on models of the type {model.config.model_type}: records that share a row would "
            "see one another. Leave packing out.",
            param="hyperparameters.packing",
        )
