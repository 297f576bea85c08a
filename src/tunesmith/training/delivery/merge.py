"""An adapter folded into its base: a full model in the base's stored type, with nothing left to attach."""

import shutil
from pathlib import Path
from typing import Any, cast

import torch
from transformers import PreTrainedModel

from tunesmith.base_models.load import load_tokenizer
from tunesmith.schemas.models import BaseModelEntry
from tunesmith.training.adapters import save_model
from tunesmith.training.base_model import Base, Precision
from tunesmith.training.model_card import merged_card
from tunesmith.training.saved_model import form_of, load_saved

ADAPTER_FILES = frozenset({"adapter_config.json", "adapter_model.safetensors"})


def merge(folder: Path, entry: BaseModelEntry, base_folder: Path, target: Path) -> None:
    """Write the full model of the adapter in `folder` to `target`: weights, tokenizer, card, and its other files.

    The sum is made in float32 and rounded once, to the base's own type; a base that was held in four bits while it was
    trained is merged as it is served, unquantised. Takes four bytes of memory a weight.
    """
    tokenizer = load_tokenizer(folder if (folder / "tokenizer_config.json").is_file() else base_folder)
    pad_id = int(cast("Any", tokenizer.pad_token_id) or 0)
    precision = Precision(torch.device("cpu"), torch.float32, autocast=False)
    base = Base(entry, base_folder, tokenizer, precision, None, form_of(folder, pad_id))
    model: Any = load_saved(folder, entry, base_folder, pad_id=pad_id, dtype=torch.float32)
    merged = cast(PreTrainedModel, model.merge_and_unload())
    target.mkdir(parents=True, exist_ok=True)
    save_model(merged, base, target)
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        place = target / path.relative_to(folder)
        if path.name not in ADAPTER_FILES and not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
    card = folder / "README.md"
    if card.is_file():
        (target / "README.md").write_text(merged_card(card.read_text(encoding="utf-8")), encoding="utf-8")
