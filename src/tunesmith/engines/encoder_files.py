"""What the folder of an embedding model or a classifier says about itself, besides its weights. No torch.

Training writes `embedding.json` and `labels.json`; a base or an operator's own folder has what sentence-transformers
and transformers write.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from pydantic import Field, ValidationError

from tunesmith.schemas.errors import Invalid, UnsafeWeights
from tunesmith.schemas.models import BaseModelEntry
from tunesmith.schemas.shape import Frozen

File = TypeVar("File", bound=Frozen)

EMBEDDING_FILE = "embedding.json"
LABELS_FILE = "labels.json"
_LIBRARY = "sentence_transformers."


class EmbeddingFile(Frozen):
    """`embedding.json`."""

    pooling: Literal["mean", "cls", "last"]
    normalize: bool
    dimensions: int = Field(ge=1)
    matryoshka_dims: list[int] = Field(default_factory=list[int])
    """The lengths that training made useful by themselves; empty when only the whole vector is."""
    query_prefix: str = ""
    passage_prefix: str = ""


class LabelsFile(Frozen):
    """`labels.json`; a label's place is its class."""

    labels: list[str] = Field(min_length=1)
    multi_label: bool


@dataclass(frozen=True)
class Prefixes:
    """What a model wants before questions and before documents; empty for most."""

    query: str = ""
    passage: str = ""


def embedding_file(folder: Path) -> EmbeddingFile | None:
    """What training wrote; None where it did not train this folder. Raises Invalid."""
    data = _json(folder / EMBEDDING_FILE)
    return None if data is None else _checked(EmbeddingFile, data, folder / EMBEDDING_FILE)


def labels_file(folder: Path) -> LabelsFile | None:
    """What training wrote, else what a classifier's own config says; None when it has no classes. Raises Invalid."""
    data = _json(folder / LABELS_FILE)
    if data is not None:
        return _checked(LabelsFile, data, folder / LABELS_FILE)
    config = _json(folder / "config.json") or {}
    if not any("ForSequenceClassification" in name for name in config.get("architectures") or []):
        return None
    if config.get("problem_type") == "regression":
        raise Invalid("The model predicts a number (problem_type regression) and has no classes.", param="model")
    names = cast("dict[str, str]", config.get("id2label") or {"0": "LABEL_0", "1": "LABEL_1"})
    labels = [names[i] for i in sorted(names, key=int)]
    multi_label = config.get("problem_type") == "multi_label_classification"
    return _checked(LabelsFile, {"labels": labels, "multi_label": multi_label}, folder / "config.json")


def prefixes_of(folder: Path, entry: BaseModelEntry, trained: EmbeddingFile | None) -> Prefixes:
    """As training wrote them, else as the catalogue says, else as the folder's own prompts do."""
    if trained is not None:
        return Prefixes(trained.query_prefix, trained.passage_prefix)
    if entry.query_prefix or entry.passage_prefix:
        return Prefixes(entry.query_prefix, entry.passage_prefix)
    prompts = cast("dict[str, str]", (_json(folder / "config_sentence_transformers.json") or {}).get("prompts") or {})
    return Prefixes(prompts.get("query", ""), prompts.get("document") or prompts.get("passage", ""))


def is_sentence_transformer(folder: Path) -> bool:
    """Whether the folder says how token vectors become one.

    Raises UnsafeWeights when it names classes outside sentence-transformers: the library would import and call them.
    """
    path = folder / "modules.json"
    if not path.is_file():
        return False
    try:
        kinds = [str(module["type"]) for module in json.loads(path.read_bytes())]
    except (ValueError, KeyError, TypeError) as e:
        raise Invalid(f"{path.name} of the model cannot be read: {e}. Save the model again.") from e
    for kind in kinds:
        if not kind.startswith(_LIBRARY):
            raise UnsafeWeights(
                f"{path.name} wants to run {kind}, which is no part of sentence-transformers. "
                "A model's folder holds weights and settings only: save it without that module."
            )
    return True


def _json(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        data: Any = json.loads(path.read_bytes())
    except ValueError as e:
        raise Invalid(f"{path.name} of the model is no JSON: {e}. Save the model again.") from e
    if not isinstance(data, dict):
        raise Invalid(f"{path.name} of the model is no JSON object. Save the model again.")
    return cast("dict[str, Any]", data)


def _checked(kind: type[File], data: Mapping[str, Any], path: Path) -> File:
    try:
        return kind.model_validate(data, extra="ignore")
    except ValidationError as e:
        fault = e.errors()[0]
        field = ".".join(str(part) for part in fault["loc"])
        raise Invalid(f"{path.name} of the model: {field}: {fault['msg']}. Save the model again.") from e
