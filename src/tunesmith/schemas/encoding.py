"""Embeddings and classification: OpenAI's embeddings, and /v1/classify in the same style."""

from typing import Any, Literal, cast

from pydantic import ConfigDict, Field, field_validator, model_validator

from tunesmith.schemas.errors import SpecInvalid
from tunesmith.schemas.extras import without_extras
from tunesmith.schemas.shape import Shape

MAX_INPUTS = 2048
"""Inputs of one embeddings or classify request, as OpenAI has it."""
Input = str | list[str] | list[int] | list[list[int]]


class EmbeddingRequest(Shape):
    """Body of POST /v1/embeddings, ignored keys taken off. Token ids are used as they are: nothing is added."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"model": "all-minilm-l6-v2", "input": ["How long is a lease?", "A lease lives thirty seconds."]},
                {"model": "all-minilm-l6-v2", "input": "How long is a lease?", "encoding_format": "base64"},
            ]
        }
    )

    model: str
    input: Input
    """A text, up to 2,048 of them, or the same as ids of the model's own tokenizer. Residues for a protein model."""
    encoding_format: Literal["float", "base64"] = "float"
    """base64: little-endian float32."""
    dimensions: int | None = Field(default=None, ge=1)
    """Leading dimensions to keep, of unit length again; fewer than the model's only where it was trained for that."""
    input_type: Literal["query", "passage"] | None = None
    """Puts the model's own prefix for questions or for documents before each text, where it has one (e5)."""

    @model_validator(mode="before")
    @classmethod
    def _known(cls, body: Any) -> Any:
        return without_extras(body)

    @field_validator("input", mode="before")
    @classmethod
    def _usable(cls, value: Any) -> Any:
        check_input(value, ids_allowed=True)
        return value


class Embedding(Shape):
    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str
    """Numbers, or their float32 bytes in base64."""


class InputUsage(Shape):
    """Tokens that the model read, special ones included."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingReply(Shape):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "object": "list",
                    "data": [{"object": "embedding", "index": 0, "embedding": [0.0471, -0.0123, 0.0835]}],
                    "model": "all-minilm-l6-v2",
                    "usage": {"prompt_tokens": 8, "total_tokens": 8},
                }
            ]
        }
    )

    object: Literal["list"] = "list"
    data: list[Embedding]
    model: str
    usage: InputUsage


class ClassifyRequest(Shape):
    """Body of POST /v1/classify, ignored keys taken off."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"model": "ft:all-minilm-l6-v2:default:tickets:abc", "input": ["My card was charged twice."]}]
        }
    )

    model: str
    input: str | list[str]
    """A text or up to 2,048 of them; residues for a model of proteins."""

    @model_validator(mode="before")
    @classmethod
    def _known(cls, body: Any) -> Any:
        return without_extras(body)

    @field_validator("input", mode="before")
    @classmethod
    def _usable(cls, value: Any) -> Any:
        check_input(value, ids_allowed=False)
        return value


class Classification(Shape):
    """What the model takes one input to be."""

    object: Literal["classification"] = "classification"
    index: int
    label: str | None
    """The likeliest class; null for a multi-label model none of whose classes is above 0.5."""
    labels: list[str]
    """Just that one; of a multi-label model all classes above 0.5, the likeliest first."""
    probabilities: dict[str, float]
    """Of every class, the likeliest first. They add up to 1, but for a multi-label model, where each stands alone."""


class ClassifyReply(Shape):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "object": "list",
                    "data": [
                        {
                            "object": "classification",
                            "index": 0,
                            "label": "billing",
                            "labels": ["billing"],
                            "probabilities": {"billing": 0.97, "shipping": 0.02, "other": 0.01},
                        }
                    ],
                    "model": "ft:all-minilm-l6-v2:default:tickets:abc",
                    "usage": {"prompt_tokens": 9, "total_tokens": 9},
                }
            ]
        }
    )

    object: Literal["list"] = "list"
    data: list[Classification]
    model: str
    usage: InputUsage


def check_input(value: Any, *, ids_allowed: bool) -> None:
    """Raises SpecInvalid, naming the place, for what is no text, list of texts, or token ids where they are allowed."""
    kinds = "a text, a list of texts, a list of token ids or a list of such lists" if ids_allowed else "texts"
    if isinstance(value, str):
        _check_item(value, "input")
        return
    if not isinstance(value, list):
        raise SpecInvalid(f"Invalid 'input': expected {kinds}.", param="input", code="invalid_type")
    items = cast("list[Any]", value)
    if not items:
        raise SpecInvalid(
            "Invalid 'input': the list is empty. Send at least one text.", param="input", code="empty_array"
        )
    if ids_allowed and _is_ids(items):
        return
    if len(items) > MAX_INPUTS:
        raise SpecInvalid(
            f"Invalid 'input': {len(items):,} inputs, and one request takes {MAX_INPUTS:,}. Send several requests.",
            param="input",
            code="array_above_max_length",
        )
    wanted = type(items[0])
    for i, item in enumerate(items):
        is_text = isinstance(item, str)
        is_row = ids_allowed and isinstance(item, list) and _is_ids(cast("list[Any]", item))
        if type(item) is not wanted or not (is_text or is_row or item == []):
            raise SpecInvalid(f"Invalid 'input[{i}]': expected {kinds}.", param=f"input[{i}]", code="invalid_type")
        _check_item(item, f"input[{i}]")


def _check_item(item: Any, where: str) -> None:
    if not item:
        raise SpecInvalid(
            f"Invalid '{where}': it is empty. Leave it out or send text.", param=where, code="empty_input"
        )


def _is_ids(items: list[Any]) -> bool:
    return bool(items) and all(type(item) is int for item in items)
