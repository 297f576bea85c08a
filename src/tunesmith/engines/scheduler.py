"""One thread per base: it interleaves all requests token by token, and changes adapters between two steps.

Each prompt has a key-value cache of its own and its rows are one batch, so no request's numbers depend on another's.
A long prompt is read in slices, so that it does not hold up those who are already receiving tokens.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Protocol

import structlog
import torch
from transformers import Cache, DynamicCache

from tunesmith.engines.base import Alternatives, Decoding, Finish, PromptScores, Step, Token
from tunesmith.engines.forward_thread import ForwardThread
from tunesmith.engines.sampling import Sampler, likeliest
from tunesmith.schemas.errors import Internal, TunesmithError

log = structlog.get_logger()
PROMPT_SLICE = 512
"""Prompt tokens read in one step."""
SCORED_SLICE = 64
"""The same where every position's logits are wanted: a slice of them is (64, V) float32."""


class Weights(Protocol):
    """What a step needs of a model."""

    def new_cache(self) -> DynamicCache: ...

    def logits(self, ids: torch.Tensor, cache: Cache, adapter: str | None, last: int) -> torch.Tensor:
        """ids (R, T) -> float32 logits (R, last, V) of the last positions; the cache grows by T."""
        ...


class DecodeRun:
    """A request being decoded: filled by the loop's thread, read by the caller's event loop (base.Run)."""

    def __init__(self, prompts: list[list[int]], decoding: Decoding, adapter: str | None, stop_ids: frozenset[int]):
        self.prompts = prompts
        self.decoding = decoding
        self.adapter = adapter
        self.stop_ids = stop_ids
        self.cancelled = False
        self.ended: set[int] = set()
        """Rows that the caller ended."""
        self._open_prompts = len(prompts)
        self._caller = asyncio.get_running_loop()
        self._steps: asyncio.Queue[Step | TunesmithError | None] = asyncio.Queue()

    async def __aiter__(self) -> AsyncIterator[Step]:
        while (step := await self._steps.get()) is not None:
            if isinstance(step, TunesmithError):
                raise step
            yield step

    def end_row(self, row: int) -> None:
        self.ended.add(row)

    def cancel(self) -> None:
        self.cancelled = True

    def deliver(self, step: Step) -> None:
        self._put(step)

    def prompt_done(self) -> None:
        self._open_prompts -= 1
        if self._open_prompts == 0:
            self._put(None)

    def fail(self, error: TunesmithError) -> None:
        self.cancelled = True
        self._put(error)

    def _put(self, step: Step | TunesmithError | None) -> None:
        if not self._caller.is_closed():
            self._caller.call_soon_threadsafe(self._steps.put_nowait, step)


class Batch:
    """One prompt of a run with the rows that continue it; touched by the loop's thread only."""

    def __init__(self, run: DecodeRun, prompt: int, cache: DynamicCache) -> None:
        n = run.decoding.n
        self.run = run
        self.prompt = prompt
        self.cache = cache
        self.unread = run.prompts[prompt]
        self.rows = list(range(prompt * n, prompt * n + n))
        self.sampler = Sampler(run.decoding, self.unread, self.rows, run.stop_ids)
        self.made = 0
        self.last = torch.empty((0, 1), dtype=torch.long)
        """Each row's newest token (R, 1)."""
        self.scores: list[float | None] = [None]
        self.score_alternatives: list[Alternatives | None] = [None]

    @property
    def wanted_rows(self) -> list[int]:
        return [] if self.run.cancelled else [row for row in self.rows if row not in self.run.ended]


