"""Chat completions, completions and protein generation; and how the server names a model to an engine."""

from typing import Annotated, Any, Literal, Self, cast

from pydantic import ConfigDict, Field, field_validator, model_validator

from tunesmith.schemas.encoding import ClassifyRequest, EmbeddingRequest
from tunesmith.schemas.errors import SpecInvalid, Unsupported
from tunesmith.schemas.extras import without_extras
from tunesmith.schemas.models import BaseModelEntry
from tunesmith.schemas.shape import Adaptation, Frozen, Shape, Task
from tunesmith.schemas.worker import Download


class TextPart(Shape):
    type: Literal["text"]
    text: str


class ChatMessage(Shape):
    """A message of a request; what OpenAI's own answers carry besides (refusal, annotations ...) may come back."""

    model_config = ConfigDict(extra="ignore")

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart]
    name: str | None = None

    @property
    def text(self) -> str:
        return self.content if isinstance(self.content, str) else "".join(p.text for p in self.content)


class StreamOptions(Shape):
    include_usage: bool = False
    include_obfuscation: bool = False


class Sampling(Shape):
    """What chat and completions share. `top_k`, `min_p` and `repetition_penalty` are the usual extras."""

    temperature: float = Field(default=1.0, ge=0, le=2)
    top_p: float = Field(default=1.0, gt=0, le=1)
    top_k: int | None = Field(default=None, ge=1)
    min_p: float | None = Field(default=None, ge=0, le=1)
    repetition_penalty: float = Field(default=1.0, gt=0, le=10)
    frequency_penalty: float = Field(default=0.0, ge=-2, le=2)
    presence_penalty: float = Field(default=0.0, ge=-2, le=2)
    logit_bias: dict[str, Annotated[float, Field(ge=-100, le=100)]] | None = None
    """Token id: what is added to its logit."""
    seed: int | None = Field(default=None, ge=-(2**63), le=2**63 - 1)
    n: int = Field(default=1, ge=1, le=128)
    stop: list[str] = Field(default_factory=list[str], max_length=4)
    stream: bool = False
    stream_options: StreamOptions | None = None

    @field_validator("stop", mode="before")
    @classmethod
    def _as_list(cls, value: Any) -> Any:
        return [] if value is None else [value] if isinstance(value, str) else value

    @model_validator(mode="before")
    @classmethod
    def _known(cls, body: Any) -> Any:
        return without_extras(body)

    @model_validator(mode="after")
    def _options_belong_to_a_stream(self) -> Self:
        if self.stream_options is not None and not self.stream:
            raise SpecInvalid(
                "'stream_options' is only allowed when 'stream' is true. Set 'stream' or leave it out.",
                param="stream_options",
            )
        return self


