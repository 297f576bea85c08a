"""The base model of a run: its folder, tokenizer and weights, and the number format they are trained in."""

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from platformdirs import user_data_path
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from tunesmith.base_models.fetch import local_folder
from tunesmith.base_models.load import load_model, load_tokenizer
from tunesmith.base_models.weights import check_folder
from tunesmith.schemas.models import BaseModelEntry
from tunesmith.schemas.shape import Adaptation
from tunesmith.schemas.training import TrainingSpec
from tunesmith.training.progress import ProgressLog


@dataclass(frozen=True)
class Precision:
    """`weights` as they are loaded; matrices are multiplied in bfloat16 where `autocast` is on."""

    device: torch.device
    weights: torch.dtype
    autocast: bool

    @contextmanager
    def context(self) -> Generator[None]:
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.autocast):
            yield


@dataclass(frozen=True)
class Form:
    """What a base is trained as. `load(folder, entry, dtype=...)` reads its weights; the others are names of parts."""

    load: Callable[..., PreTrainedModel]
    peft_task: str = "CAUSAL_LM"
    head: tuple[str, ...] = ()
    """New, so trained in full beside an adapter and saved with it."""
    unused: tuple[str, ...] = ()
    """Not on the way from the tokens to the loss: never trained."""


@dataclass(frozen=True)
class Base:
    """Where the weights lie and how they are read. `parent` is the tuned model to go on from, if there is one."""

    entry: BaseModelEntry
    folder: Path
    tokenizer: PreTrainedTokenizerBase
    precision: Precision
    parent: Path | None
    form: Form = Form(load_model)

    @property
    def parent_is_adapter(self) -> bool:
        return self.parent is not None and (self.parent / "adapter_config.json").is_file()

    @property
    def weights_folder(self) -> Path:
        """Where the weights lie: the parent's where the parent is a full model."""
        return self.parent if self.parent is not None and not self.parent_is_adapter else self.folder

    def load(self) -> PreTrainedModel:
        """The weights on the run's device."""
        model: Any = self.form.load(self.weights_folder, self.entry, dtype=self.precision.weights)
        return cast(PreTrainedModel, model.to(self.precision.device))


def open_base(spec: TrainingSpec, progress: ProgressLog) -> Base:
    """Fetch what is missing and load the tokenizer. Raises BaseModelMissing or UnsafeWeights."""
    folder = local_folder(spec.base, models_dir(), hub_token=os.environ.get("HF_TOKEN"), say=progress.message)
    parent = Path(spec.parent_path) if spec.parent_path else None
    if parent is not None:
        check_folder(parent)
    has_tokenizer = parent is not None and (parent / "tokenizer_config.json").is_file()
    tokenizer = load_tokenizer(parent if has_tokenizer and parent else folder)
    return Base(spec.base, folder, tokenizer, choose_precision(spec.adaptation), parent)


def models_dir() -> Path:
    """Where unpacked weights lie: TUNESMITH_MODELS_DIR, else the user's data folder."""
    named = os.environ.get("TUNESMITH_MODELS_DIR")
    return Path(named) if named else user_data_path("tunesmith") / "models"


def choose_precision(adaptation: Adaptation) -> Precision:
    """bfloat16 matrix products where the hardware has them.

    Weights that are trained stay in float32, since a step of 1e-5 vanishes in bfloat16's 8 bits; frozen weights under
    an adapter are read in bfloat16.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    fast = torch.cuda.is_bf16_supported() if device.type == "cuda" else _cpu_has_bf16()
    frozen = adaptation is not Adaptation.FULL
    return Precision(device, torch.bfloat16 if fast and frozen else torch.float32, autocast=fast)


def _cpu_has_bf16() -> bool:
    """Instructions for it, not the slow emulation."""
    has_avx512 = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    has_amx = getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    return bool(has_avx512() or has_amx())


def set_threads() -> None:
    """As many threads as OMP_NUM_THREADS says: workers that share a machine share its cores by it."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if wanted.isdigit() and int(wanted) > 0:
        torch.set_num_threads(int(wanted))
