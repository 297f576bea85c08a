"""Folders of encoders read into memory: the model, what makes one vector of its tokens' vectors, the tokenizer."""

from pathlib import Path
from typing import Any, Literal, cast

import torch
from transformers import AutoModelForSequenceClassification, PreTrainedModel, PreTrainedTokenizerBase

from tunesmith.base_models.errors import BaseModelMissing
from tunesmith.base_models.load import load_encoder, load_tokenizer
from tunesmith.engines.encoder_files import EmbeddingFile, embedding_file, is_sentence_transformer
from tunesmith.schemas.errors import Invalid
from tunesmith.schemas.models import BaseModelEntry

Pooling = Literal["mean", "cls", "last"]
Parts = tuple[PreTrainedModel, torch.nn.Module | None, PreTrainedTokenizerBase, int | None]
"""Model, head, tokenizer, and the tokens that the folder itself allows."""


def read_encoder(folder: Path, entry: BaseModelEntry, dtype: torch.dtype) -> Parts:
    """The folder's sentence-transformers modules where it has some, else the bare encoder with a normalised mean.

    Raises BaseModelMissing, UnsafeWeights, Invalid.
    """
    # Here and not above: the import takes seconds, and an engine may never embed.
    from sentence_transformers import SentenceTransformer

    try:
        if not is_sentence_transformer(folder):
            return _read_bare(folder, entry, dtype)
        whole = SentenceTransformer(
            str(folder),
            device="cpu",
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"dtype": dtype, "use_safetensors": True},
        ).eval()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as e:
        raise BaseModelMissing(f"The weights of {entry.key} in {folder} cannot be loaded: {e}") from e
    first: Any = whole[0]
    if not isinstance(getattr(first, "auto_model", None), PreTrainedModel):
        raise Invalid(f"The first module of {entry.key} is a {type(first).__name__}; this engine serves transformers.")
    head = torch.nn.Sequential(*list(whole.children())[1:]).float()
    return first.auto_model, head, cast("PreTrainedTokenizerBase", first.tokenizer), whole.max_seq_length


def _read_bare(folder: Path, entry: BaseModelEntry, dtype: torch.dtype) -> Parts:
    model = load_encoder(folder, entry, dtype=dtype)
    stated = embedding_file(folder)
    pooling = stated.pooling if stated is not None else entry.pooling or "mean"
    head = vector_head(width_of(model), pooling, normalize=stated is None or stated.normalize)
    return model, head, load_tokenizer(folder), None


def read_classifier(folder: Path, entry: BaseModelEntry, dtype: torch.dtype) -> Parts:
    """The classifier, head and all. Raises BaseModelMissing."""
    tokenizer = load_tokenizer(folder)
    try:
        model = AutoModelForSequenceClassification.from_pretrained(
            folder, dtype=dtype, use_safetensors=True, trust_remote_code=False, local_files_only=True
        ).eval()
    except (OSError, ValueError) as e:
        raise BaseModelMissing(f"The classifier {entry.key} in {folder} cannot be loaded: {e}") from e
    if model.config.pad_token_id is None:
        model.config.pad_token_id = tokenizer.pad_token_id
    return model, None, tokenizer, None


def vector_head(width: int, pooling: Pooling, *, normalize: bool) -> torch.nn.Module:
    """From token vectors (R, T, width) to one a row."""
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling

    mode: Literal["lasttoken", "mean", "cls"] = "lasttoken" if pooling == "last" else pooling
    return torch.nn.Sequential(Pooling(width, pooling_mode=mode), *([Normalize()] if normalize else []))


def untrained(model: PreTrainedModel, head: torch.nn.Module) -> EmbeddingFile:
    """What a base's modules come to."""
    modules = list(head.children())
    widths = [cast("Any", m).get_embedding_dimension() for m in modules if hasattr(m, "get_embedding_dimension")]
    width = widths[-1] if widths else width_of(model)
    normalizes = any(type(module).__name__ == "Normalize" for module in modules)
    return EmbeddingFile(pooling="mean", normalize=normalizes, dimensions=int(width))


def context_of(entry: BaseModelEntry, model: PreTrainedModel, *limits: int | None) -> int:
    """Tokens of one input: the least of what catalogue, model and `limits` allow."""
    return min(n for n in (entry.context, _positions(model), *limits) if n is not None)


def _positions(model: PreTrainedModel) -> int | None:
    """Tokens for which the model has positions; RoBERTa and its kin begin to count behind the padding's."""
    limit = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if not isinstance(limit, int):
        return None
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, torch.nn.Embedding):
            return limit if module.padding_idx is None else limit - module.padding_idx - 1
    return limit


def width_of(model: PreTrainedModel) -> int:
    """Numbers of a token's vector."""
    return int(model.config.get_text_config().hidden_size)


def own_tokenizer(folder: Path, base: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """The tuned model's tokenizer where it has one, else its base's."""
    return load_tokenizer(folder) if (folder / "tokenizer_config.json").is_file() else base