class ChatRequest(Sampling):
    """Body of POST /v1/chat/completions, ignored keys taken off."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "smollm2-135m-instruct",
                    "messages": [{"role": "user", "content": "What is a lease?"}],
                    "max_completion_tokens": 64,
                    "temperature": 0.2,
                }
            ]
        }
    )

    model: str
    messages: list[ChatMessage] = Field(min_length=1)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    logprobs: bool = False
    top_logprobs: int | None = Field(default=None, ge=0, le=20)
    modalities: list[Literal["text"]] | None = None

    @field_validator("messages", mode="before")
    @classmethod
    def _only_text(cls, messages: Any) -> Any:
        for i, message in enumerate(cast("list[Any]", messages) if isinstance(messages, list) else []):
            if isinstance(message, dict):
                _refuse_other_than_text(cast("dict[str, Any]", message), f"messages[{i}]")
        return messages

    @model_validator(mode="after")
    def _top_needs_logprobs(self) -> Self:
        if self.top_logprobs is not None and not self.logprobs:
            raise SpecInvalid(
                "'top_logprobs' is only allowed when 'logprobs' is true. Set 'logprobs' or leave it out.",
                param="top_logprobs",
            )
        return self


def _refuse_other_than_text(message: dict[str, Any], where: str) -> None:
    if message.get("role") in ("tool", "function"):
        raise Unsupported(
            f"'{where}.role' is '{message['role']}', and this version has no tools. "
            "Send what the tool answered in a user message.",
            param=f"{where}.role",
        )
    for key in ("tool_calls", "function_call", "audio"):
        if message.get(key):
            raise Unsupported(
                f"'{where}.{key}' is not supported by this version. Send text in 'content'.", param=f"{where}.{key}"
            )
    content = message.get("content")
    for j, part in enumerate(cast("list[Any]", content) if isinstance(content, list) else []):
        kind = cast("dict[str, Any]", part).get("type") if isinstance(part, dict) else None
        if isinstance(kind, str) and kind != "text":
            raise Unsupported(
                f"'{where}.content[{j}]' is a part of type '{kind}', and this version takes text only.",
                param=f"{where}.content[{j}].type",
            )


class CompletionRequest(Sampling):
    """Body of POST /v1/completions. Token-id prompts are used as they are: no BOS is added."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"model": "smollm2-135m-instruct", "prompt": "Once", "max_tokens": 16}]}
    )

    model: str
    prompt: str | list[str] | list[int] | list[list[int]]
    max_tokens: int = Field(default=16, ge=0)
    echo: bool = False
    logprobs: int | None = Field(default=None, ge=0, le=5)
    best_of: int | None = Field(default=None, ge=1, le=20)

    @model_validator(mode="after")
    def _best_of_fits(self) -> Self:
        if self.best_of is not None and (self.best_of < self.n or (self.stream and self.best_of > self.n)):
            raise SpecInvalid(
                f"Invalid 'best_of': expected a value >= 'n' ({self.n}), and equal to it in a stream, "
                f"but got {self.best_of} instead.",
                param="best_of",
            )
        return self


class GenerateRequest(Shape):
    """Body of POST /v1/generate: new protein sequences."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"model": "protein-mini", "n": 3, "prompt": "MKT", "temperature": 0.9}]}
    )

    model: str
    n: int = Field(default=5, ge=1, le=100)
    prompt: str = Field(default="", max_length=4096)
    """Residues to start from; empty for none."""
    max_residues: int | None = Field(default=None, ge=1, le=4096)
    temperature: float = Field(default=1.0, gt=0, le=5)
    top_k: int | None = Field(default=None, ge=1)
    top_p: float = Field(default=1.0, gt=0, le=1)
    repetition_penalty: float = Field(default=1.0, gt=0, le=10)
    seed: int | None = None
    format: Literal["json", "fasta"] = "json"


class GeneratedSequence(Shape):
    """One new sequence with what is known of it, best perplexity first."""

    object: Literal["generated_sequence"] = "generated_sequence"
    rank: int
    sequence: str
    length: int
    log_likelihood: float
    """Natural log, summed over residues and the end where it was reached."""
    perplexity: float
    """Per residue."""
    confidence: float
    """Mean probability the model gave its own residues."""
    finish_reason: Literal["stop", "length"]
    valid: bool
    """Only the twenty residues."""
    invalid_residues: dict[str, int] = Field(default_factory=dict[str, int])
    nearest_identity: float | None = None
    """0-1, to the nearest training sequence; None for a base model."""
    nearest_id: str | None = None


class GenerateReply(Shape):
    id: str
    object: Literal["generation"] = "generation"
    created: int
    model: str
    prompt: str
    generation_time_s: float
    data: list[GeneratedSequence]
    seed: int


class ServedModel(Frozen):
    """A model as the server names it to an engine: its base, and the files of the tuned one."""

    name: str
    task: Task
    base: BaseModelEntry
    adaptation: Adaptation | None = None
    """None: the base itself."""
    files: list[Download] = Field(default_factory=list[Download])


class EngineCall(Shape):
    """What the server sends to an engine: POST /engine/v1/{chat,completions,generate,embeddings,classify}."""

    served: ServedModel
    chat: ChatRequest | None = None
    completion: CompletionRequest | None = None
    generate: GenerateRequest | None = None
    embedding: EmbeddingRequest | None = None
    classify: ClassifyRequest | None = None
