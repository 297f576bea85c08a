"""Chat completions: OpenAI's `chat.completion` object, or its chunks as server-sent events."""

import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from tunesmith.base_models.prompts import chat_prompt_ids
from tunesmith.engines.base import Model
from tunesmith.engines.choices import Choices, json_logprob, usage
from tunesmith.engines.decoding import decoding_of, room_for, stop_bytes
from tunesmith.engines.sse import DONE, frame
from tunesmith.engines.text import Piece, Written
from tunesmith.schemas.errors import Invalid
from tunesmith.schemas.inference import ChatMessage, ChatRequest


@dataclass
class Chat:
    """A chat request that has begun to be answered."""

    request: ChatRequest
    name: str
    """How the model is called in the answer."""
    model: Model
    choices: Choices
    prompt_tokens: int
    id: str
    created: int

    @classmethod
    def begin(cls, request: ChatRequest, model: Model, name: str) -> "Chat":
        """Renders the messages, checks them against the context and starts decoding.

        Raises Invalid, PromptUnsupported (no chat template).
        """
        if request.top_logprobs is not None and not request.logprobs:
            raise Invalid("'top_logprobs' needs 'logprobs': true.", param="top_logprobs")
        if request.stream_options is not None and not request.stream:
            raise Invalid("'stream_options' is only allowed with 'stream': true.", param="stream_options")
        stops = stop_bytes(request)
        prompt = prompt_ids(request, model)
        max_tokens = room_for(model, [prompt], request.max_completion_tokens or request.max_tokens, param="messages")
        decoding = decoding_of(request, model, max_tokens=max_tokens, alternatives=request.top_logprobs or 0)
        choices = Choices(model, model.start([prompt], decoding), request.n, stops)
        return cls(request, name, model, choices, len(prompt), _new_id(), int(time.time()))

    async def answer(self) -> dict[str, Any]:
        """The whole `chat.completion`."""
        texts = [""] * self.request.n
        logprobs: list[list[dict[str, Any]]] = [[] for _ in texts]
        finishes: list[str | None] = [None] * self.request.n
        async with aclosing(self.choices.pieces()) as pieces:
            async for row, piece in pieces:
                texts[row] += piece.text
                logprobs[row] += self._entries(piece)
                finishes[row] = piece.finish
        return {
            **self._head("chat.completion"),
            "choices": [
                {
                    "index": row,
                    "message": {"role": "assistant", "content": texts[row], "refusal": None},
                    "logprobs": self._logprobs(logprobs[row]),
                    "finish_reason": finishes[row],
                }
                for row in range(self.request.n)
            ],
            "usage": self._usage(),
        }

    async def frames(self) -> AsyncGenerator[bytes]:
        """The chunks. The first one comes with the first token, so that an earlier failure has an HTTP status."""
        begun = False
        async with aclosing(self.choices.pieces()) as pieces:
            async for row, piece in pieces:
                if not begun:
                    begun = True
                    for index in range(self.request.n):
                        yield self._chunk(index, {"role": "assistant", "content": "", "refusal": None})
                entries = self._entries(piece)
                if piece.text or entries:
                    yield self._chunk(row, {"content": piece.text}, entries)
                if piece.finish is not None:
                    yield self._chunk(row, {}, finish=piece.finish)
        if self._include_usage:
            yield frame({**self._head("chat.completion.chunk"), "choices": [], "usage": self._usage()})
        yield DONE

    def _chunk(
        self, index: int, delta: dict[str, Any], entries: list[dict[str, Any]] | None = None, finish: str | None = None
    ) -> bytes:
        logprobs = self._logprobs(entries) if entries else None
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        with_usage = {"usage": None} if self._include_usage else {}
        return frame({**self._head("chat.completion.chunk"), "choices": [choice], **with_usage})

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.name}

    @property
    def _include_usage(self) -> bool:
        return self.request.stream_options is not None and self.request.stream_options.include_usage

    def _usage(self) -> dict[str, int]:
        return usage(self.prompt_tokens, self.choices.completion_tokens)

    def _logprobs(self, entries: list[dict[str, Any]]) -> dict[str, Any] | None:
        return {"content": entries, "refusal": None} if self.request.logprobs else None

    def _entries(self, piece: Piece) -> list[dict[str, Any]]:
        """One per token of the text; the end token is none, so that the joined bytes are the content."""
        if not self.request.logprobs:
            return []
        return [self._entry(written) for written in piece.tokens if written.token.finish != "stop"]

    def _entry(self, written: Written) -> dict[str, Any]:
        token = written.token
        top = [self._token(i, logprob, self.model.token_bytes(i)) for i, logprob in token.alternatives]
        return {**self._token(token.id, token.logprob, written.piece), "top_logprobs": top}

    def _token(self, token_id: int, logprob: float, piece: bytes) -> dict[str, Any]:
        shown = self.model.token_bytes.shown(token_id, piece)
        return {"token": shown, "logprob": json_logprob(logprob), "bytes": list(piece)}


def prompt_ids(request: ChatRequest, model: Model) -> list[int]:
    """The conversation's tokens up to where the answer begins. Raises PromptUnsupported."""
    return chat_prompt_ids(model.tokenizer, [_rendered(message) for message in request.messages])


def _rendered(message: ChatMessage) -> dict[str, str]:
    # `developer` is OpenAI's newer word for `system`; chat templates know only the older one.
    return {"role": "system" if message.role == "developer" else message.role, "content": message.text}


def _new_id() -> str:
    return f"chatcmpl-{secrets.token_hex(12)}"
