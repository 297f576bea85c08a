"""From tokens to one vector a text: pooling, unit length, and the forward pass in parts that fit into memory."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
import psutil
import torch
from torch.nn.functional import normalize
from torch.utils.checkpoint import checkpoint

from tunesmith.training.base_model import Base
from tunesmith.training.encoder_rows import padded
from tunesmith.training.language_modelling import batches_of_tokens

Pooling = Literal["mean", "cls", "last"]
PART_TOKENS = 8192
"""Padded tokens of one forward pass."""
SHARE_OF_MEMORY = 0.5
"""Of what is free: activations beyond it are computed again in the backward pass instead of kept."""


@dataclass(frozen=True)
class Encoder:
    """How a model's hidden states become vectors. `divisor` makes the parts smaller when memory ran out before."""

    pooling: Pooling
    pad_id: int
    divisor: int = 1

    def vectors(self, model: Any, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """(N, H) float32 of unit length, with gradients where they are on. Inputs (N, T), padded on the right.

        Losses over the pairs of a batch cannot be summed over micro-batches, since each text is compared with all
        others. So the batch stays whole where it is compared, and only its forward pass is cut: texts of like length
        go together, and when their activations would not fit, each part keeps its vectors alone and is computed a
        second time for its gradients. These are exact; it costs one more forward pass (Chen et al. 2016,
        arXiv:1604.06174; for contrastive losses Gao et al. 2021, arXiv:2101.06983).
        """
        width = input_ids.shape[1]
        # The last token that is read, not their number: hidden tokens may lie between.
        lengths = (attention_mask * torch.arange(1, width + 1, device=attention_mask.device)).amax(dim=1).tolist()
        parts = batches_of_tokens(lengths, max(1, PART_TOKENS // self.divisor))
        again = torch.is_grad_enabled() and not self._fits(model, parts, lengths, input_ids.device)
        found: list[torch.Tensor] = []
        for part in parts:
            longest = max(lengths[i] for i in part)
            ids, mask = input_ids[part, :longest], attention_mask[part, :longest]
            found.append(
                cast(torch.Tensor, checkpoint(self._forward, model, ids, mask, use_reentrant=False))
                if again
                else self._forward(model, ids, mask)
            )
        order = torch.tensor([i for part in parts for i in part], device=input_ids.device)
        return torch.cat(found)[order.argsort()]

    def of_texts(
        self, model: Any, texts: Sequence[list[int]], device: torch.device, stop: Callable[[], None]
    ) -> np.ndarray:
        """(N, H) float32 of texts as tokens. For use without gradients; `stop` is called between parts."""
        found = np.zeros((len(texts), int(model.config.get_text_config().hidden_size)), dtype=np.float32)
        for part in batches_of_tokens([len(ids) for ids in texts], max(1, PART_TOKENS // self.divisor)):
            stop()
            ids, mask = padded([texts[i] for i in part], self.pad_id)
            found[part] = self._forward(model, ids.to(device), mask.to(device)).cpu().numpy()
        return found

    def _forward(self, model: Any, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state
        return normalize(pool(hidden.float(), mask, self.pooling), dim=-1)

    def _fits(self, model: Any, parts: list[list[int]], lengths: list[int], device: torch.device) -> bool:
        """By 40 bytes a token for each layer and unit of width, as batches.micro_batch_size counts them."""
        if self.divisor > 1:
            return False
        config = model.config.get_text_config()
        tokens = sum(len(part) * max(lengths[i] for i in part) for part in parts)
        needed = 40 * tokens * int(config.hidden_size) * int(config.num_hidden_layers)
        on_gpu = device.type == "cuda"
        free = torch.cuda.mem_get_info(device)[0] if on_gpu else psutil.virtual_memory().available
        return needed <= SHARE_OF_MEMORY * free


def pool(hidden: torch.Tensor, mask: torch.Tensor, how: Pooling) -> torch.Tensor:
    """(N, H) from hidden states (N, T, H) and the mask (N, T) of the tokens that count."""
    if how == "cls":
        return hidden[:, 0]
    if how == "last":
        positions = torch.arange(mask.shape[1], device=mask.device)
        return hidden[torch.arange(len(hidden), device=mask.device), (mask * positions).argmax(dim=1)]
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)


def pooling_of(base: Base) -> Pooling:
    """The parent's where there is one, else the catalogue's, else what the weights' folder says, else the mean."""
    if base.parent is not None and (base.parent / "embedding.json").is_file():
        return json.loads((base.parent / "embedding.json").read_text())["pooling"]
    if base.entry.pooling is not None:
        return base.entry.pooling
    told = base.folder / "1_Pooling" / "config.json"
    config: dict[str, Any] = json.loads(told.read_text()) if told.is_file() else {}
    if config.get("pooling_mode_cls_token") or config.get("pooling_mode") == "cls":
        return "cls"
    if config.get("pooling_mode_lasttoken") or config.get("pooling_mode") == "lasttoken":
        return "last"
    return "mean"
