"""Completions: OpenAI's `text_completion` object, whole or as server-sent events; scoring by echo and logprobs."""

import secrets
import time
from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, cast

from tunesmith.base_models.prompts import sequence_prompt_ids
from tunesmith.engines.base import Alternatives, Model
from tunesmith.engines.choices import Choices, json_logprob, usage
from tunesmith.engines.decoding import check_ids, decoding_of, room_for, stop_bytes
from tunesmith.engines.sse import DONE, frame
from tunesmith.engines.text import Piece
from tunesmith.schemas.errors import Invalid, Unsupported
from tunesmith.schemas.inference import CompletionRequest


@dataclass
class Logprobs:
    """The arrays of OpenAI's completion logprobs, all of one length."""

    tokens: list[str] = field(default_factory=list[str])
    token_logprobs: list[float | None] = field(default_factory=list[float | None])
    top_logprobs: list[dict[str, float] | None] = field(default_factory=list[dict[str, float] | None])
    text_offset: list[int] = field(default_factory=list[int])

    def json(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass
class Completion:
    """A completion request that has begun to be answered. Choice i * n + j is sample j of prompt i."""

    request: CompletionRequest
    name: str
    """How the model is called in the answer."""
    model: Model
    prompts: list[list[int]]
    echoes: list[str]
    """What each prompt adds to its choices' text: nothing without `echo`."""
    choices: Choices
    id: str
    created: int
    _sent: dict[int, int] = field(default_factory=lambda: defaultdict[int, int](int))
    """Characters of each choice's text so far."""

    @classmethod
    def begin(cls, request: CompletionRequest, model: Model, name: str) -> "Completion":
        """Turns the prompts into tokens, checks them against the context and starts decoding. Raises Invalid."""
        if request.stream_options is not None and not request.stream:
            raise Invalid("'stream_options' is only allowed with 'stream': true.", param="stream_options")
        if request.best_of is not None and request.best_of != request.n:
            raise Unsupported(
                "'best_of' is offered only equal to 'n'. Ask for more choices and compare.", param="best_of"
            )
        stops = stop_bytes(request)
        texts, prompts = prompts_of(request, model)
        scored = request.echo and request.logprobs is not None
        max_tokens = room_for(model, prompts, request.max_tokens, param="prompt")
        decoding = decoding_of(
            request, model, max_tokens=max_tokens, alternatives=request.logprobs or 0, score_prompt=scored
        )
        echoes = texts if request.echo else [""] * len(prompts)
        count = len(prompts) * request.n
        choices = Choices(model, model.start(prompts, decoding), count, stops)
        return cls(request, name, model, prompts, echoes, choices, _new_id(), int(time.time()))

    async def answer(self) -> dict[str, Any]:
        """The whole `text_completion`."""
        count = len(self.prompts) * self.request.n
        texts = [""] * count
        logprobs = [Logprobs() for _ in range(count)]
        finishes = ["length"] * count
        begun: set[int] = set()
        async with aclosing(self.choices.pieces()) as pieces:
            async for row, piece in pieces:
                if row not in begun:
                    begun.add(row)
                    texts[row] = self._echo(row, logprobs[row])
                self._note(row, piece, logprobs[row])
                texts[row] += piece.text
                finishes[row] = piece.finish or finishes[row]
        for row in set(range(count)) - begun:  # max_tokens 0
            texts[row] = self._echo(row, logprobs[row])
        choices = [self._choice(row, texts[row], logprobs[row], finishes[row]) for row in range(count)]
        return {**self._head(), "choices": choices, "usage": self._usage()}

    async def frames(self) -> AsyncGenerator[bytes]:
        """The chunks; with `echo` the first of each choice is its prompt."""
        begun: set[int] = set()
        async with aclosing(self.choices.pieces()) as pieces:
            async for row, piece in pieces:
                logprobs = Logprobs()
                text = "" if row in begun else self._echo(row, logprobs)
                begun.add(row)
                self._note(row, piece, logprobs)
                text += piece.text
                if text or piece.finish or logprobs.tokens:
                    yield self._chunk(self._choice(row, text, logprobs, piece.finish))
        for row in range(len(self.prompts) * self.request.n):
            if row not in begun:  # max_tokens 0
                logprobs = Logprobs()
                text = self._echo(row, logprobs)
                yield self._chunk(self._choice(row, text, logprobs, "length"))
        if self._include_usage:
            yield frame({**self._head(), "choices": [], "usage": self._usage()})
        yield DONE

    def _echo(self, row: int, logprobs: Logprobs) -> str:
        """The prompt's text, its tokens noted with their scores."""
        prompt = row // self.request.n
        text = self.echoes[prompt]
        scores = self.choices.prompt_scores.get(prompt)
        if scores is not None:
            offset = 0
            for place, token_id in enumerate(self.prompts[prompt]):
                self._add(
                    logprobs, token_id, scores.logprobs[place], scores.alternatives[place], min(offset, len(text))
                )
                offset += len(self.model.token_bytes(token_id).decode("utf-8", "ignore"))
        self._sent[row] = len(text)
        return text

    def _note(self, row: int, piece: Piece, logprobs: Logprobs) -> None:
        """Notes a piece's tokens. The end token is among them: scoring tools cut the one they asked for by position."""
        offset = self._sent[row]
        self._sent[row] += len(piece.text)
        if self.request.logprobs is None:
            return
        for written in piece.tokens:
            token = written.token
            self._add(logprobs, token.id, token.logprob, token.alternatives, min(offset, self._sent[row]))
            offset += len(written.piece.decode("utf-8", "ignore"))

    def _add(
        self, logprobs: Logprobs, token_id: int, logprob: float | None, top: Alternatives | None, offset: int
    ) -> None:
        shown = self.model.token_bytes.printable
        logprobs.tokens.append(shown(token_id))
        logprobs.token_logprobs.append(None if logprob is None else json_logprob(logprob))
        logprobs.text_offset.append(offset)
        if logprob is None:
            logprobs.top_logprobs.append(None)
        else:
            # As OpenAI does it, the token itself is listed even when it is none of the likeliest.
            listed = {shown(i): json_logprob(value) for i, value in top or ()}
            logprobs.top_logprobs.append({**listed, shown(token_id): json_logprob(logprob)})

    def _choice(self, row: int, text: str, logprobs: Logprobs, finish: str | None) -> dict[str, Any]:
        noted = logprobs.json() if self.request.logprobs is not None else None
        return {"index": row, "text": text, "logprobs": noted, "finish_reason": finish}

    def _chunk(self, choice: dict[str, Any]) -> bytes:
        return frame({**self._head(), "choices": [choice], **({"usage": None} if self._include_usage else {})})

    def _head(self) -> dict[str, Any]:
        return {"id": self.id, "object": "text_completion", "created": self.created, "model": self.name}

    @property
    def _include_usage(self) -> bool:
        return self.request.stream_options is not None and self.request.stream_options.include_usage

    def _usage(self) -> dict[str, int]:
        return usage(sum(len(prompt) for prompt in self.prompts), self.choices.completion_tokens)


def prompts_of(request: CompletionRequest, model: Model) -> tuple[list[str], list[list[int]]]:
    """Each prompt as text and as tokens. Ids are taken as they are: no BOS is added to them."""
    prompt = request.prompt
    if isinstance(prompt, str):
        prompt = [prompt]
    if not prompt:
        raise Invalid(
            "'prompt' is an empty list. Send a text or a list of token ids.", param="prompt", code="empty_array"
        )
    if isinstance(prompt[0], str):
        texts = cast("list[str]", prompt)
        return texts, [_encode(model, text) for text in texts]
    batches = cast("list[list[int]]", [prompt] if isinstance(prompt[0], int) else prompt)
    if not all(batches):
        raise Invalid("'prompt' holds an empty list of token ids.", param="prompt", code="empty_array")
    check_ids(model, batches)
    return [b"".join(map(model.token_bytes, ids)).decode("utf-8", "replace") for ids in batches], batches


def _encode(model: Model, text: str) -> list[int]:
    """The text's tokens with what the tokenizer puts before a text, and never an end token behind it."""
    tokenizer = model.tokenizer
    if model.entry.prompt_format != "text":
        return sequence_prompt_ids(tokenizer, model.entry, text)
    ids = list(cast("list[int]", tokenizer(text)["input_ids"]))
    while ids and ids[-1] == tokenizer.eos_token_id and not text.endswith(str(tokenizer.eos_token)):
        ids.pop()
    if not ids:  # an empty prompt: begin where a text begins
        start = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
        if start is None:
            raise Invalid("'prompt' is empty and this model has no token to begin a text with.", param="prompt")
        ids = [cast("int", start)]
    return ids


def _new_id() -> str:
    return f"cmpl-{secrets.token_hex(12)}"