class DecodeLoop(ForwardThread[DecodeRun]):
    """A base's thread."""

    def __init__(self, name: str, weights: Weights, *, threads: int, max_rows: int) -> None:
        self._weights = weights
        self._max_rows = max_rows
        self._active: list[Batch] = []
        self._waiting: deque[tuple[DecodeRun, int]] = deque()
        super().__init__(f"decode {name}", threads=threads)

    @property
    def active_rows(self) -> int:
        """Sequences that are being continued now."""
        return sum(len(batch.rows) for batch in self._active)

    @property
    def _idle(self) -> bool:
        return not self._active and not self._waiting

    def _accept(self, run: DecodeRun) -> None:
        self._waiting.extend((run, i) for i in range(len(run.prompts)))

    def _step(self) -> None:
        """Starts what there is room for, then a token, or a slice of its prompt, for each that is active."""
        self._start_waiting()
        for batch in list(self._active):
            self._advance_or_fail(batch)
            self._drain()

    def _abandon(self) -> list[DecodeRun]:
        runs = {id(r): r for r in [*(b.run for b in self._active), *(r for r, _ in self._waiting)]}
        self._active.clear()
        self._waiting.clear()
        return list(runs.values())

    def _start_waiting(self) -> None:
        while self._waiting:
            run, prompt = self._waiting[0]
            if self._active and self.active_rows + run.decoding.n > self._max_rows:
                return
            self._waiting.popleft()
            if not run.cancelled:
                self._begin(run, prompt)

    def _begin(self, run: DecodeRun, prompt: int) -> None:
        try:
            self._active.append(Batch(run, prompt, self._weights.new_cache()))
        except Exception as e:  # noqa: BLE001  as in _advance_or_fail
            self._fail(run, e)

    def _advance_or_fail(self, batch: Batch) -> None:
        try:
            if batch.wanted_rows:
                self._advance(batch)
            if not batch.wanted_rows:
                self._active.remove(batch)
                batch.run.prompt_done()
        except Exception as e:  # noqa: BLE001  one request's failure must not stop the others on this thread
            self._active.remove(batch)
            self._fail(batch.run, e)

    def _fail(self, run: DecodeRun, error: Exception) -> None:
        log.error("generation.failed", exc_info=error)
        run.fail(Internal(f"The model failed while generating: {type(error).__name__}: {error}"))

    def _advance(self, batch: Batch) -> None:
        """One forward pass: a slice of the prompt, or a token for each row."""
        if batch.unread:
            logits = self._read_prompt(batch)
            if logits is None:
                return
        else:
            self._keep_rows(batch, batch.wanted_rows)
            logits = self._weights.logits(batch.last, batch.cache, batch.run.adapter, 1)[:, -1]
        tokens = _next_tokens(batch, logits)
        batch.run.deliver(tokens)
        self._keep_rows(batch, [token.row for token in tokens if token.finish is None])

    def _read_prompt(self, batch: Batch) -> torch.Tensor | None:
        """Logits (n, V) for the first tokens once the prompt is read; None before, or when none are wanted."""
        decoding = batch.run.decoding
        size = SCORED_SLICE if decoding.score_prompt else PROMPT_SLICE
        slice_ids, batch.unread = batch.unread[:size], batch.unread[size:]
        ids = torch.tensor([slice_ids])
        logits = self._weights.logits(
            ids, batch.cache, batch.run.adapter, len(slice_ids) if decoding.score_prompt else 1
        )
        if decoding.score_prompt:
            _score(batch, logits[0], [*slice_ids[1:], *batch.unread[:1]])
        if batch.unread:
            return None
        if decoding.score_prompt:
            batch.run.deliver(PromptScores(batch.prompt, batch.scores, batch.score_alternatives))
        if decoding.max_tokens == 0:
            batch.rows = []
            return None
        if decoding.n > 1:
            batch.cache.batch_repeat_interleave(decoding.n)
        return logits[:, -1].expand(decoding.n, -1)

    def _keep_rows(self, batch: Batch, rows: list[int]) -> None:
        if rows == batch.rows:
            return
        places = [i for i, row in enumerate(batch.rows) if row in rows]
        batch.rows = rows
        if rows:
            batch.cache.batch_select_indices(torch.tensor(places))
            batch.sampler.keep(places)
            batch.last = batch.last[places]


def _next_tokens(batch: Batch, logits: torch.Tensor) -> list[Token]:
    decoding = batch.run.decoding
    logprobs = logits.log_softmax(dim=-1)
    chosen = batch.sampler.choose(logits)
    batch.last = chosen[:, None]
    batch.made += 1
    chosen_logprobs = logprobs.gather(1, batch.last)[:, 0].tolist()
    others = likeliest(logprobs, decoding.alternatives)
    return [
        Token(row, token_id, logprob, alternatives, _finish(batch, token_id))
        for row, token_id, logprob, alternatives in zip(
            batch.rows, chosen.tolist(), chosen_logprobs, others, strict=True
        )
    ]


def _finish(batch: Batch, token_id: int) -> Finish | None:
    if token_id in batch.run.stop_ids:
        return "stop"
    return "length" if batch.made >= batch.run.decoding.max_tokens else None


def _score(batch: Batch, logits: torch.Tensor, following: list[int]) -> None:
    """Adds the log-probabilities of the tokens that follow each position of the slice: logits (T, V)."""
    logprobs = logits[: len(following)].log_softmax(dim=-1)
    batch.scores += logprobs.gather(1, torch.tensor(following, dtype=torch.long)[:, None])[:, 0].tolist()
    batch.score_alternatives += likeliest(logprobs, batch.run.decoding.alternatives)
