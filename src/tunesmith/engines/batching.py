"""One thread per encoder: it reads the texts of all requests in batches of like length.

A request's rows are sorted by length, so that a batch is padded little. What arrives while a batch is computed is in
the next one: under load requests share batches, and a lone one never waits for others that may not come.
"""

import bisect
from collections import deque
from concurrent.futures import Future
from typing import Protocol

import structlog
import torch

from tunesmith.engines.forward_thread import ForwardThread
from tunesmith.schemas.errors import Internal, TunesmithError

log = structlog.get_logger()
BATCH_TOKENS = 4096
"""Tokens of a batch, padding included."""


class Lane(Protocol):
    """A forward pass through one model. Rows may share a batch when their lane is the same object."""

    pad_id: int

    def __call__(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """ids and mask (R, T) int64 -> (R, D) float32: vectors or logits."""
        ...


class EncodeRun:
    """Rows of token ids on their way through a lane; touched by the loop's thread once it is submitted."""

    def __init__(self, lane: Lane, rows: list[list[int]]) -> None:
        self.lane = lane
        self.rows = rows
        self.future: Future[torch.Tensor] = Future()
        """(R, D) float32 in the order of the rows."""
        self._waiting = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        self._lengths = [len(rows[i]) for i in self._waiting]
        self._found: dict[int, torch.Tensor] = {}

    @property
    def longest(self) -> int:
        """Tokens of the longest row that waits."""
        return self._lengths[-1]

    @property
    def n_waiting(self) -> int:
        return len(self._waiting)

    def take(self, most: int, longest: int) -> list[int]:
        """Up to `most` rows of at most `longest` tokens and at least half as many, the longest first."""
        end = bisect.bisect_right(self._lengths, longest)
        begin = max(bisect.bisect_left(self._lengths, (longest + 1) // 2), end - most, 0)
        taken = self._waiting[begin:end]
        del self._waiting[begin:end]
        del self._lengths[begin:end]
        return taken[::-1]

    def found(self, row: int, result: torch.Tensor) -> None:
        self._found[row] = result
        if len(self._found) == len(self.rows) and self.future.set_running_or_notify_cancel():
            self.future.set_result(torch.stack([self._found[i] for i in range(len(self.rows))]))

    def fail(self, error: TunesmithError) -> None:
        self._waiting.clear()
        self._lengths.clear()
        if not self.future.done() and self.future.set_running_or_notify_cancel():
            self.future.set_exception(error)


class EncodeLoop(ForwardThread[EncodeRun]):
    """An encoder's thread. A run's future has the result when its last batch is computed; cancelling it drops what
    waits."""

    def __init__(self, name: str, *, threads: int, max_rows: int) -> None:
        self._max_rows = max_rows
        self._runs: deque[EncodeRun] = deque()
        super().__init__(f"encode {name}", threads=threads)

    @property
    def active_rows(self) -> int:
        """Rows that wait for their batch."""
        return sum(run.n_waiting for run in list(self._runs))

    @property
    def _idle(self) -> bool:
        return not self._runs

    def _accept(self, run: EncodeRun) -> None:
        self._runs.append(run)

    def _step(self) -> None:
        self._runs = deque(run for run in self._runs if run.n_waiting and not run.future.cancelled())
        if self._runs:
            self._advance(next_batch(self._runs, max_rows=self._max_rows))

    def _abandon(self) -> list[EncodeRun]:
        runs, self._runs = list(self._runs), deque()
        return runs

    def _advance(self, batch: list[tuple[EncodeRun, int]]) -> None:
        lane = batch[0][0].lane
        try:
            ids, mask = padded([run.rows[row] for run, row in batch], lane.pad_id)
            results = lane(ids, mask)
        except Exception as e:
            log.error("encoding.failed", exc_info=e)
            for run in {id(run): run for run, _ in batch}.values():
                run.fail(Internal(f"The model failed while reading the input: {type(e).__name__}: {e}"))
            return
        for (run, row), result in zip(batch, results, strict=True):
            run.found(row, result)


def next_batch(runs: deque[EncodeRun], *, max_rows: int) -> list[tuple[EncodeRun, int]]:
    """The longest rows of the run whose turn it is, and like rows of the others in its lane.

    Runs take turns, so a short request waits for one batch of a long one, not for all of them.
    """
    first = runs[0]
    runs.rotate(-1)
    longest = first.longest
    room = max(1, min(max_rows, BATCH_TOKENS // longest))
    batch: list[tuple[EncodeRun, int]] = []
    for run in [first, *(other for other in runs if other is not first and other.lane is first.lane)]:
        if len(batch) == room:
            break
        batch += [(run, row) for row in run.take(room - len(batch), longest)]
    return batch


def padded(rows: list[list[int]], pad_id: int) -> tuple[torch.Tensor, torch.Tensor]:
    """ids and attention mask (R, T), padded at the right."""
    longest = max(len(row) for row in rows)
    ids = torch.full((len(rows), longest), pad_id, dtype=torch.long)
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row, dtype=torch.long)
        mask[i, : len(row)] = 1
    return ids, mask
