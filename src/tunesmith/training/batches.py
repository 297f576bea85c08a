"""Which rows go into which batch, and the batch as tensors.

Rows of similar length share a batch, so that little is padded. The order is a function of the seed and the epoch
alone: a resumed run goes on exactly where it stopped.
"""

import random
from collections.abc import Iterator, Sequence

import psutil
import torch
from torch.utils.data import Sampler
from transformers import PreTrainedModel

from tunesmith.training.base_model import Precision
from tunesmith.training.data import UNTRAINED, TokenRow

JITTER = 0.25
"""Lengths are blurred by this share before sorting, so that batches differ from epoch to epoch."""
GROUP = 50
"""Batches that are sorted together."""
MAX_MICRO_BATCH_TOKENS = 16_384


class LengthOrder(Sampler[int]):
    """Row numbers of one epoch, batch after batch; an incomplete batch comes last. Set `epoch` before iterating."""

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self._lengths = lengths
        self._batch_size = batch_size
        self._seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        rng = random.Random(f"order:{self._seed}:{self.epoch}")
        order = list(range(len(self._lengths)))
        rng.shuffle(order)
        tail = order[len(order) - len(order) % self._batch_size :]
        order = order[: len(order) - len(tail)]
        batches: list[list[int]] = []
        span = GROUP * self._batch_size
        for start in range(0, len(order), span):
            blurred = {i: self._lengths[i] * (1 + rng.uniform(-JITTER, JITTER)) for i in order[start : start + span]}
            group = sorted(blurred, key=blurred.__getitem__)
            batches += [group[i : i + self._batch_size] for i in range(0, len(group), self._batch_size)]
        rng.shuffle(batches)
        for batch in batches:
            yield from batch
        yield from tail


def pad(rows: Sequence[TokenRow], pad_id: int, device: torch.device | None = None) -> dict[str, torch.Tensor]:
    """input_ids, attention_mask and labels, each (B, T) int64, padded on the right."""
    width = max(len(row.input_ids) for row in rows)
    ids = torch.full((len(rows), width), pad_id, dtype=torch.int64)
    mask = torch.zeros((len(rows), width), dtype=torch.int64)
    labels = torch.full((len(rows), width), UNTRAINED, dtype=torch.int64)
    for i, row in enumerate(rows):
        ids[i, : len(row.input_ids)] = torch.tensor(row.input_ids)
        mask[i, : len(row.input_ids)] = 1
        labels[i, : len(row.labels)] = torch.tensor(row.labels)
    batch = {"input_ids": ids, "attention_mask": mask, "labels": labels}
    return {name: tensor.to(device) for name, tensor in batch.items()} if device else batch


def micro_batch_size(model: PreTrainedModel, precision: Precision, batch_size: int, longest: int) -> int:
    """The largest divisor of batch_size whose activations should fit into half of the free memory.

    About 40 bytes a token for each layer and unit of width (Korthikanti et al. 2022, arXiv:2205.05198, table 2, with
    attention recomputed by the kernel), and six for each word of the vocabulary.
    """
    config = model.config.get_text_config()
    width, layers = int(getattr(config, "hidden_size", 1024)), int(getattr(config, "num_hidden_layers", 24))
    per_token = 40 * width * layers + 6 * int(config.vocab_size)
    fitting = min(MAX_MICRO_BATCH_TOKENS, int(free_bytes(precision.device) * 0.5 / per_token))
    for size in range(batch_size, 1, -1):
        if batch_size % size == 0 and size * longest <= fitting:
            return size
    return 1


def divided(micro_batch: int, batch_size: int, divisor: int) -> int:
    """The largest divisor of batch_size that is at most micro_batch / divisor, and at least 1."""
    most = max(1, micro_batch // divisor)
    return next(size for size in range(most, 0, -1) if batch_size % size == 0)


def free_bytes(device: torch.device) -> int:
    """Memory that is free on the device now."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return psutil.virtual_memory().available
