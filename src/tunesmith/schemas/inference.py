"""Chat completions, completions and protein generation; and how the server names a model to an engine."""

from typing import Any, Literal

from pydantic import ConfigDict, Field, field_validator

from tunesmith.schemas.models import BaseModelEntry
from tunesmith.schemas.shape import Adaptation, Frozen, Shape, Task
from tunesmith.schemas.worker import Download

IGNORED = frozenset(
    {
        "user", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "store", "metadata",
        "service_tier", "reasoning_effort", "verbosity", "prediction", "web_search_options",
    }
)  # fmt: skip
"""Accepted and ignored, since common clients send them and they change no answer of ours."""
UNSUPPORTED = frozenset(
    {"tools", "tool_choice", "parallel_tool_calls", "functions", "function_call", "response_format", "audio", "suffix"}
)
"""OpenAI has them and this version does not: 400 `unsupported_parameter`, never silence."""


class TextPart(Shape):
    type: Literal["text"]
    text: str


class ChatMessage(Shape):
    """A message of a request."""

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
    logit_bias: dict[str, float] | None = None
    seed: int | None = None
    n: int = Field(default=1, ge=1, le=128)
    stop: list[str] = Field(default_factory=list[str], max_length=4)

    @field_validator("stop", mode="before")
    @classmethod
    def _as_list(cls, value: Any) -> Any:
        return [] if value is None else [value] if isinstance(value, str) else value


class ChatRequest(Sampling):
    """Body of POST /v1/chat/completions, ignored keys taken off."""

    model: str
    messages: list[ChatMessage] = Field(min_length=1)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    logprobs: bool = False
    top_logprobs: int | None = Field(default=None, ge=0, le=20)
    stream: bool = False
    stream_options: StreamOptions | None = None
    modalities: list[Literal["text"]] | None = None


class CompletionRequest(Sampling):
    """Body of POST /v1/completions. Token-id prompts are used as they are: no BOS is added."""

    model: str
    prompt: str | list[str] | list[int] | list[list[int]]
    max_tokens: int = Field(default=16, ge=0)
    echo: bool = False
    logprobs: int | None = Field(default=None, ge=0, le=5)
    best_of: int | None = Field(default=None, ge=1, le=20)
    stream: bool = False
    stream_options: StreamOptions | None = None


class GenerateRequest(Shape):
    """Body of POST /v1/generate: new protein sequences."""

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
    """What the server sends to an engine: POST /engine/v1/{chat,completions,generate}."""

    served: ServedModel
    chat: ChatRequest | None = None
    completion: CompletionRequest | None = None
    generate: GenerateRequest | None = None
