"""From logits to the next tokens of one prompt's rows, by transformers' own logits processors where they fit."""

import hashlib
from collections.abc import Sequence
from typing import cast

import torch
from transformers import (
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from tunesmith.engines.base import Alternatives, Decoding

GREEDY_BELOW = 1e-5
"""Temperatures this low are taken as 0; dividing by them would overflow."""


class Sampler:
    """Chooses tokens for the rows of one prompt and remembers what the penalties need.

    Order: logit_bias, frequency and presence penalty, repetition penalty, temperature, min_p, top_k, top_p.
    Each row has a random stream of its own, so a row's answer depends on nothing but its seed, number and prompt.
    """

    def __init__(
        self, decoding: Decoding, prompt_ids: Sequence[int], rows: Sequence[int], stop_ids: frozenset[int]
    ) -> None:
        self._decoding = decoding
        self._stop_ids = sorted(stop_ids)
        self._streams = [row_stream(decoding.seed, row) for row in rows]
        self._history = torch.tensor([prompt_ids] * len(rows), dtype=torch.long)
        self._prompt_length = len(prompt_ids)
        self._warpers = _warpers(decoding)

    def choose(self, logits: torch.Tensor) -> torch.Tensor:
        """The next token of each row: logits (R, V) float32 -> ids (R,) int64."""
        scores = self._adjusted(logits)
        if self._decoding.temperature < GREEDY_BELOW:
            chosen = scores.argmax(dim=-1)
        else:
            for warper in self._warpers:
                scores = warper(self._seen(), scores)
            probabilities = scores.softmax(dim=-1)
            chosen = torch.cat(
                [torch.multinomial(p, 1, generator=s) for p, s in zip(probabilities, self._streams, strict=True)]
            )
        self._history = torch.cat([self._history, chosen[:, None]], dim=1)
        return chosen

    def keep(self, places: list[int]) -> None:
        """Goes on with these rows only."""
        self._history = self._history[places]
        self._streams = [self._streams[i] for i in places]

    def _adjusted(self, logits: torch.Tensor) -> torch.Tensor:
        """Bias and penalties, which greedy decoding obeys as well."""
        wanted = self._decoding
        scores = logits.clone()
        if wanted.logit_bias:
            ids = torch.tensor(list(wanted.logit_bias))
            scores[:, ids] += torch.tensor(list(wanted.logit_bias.values()))
        made = self._history[:, self._prompt_length :]
        if made.shape[1] < wanted.min_tokens:
            scores[:, self._stop_ids] = -torch.inf
        if (wanted.frequency_penalty or wanted.presence_penalty) and made.shape[1]:
            counts = torch.zeros_like(scores).scatter_add_(1, made, torch.ones_like(made, dtype=scores.dtype))
            scores -= wanted.frequency_penalty * counts + wanted.presence_penalty * (counts > 0)
        if wanted.repetition_penalty != 1.0:
            scores = RepetitionPenaltyLogitsProcessor(float(wanted.repetition_penalty))(self._seen(), scores)
        return scores

    def _seen(self) -> torch.LongTensor:
        """The history under the name that transformers' processors ask for."""
        return cast("torch.LongTensor", self._history)


def _warpers(
    wanted: Decoding,
) -> list[TemperatureLogitsWarper | MinPLogitsWarper | TopKLogitsWarper | TopPLogitsWarper]:
    if wanted.temperature < GREEDY_BELOW:
        return []
    chain: list[TemperatureLogitsWarper | MinPLogitsWarper | TopKLogitsWarper | TopPLogitsWarper] = []
    if wanted.temperature != 1.0:
        chain.append(TemperatureLogitsWarper(float(wanted.temperature)))
    if wanted.min_p:
        chain.append(MinPLogitsWarper(float(wanted.min_p)))
    if wanted.top_k:
        chain.append(TopKLogitsWarper(wanted.top_k))
    if wanted.top_p < 1.0:
        chain.append(TopPLogitsWarper(float(wanted.top_p)))
    return chain


def row_stream(seed: int, row: int) -> torch.Generator:
    """The random stream of one row; rows of one seed are unrelated."""
    digest = hashlib.sha256(f"{seed}:{row}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)


def likeliest(logprobs: torch.Tensor, count: int) -> list[Alternatives]:
    """Per row the `count` likeliest tokens: logprobs (R, V) -> R tuples."""
    if count == 0:
        return [()] * logprobs.shape[0]
    values, ids = logprobs.topk(min(count, logprobs.shape[-1]), dim=-1)
    return [tuple(zip(i, v, strict=True)) for i, v in zip(ids.tolist(), values.tolist(), strict=True)]
