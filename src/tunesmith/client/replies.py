"""Answers in OpenAI's inference shapes, as a caller reads them. Keys beyond these are kept as attributes."""

import base64
import struct
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Reply(BaseModel):
    """An answer that may carry more than is named here."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())


class Usage(Reply):
    """Tokens of one request."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class InputUsage(Reply):
    """Tokens of a request that writes nothing."""

    prompt_tokens: int
    total_tokens: int


class Embedding(Reply):
    """One vector, as it came: numbers, or base64 of little-endian float32."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str

    @property
    def vector(self) -> list[float]:
        """The numbers."""
        if not isinstance(self.embedding, str):
            return self.embedding
        data = base64.b64decode(self.embedding)
        return list(struct.unpack(f"<{len(data) // 4}f", data))


class Embeddings(Reply):
    """POST /v1/embeddings."""

    object: Literal["list"]
    data: list[Embedding]
    model: str
    usage: InputUsage

    @property
    def vectors(self) -> list[list[float]]:
        """The vectors in the order of the inputs."""
        return [each.vector for each in self.data]


class ChatReplyMessage(Reply):
    role: str
    content: str | None = None
    refusal: str | None = None


class ChatChoice(Reply):
    index: int
    message: ChatReplyMessage
    finish_reason: str | None
    logprobs: dict[str, Any] | None = None


class ChatCompletion(Reply):
    """POST /v1/chat/completions without `stream`."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[ChatChoice]
    usage: Usage | None = None

    @property
    def text(self) -> str:
        """The first choice's content."""
        return self.choices[0].message.content or ""


class ChatDelta(Reply):
    role: str | None = None
    content: str | None = None


class ChatChunkChoice(Reply):
    index: int
    delta: ChatDelta
    finish_reason: str | None = None
    logprobs: dict[str, Any] | None = None


class ChatChunk(Reply):
    """One frame of a streamed chat completion; the last may carry only `usage`."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    choices: list[ChatChunkChoice]
    usage: Usage | None = None

    @property
    def text(self) -> str:
        """What the first choice gained."""
        return (self.choices[0].delta.content or "") if self.choices else ""


class CompletionChoice(Reply):
    index: int
    text: str
    finish_reason: str | None = None
    logprobs: dict[str, Any] | None = None


class Completion(Reply):
    """POST /v1/completions; a frame of its stream has the same shape."""

    id: str
    object: Literal["text_completion"]
    created: int
    model: str
    choices: list[CompletionChoice] = Field(default_factory=list[CompletionChoice])
    usage: Usage | None = None

    @property
    def text(self) -> str:
        """The first choice's text."""
        return self.choices[0].text if self.choices else ""
