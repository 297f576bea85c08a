"""What every engine offers, whichever runtime is beneath: models that continue token ids, and who holds them."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from tunesmith.engines.encoder_files import EmbeddingFile, LabelsFile, Prefixes
from tunesmith.engines.text import TokenBytes
from tunesmith.schemas.inference import ServedModel
from tunesmith.schemas.models import BaseModelEntry

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

Finish = Literal["stop", "length"]
Alternatives = tuple[tuple[int, float], ...]
"""(token id, log-probability), the likeliest first."""


@dataclass(frozen=True)
class Decoding:
    """How one request is decoded; checked against the model already."""

    max_tokens: int
    seed: int
    """Row r of a request draws from its own stream of (seed, r), whatever else is running."""
    n: int = 1
    temperature: float = 1.0
    """0 is greedy."""
    top_p: float = 1.0
    top_k: int | None = None
    min_p: float | None = None
    repetition_penalty: float = 1.0
    """Over prompt and answer, as transformers does it."""
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    logit_bias: dict[int, float] = field(default_factory=dict[int, float])
    min_tokens: int = 0
    """Tokens before an end token is allowed."""
    stop_ids: frozenset[int] | None = None
    """End tokens instead of the model's own."""
    alternatives: int = 0
    """How many of the likeliest tokens to tell beside the chosen one."""
    score_prompt: bool = False


@dataclass(frozen=True, slots=True)
class Token:
    """One token of one row. `logprob` is of the model's own distribution, before temperature, penalties and bias."""

    row: int
    id: int
    logprob: float
    alternatives: Alternatives
    finish: Finish | None
    """Set on the row's last token; `stop` means that this is an end token and no text."""


@dataclass(frozen=True, slots=True)
class PromptScores:
    """The model's log-probability of each prompt token given those before it; None for the first."""

    prompt: int
    logprobs: list[float | None]
    alternatives: list[Alternatives | None]


Step = list[Token] | PromptScores


class Run(Protocol):
    """A request being decoded. Rows are numbered prompt by prompt: sample j of prompt i is row i * n + j."""

    def __aiter__(self) -> AsyncIterator[Step]: ...

    def end_row(self, row: int) -> None:
        """No more tokens of this row are wanted; those already on their way may still come."""
        ...

    def cancel(self) -> None:
        """Frees what the run holds before the model's next step."""
        ...


class Model(Protocol):
    """A base or tuned model in memory, held for as long as its lease is open."""

    @property
    def entry(self) -> BaseModelEntry: ...
    @property
    def tokenizer(self) -> "PreTrainedTokenizerBase": ...
    @property
    def token_bytes(self) -> TokenBytes: ...
    @property
    def context(self) -> int:
        """Tokens of prompt and answer together."""
        ...

    @property
    def vocabulary(self) -> int:
        """Token ids are below this."""
        ...

    @property
    def folder(self) -> Path | None:
        """Files of the tuned model; None for a base."""
        ...

    def start(self, prompts: list[list[int]], decoding: Decoding) -> Run:
        """Begins to continue the prompts, each in `decoding.n` rows."""
        ...


class Encoder(Protocol):
    """An embedding model or a classifier in memory, held for as long as its lease is open."""

    @property
    def entry(self) -> BaseModelEntry: ...
    @property
    def context(self) -> int:
        """Tokens of one input, special ones included."""
        ...

    @property
    def vocabulary(self) -> int:
        """Token ids are below this."""
        ...

    @property
    def prefixes(self) -> Prefixes: ...
    @property
    def embedding(self) -> EmbeddingFile | None:
        """None of a classifier."""
        ...

    @property
    def classes(self) -> LabelsFile | None:
        """None of an embedding model."""
        ...

    def token_ids(self, texts: list[str]) -> list[list[int]]:
        """The texts' tokens with what the tokenizer puts around a text, none cut. Blocks; may run on any thread."""
        ...

    async def encode(self, rows: list[list[int]]) -> "torch.Tensor":
        """float32 (R, D): a vector a row, or the logits of the classes. Cancelled, it computes no further batch."""
        ...


class Engine(Protocol):
    """Keeps models in memory and lends them out."""

    def lease(self, served: ServedModel) -> AbstractAsyncContextManager[Model]:
        """The model, loaded if it was not; it stays in memory until the block is left.

        Raises BaseModelMissing, UnsafeWeights, Invalid (files that do not fit the base), Unavailable.
        """
        ...

    def lease_encoder(self, served: ServedModel) -> AbstractAsyncContextManager[Encoder]:
        """The same for an embedding model or a classifier."""
        ...

    def loaded(self) -> list[str]:
        """Names of the models in memory."""
        ...

    async def unload(self, name: str) -> bool:
        """Frees the model's memory; False when none of that name is loaded. Raises InUse while it answers."""
        ...

    async def close(self) -> bool:
        """Ends every run and frees everything; False when a thread is still busy with a load."""
        ...
