"""Embeddings: OpenAI's list of vectors, as numbers or as base64 of little-endian float32."""

import base64
from typing import Any

import numpy as np
import orjson

from tunesmith.engines.base import Encoder
from tunesmith.engines.inputs import rows_of, usage
from tunesmith.schemas.encoding import EmbeddingRequest
from tunesmith.schemas.errors import Internal, Invalid
from tunesmith.schemas.inference import ServedModel

Vectors = np.ndarray[tuple[int, int], np.dtype[np.float32]]


async def embed(request: EmbeddingRequest, served: ServedModel, model: Encoder) -> bytes:
    """The JSON of the whole reply. Raises Invalid."""
    if model.embedding is None:
        raise Invalid(f"'{served.name}' makes no embeddings. Call POST /v1/classify with it.", param="model")
    _check_dimensions(request, served, model)
    rows = await rows_of(request.input, model, prefix=_prefix(request, model))
    vectors: Vectors = (await model.encode(rows)).numpy()
    if not np.isfinite(vectors).all():
        raise Internal(f"'{served.name}' answers with numbers that are none (NaN): its weights are broken.")
    vectors = shortened(vectors, request.dimensions, normalize=model.embedding.normalize)
    data = [
        {"object": "embedding", "index": i, "embedding": _written(vector, request.encoding_format)}
        for i, vector in enumerate(vectors)
    ]
    reply = {"object": "list", "data": data, "model": served.name, "usage": usage(rows).model_dump()}
    # orjson writes a float32 by its shortest digits: half the bytes of the float64 that equals it.
    return orjson.dumps(reply, option=orjson.OPT_SERIALIZE_NUMPY)


def shortened(vectors: Vectors, dimensions: int | None, *, normalize: bool) -> Vectors:
    """The leading dimensions, of unit length again where the model's vectors are."""
    if dimensions is None or dimensions == vectors.shape[1]:
        return np.ascontiguousarray(vectors)
    kept = vectors[:, :dimensions]
    if normalize:
        kept = kept / np.maximum(np.linalg.norm(kept, axis=1, keepdims=True), np.float32(1e-12))
    return np.ascontiguousarray(kept)


def _check_dimensions(request: EmbeddingRequest, served: ServedModel, model: Encoder) -> None:
    stated = model.embedding
    assert stated is not None
    wanted = request.dimensions
    if wanted is None or wanted == stated.dimensions:
        return
    if wanted > stated.dimensions:
        raise Invalid(
            f"'{served.name}' has vectors of {stated.dimensions} dimensions, and {wanted} were asked for.",
            param="dimensions",
        )
    if not stated.matryoshka_dims:
        raise Invalid(
            f"'{served.name}' was not trained for fewer than its {stated.dimensions} dimensions, so they would find "
            "less. Leave 'dimensions' out, or tune the model with hyperparameter matryoshka_dims.",
            param="dimensions",
        )


def _prefix(request: EmbeddingRequest, model: Encoder) -> str:
    if request.input_type is None:
        return ""
    prefix = model.prefixes.query if request.input_type == "query" else model.prefixes.passage
    is_text = isinstance(request.input, str) or isinstance(request.input[0], str)
    if prefix and not is_text:
        raise Invalid(
            f"'input_type' puts {prefix!r} before a text, and the input is token ids. Send text, or leave it out.",
            param="input_type",
        )
    return prefix


def _written(vector: Any, encoding_format: str) -> Any:
    if encoding_format == "float":
        return vector
    return base64.b64encode(vector.astype("<f4", copy=False).tobytes()).decode("ascii")
