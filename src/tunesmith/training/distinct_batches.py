"""Batches in which no text stands twice: in a loss over the pairs of a batch, a copy would be its own negative."""

import random
from collections.abc import Iterator, Sequence

from torch.utils.data import Sampler


class DistinctOrder(Sampler[int]):
    """Row numbers of one epoch, batch after batch, in the random order of seed and epoch; set `epoch` before iterating.

    A row waits for the next batch when the one at hand has one of its texts already. Where there is no other row left
    to take, the batch is filled up with such rows, and the loss leaves the copies out.
    """

    def __init__(self, texts: Sequence[frozenset[str]], batch_size: int, seed: int) -> None:
        self._texts = texts
        self._batch_size = batch_size
        self._seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return len(self._texts)

    def __iter__(self) -> Iterator[int]:
        order = list(range(len(self._texts)))
        random.Random(f"order:{self._seed}:{self.epoch}").shuffle(order)
        waiting = dict.fromkeys(order)
        while waiting:
            batch = self._next(waiting)
            for row in batch:
                del waiting[row]
            yield from batch

    def _next(self, waiting: dict[int, None]) -> list[int]:
        batch: list[int] = []
        passed: list[int] = []
        seen: set[str] = set()
        for row in waiting:
            if seen.isdisjoint(self._texts[row]):
                batch.append(row)
                seen |= self._texts[row]
                if len(batch) == self._batch_size:
                    return batch
            else:
                passed.append(row)
        return batch + passed[: self._batch_size - len(batch)]
