"""What training costs: measured constants and the shapes of base models, read from costs.yaml. Needs no torch."""

import json
import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import yaml
from pydantic import TypeAdapter

from tunesmith.schemas.estimates import RecordedError
from tunesmith.schemas.models import BaseModelEntry, BundledSource, FolderSource
from tunesmith.schemas.shape import Adaptation

WIDTH_OVER_DEPTH = 80
"""Of a usual transformer, for the guess."""
USUAL_VOCABULARY = 32_000


@dataclass(frozen=True)
class ModelShape:
    """What a transformer's work depends on."""

    width: int
    """Numbers that stand for a token between layers."""
    layers: int
    vocabulary: int
    body_parameters: int
    """Weights that every token goes through: all but the tables of the vocabulary."""
    parameters: int
    architecture: str
    """As transformers names it."""
    known: bool

    @property
    def elements(self) -> int:
        """Width times depth: what is done beside the matrix products, and kept for the backward pass, goes with it."""
        return self.width * self.layers


@dataclass(frozen=True)
class AdaptationCosts:
    """Constants of one way to train; those of tokens are for each unit of width times depth."""

    cpu_elements_per_s: float
    """On one core, forward and backward, beside the matrix products."""
    adapter_bytes: float
    """Kept for the backward pass through adapters, beside what the architecture keeps."""
    bytes_per_weight: float
    """Resident for each weight of the base, casts included."""


@dataclass(frozen=True)
class GpuClass:
    """`flops`: matrix products a second that training reaches, from the maker's figure; not measured here."""

    name: str
    flops: float


@dataclass(frozen=True)
class TextCosts:
    """How text becomes tokens where no tokenizer is at hand."""

    characters_per_token: float
    tokens_per_message: float
    """Marks of a turn."""
    tokens_per_conversation: float
    """A default system prompt and the like."""
    trained_share: float
    """Of a conversation's tokens."""


@dataclass(frozen=True)
class Costs:
    """All constants; each has its line in costs.yaml."""

    calibration: str
    cpu_flops: float
    scaling: float
    most_cores: int
    forward_elements_per_s: float
    imports_bytes: float
    start_s: float
    start_s_per_billion: float
    alignments_per_s: float
    save_bytes_per_s: float
    download_bytes_per_s: float
    logit_bytes: float
    optimiser_s_per_weight: float
    prove_s: float
    decode_s_per_layer: float
    decode_s_per_weight: float
    expand_s: float
    heap_share: float
    heap_steps: float
    gpu_context_bytes: float
    gpu_start_s: float
    gpu_step_s: float
    usual_gpu_flops: float
    bounds: dict[str, float]
    text: TextCosts
    activation_bytes: dict[str, float]
    pace: dict[str, float]
    adaptations: dict[Adaptation, AdaptationCosts]
    gpus: list[GpuClass]
    recorded: list[RecordedError]
    shapes: dict[str, dict[str, int]]


@cache
def load_costs() -> Costs:
    """The constants of costs.yaml."""
    raw: Any = yaml.safe_load((files("tunesmith.base_models") / "costs.yaml").read_text(encoding="utf-8"))
    return TypeAdapter(Costs).validate_python(raw)


def shape_of(entry: BaseModelEntry, models_dir: Path | None = None) -> ModelShape:
    """From costs.yaml, else from the model's config.json where it lies on this machine, else guessed by its size."""
    known = load_costs().shapes.get(entry.key) or _from_config(entry, models_dir)
    if known is None:
        # 12 width² weights a layer (Kaplan et al. 2020, arXiv:2001.08361, section 2.1)
        width = max(64, round((WIDTH_OVER_DEPTH * entry.parameters / 12) ** (1 / 3)))
        layers = max(1, round(width / WIDTH_OVER_DEPTH))
        body = max(1, entry.parameters - USUAL_VOCABULARY * width)
        body = max(body, entry.parameters // 2)
        return ModelShape(width, layers, USUAL_VOCABULARY, body, entry.parameters, entry.architecture, known=False)
    tables = known["vocabulary"] * known["width"] * known.get("tables", 1)
    body = max(entry.parameters - tables, entry.parameters // 10)
    width, layers, vocabulary = known["width"], known["layers"], known["vocabulary"]
    return ModelShape(width, layers, vocabulary, body, entry.parameters, entry.architecture, known=True)


def folder_on_this_machine(entry: BaseModelEntry, models_dir: Path | None) -> Path | None:
    """Where the base's files lie here, if they do; nothing is fetched."""
    match entry.source:
        case BundledSource():
            return Path(str(files("tunesmith.base_models") / entry.source.folder))
        case FolderSource():
            return Path(entry.source.path)
        case _:
            return models_dir / entry.key if models_dir is not None else None


def _from_config(entry: BaseModelEntry, models_dir: Path | None) -> dict[str, int] | None:
    folder = folder_on_this_machine(entry, models_dir)
    if folder is None or not (folder / "config.json").is_file():
        return None
    try:
        config: Any = json.loads((folder / "config.json").read_bytes())
    except ValueError:
        return None  # training will say so; here it only makes the figures rougher
    if not isinstance(config, dict):
        return None
    config = cast("dict[str, Any]", config)
    config = cast("dict[str, Any]", config.get("text_config", config))
    found = {
        "width": config.get("hidden_size", config.get("n_embd")),
        "layers": config.get("num_hidden_layers", config.get("n_layer")),
        "vocabulary": config.get("vocab_size"),
        "tables": 1 if config.get("tie_word_embeddings", True) else 2,
    }
    return cast("dict[str, int]", found) if all(isinstance(v, int) and v > 0 for v in found.values()) else None


def activation_bytes(shape: ModelShape, adaptation: Adaptation) -> float:
    """Kept for the backward pass, for each token and each unit of width times depth."""
    costs = load_costs()
    kept = costs.activation_bytes.get(shape.architecture, costs.activation_bytes["other"])
    return kept + costs.adaptations[adaptation].adapter_bytes


def pace(shape: ModelShape) -> float:
    """Seconds on a CPU for one of the calculated ones."""
    costs = load_costs()
    return costs.pace.get(shape.architecture, costs.pace["other"])


def speedup(cores: int) -> float:
    """How much faster than one core that many are."""
    costs = load_costs()
    return math.pow(max(1, min(cores, costs.most_cores)), costs.scaling)
