"""Resume checkpoints: everything a run needs to go on as if it had never stopped, without a single pickle.

A folder holds weights.safetensors (what is trained, float32), optimizer.safetensors and .json, scheduler.json,
rng.safetensors and .json, trainer_state.json (step and epoch, by transformers) and run.json (what the run itself
remembers). It appears under its name only when it is complete.
"""

import json
import random
import shutil
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.optim import Optimizer

RNG = dict[str, Any]
KEPT = 2
"""Resume checkpoints on disk: the newest, and the one that may still be being uploaded."""
KEPT_PUBLISHED = 3


def save_weights(model: nn.Module, folder: Path) -> None:
    """The parameters that are trained, by name."""
    trained = {n: p.detach().cpu().contiguous() for n, p in model.named_parameters() if p.requires_grad}
    save_file(trained, folder / "weights.safetensors")


def load_weights(model: nn.Module, folder: Path) -> None:
    """Put the saved parameters back in place. Raises KeyError when the model has others."""
    saved = load_file(folder / "weights.safetensors")
    trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
    if saved.keys() != trained.keys():
        raise KeyError(f"The resume checkpoint in {folder} is of another model: its parameters have other names.")
    with torch.no_grad():
        for name, parameter in trained.items():
            parameter.copy_(saved[name])


def save_optimizer(optimizer: Optimizer, folder: Path) -> None:
    """Moments as tensors named `parameter.moment`, the settings of the parameter groups as JSON."""
    state = cast("dict[str, Any]", optimizer.state_dict())
    tensors: dict[str, torch.Tensor] = {}
    for number, moments in state["state"].items():
        for name, value in moments.items():
            tensors[f"{number}.{name}"] = torch.as_tensor(value).detach().cpu().contiguous()
    save_file(tensors, folder / "optimizer.safetensors")
    (folder / "optimizer.json").write_text(json.dumps(state["param_groups"]))


def load_optimizer(optimizer: Optimizer, folder: Path) -> None:
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, tensor in load_file(folder / "optimizer.safetensors").items():
        number, name = key.split(".", 1)
        state.setdefault(int(number), {})[name] = tensor
    groups = json.loads((folder / "optimizer.json").read_text())
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def save_scheduler(scheduler: Any, folder: Path) -> None:
    state = {k: v for k, v in scheduler.state_dict().items() if _is_plain(v)}
    (folder / "scheduler.json").write_text(json.dumps(state))


def load_scheduler(scheduler: Any, folder: Path) -> None:
    scheduler.load_state_dict({**scheduler.state_dict(), **json.loads((folder / "scheduler.json").read_text())})


def capture_rng() -> RNG:
    """The state of every random generator that training draws from."""
    kind, keys, position, has_gauss, gauss = cast("tuple[Any, ...]", np.random.get_state(legacy=True))
    states: RNG = {
        "python": random.getstate(),
        "numpy": [kind, position, has_gauss, gauss],
        "numpy_keys": torch.from_numpy(np.asarray(keys, dtype=np.int64).copy()),
        "cpu": torch.random.get_rng_state(),
    }
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.random.get_rng_state()
    return states


def save_rng(states: RNG, folder: Path) -> None:
    save_file({k: v for k, v in states.items() if isinstance(v, torch.Tensor)}, folder / "rng.safetensors")
    plain = {k: v for k, v in states.items() if not isinstance(v, torch.Tensor)}
    (folder / "rng.json").write_text(json.dumps(plain))


def load_rng(folder: Path) -> None:
    tensors = load_file(folder / "rng.safetensors")
    plain = json.loads((folder / "rng.json").read_text())
    version, numbers, gauss_next = plain["python"]
    random.setstate((version, tuple(numbers), gauss_next))
    kind, position, has_gauss, gauss = plain["numpy"]
    np.random.set_state((kind, tensors["numpy_keys"].numpy().astype(np.uint32), position, has_gauss, gauss))
    torch.random.set_rng_state(tensors["cpu"])
    if "cuda" in tensors and torch.cuda.is_available():
        torch.cuda.random.set_rng_state(tensors["cuda"])


def save_memory(memory: dict[str, Any], folder: Path) -> None:
    (folder / "run.json").write_text(json.dumps(memory))


def load_memory(folder: Path) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads((folder / "run.json").read_text()))


def _is_plain(value: Any) -> bool:
    return isinstance(value, (bool, int, float, str, type(None))) or (
        isinstance(value, list) and all(_is_plain(v) for v in value)
    )


def keep_newest(folder: Path, kind: str, n: int) -> None:
    """Remove all but the n checkpoints of the kind with the highest steps."""
    found = sorted(folder.glob(f"{kind}-*"), key=lambda p: int(p.name.rsplit("-", 1)[-1]))
    for old in found[:-n]:
        shutil.rmtree(old)
