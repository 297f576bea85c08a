"""LoRA adapters side by side in one model, chosen for each forward pass at no cost."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftConfig, PeftModel
from peft.tuners.tuners_utils import BaseTunerLayer
from peft.utils import load_peft_weights, set_peft_model_state_dict
from transformers import PreTrainedModel

from tunesmith.schemas.errors import Invalid


@dataclass(frozen=True)
class AdapterFiles:
    """An adapter read from disk, ready to be attached."""

    config: LoraConfig
    state: dict[str, torch.Tensor]

    @property
    def size_bytes(self) -> int:
        return sum(tensor.nbytes for tensor in self.state.values())


def read_adapter(folder: Path, dtype: torch.dtype) -> AdapterFiles:
    """The adapter in `folder`, its tensors in the base's dtype. Raises Invalid.

    Touches no model, so it runs on any thread while the model answers others.
    """
    if not (folder / "adapter_config.json").is_file() or not (folder / "adapter_model.safetensors").is_file():
        raise Invalid(f"{folder.name} is no LoRA adapter: adapter_config.json or adapter_model.safetensors is missing.")
    config = PeftConfig.from_pretrained(str(folder))
    if not isinstance(config, LoraConfig):
        raise Invalid(f"The adapter is of type {config.peft_type}; this engine serves LoRA adapters.")
    if config.modules_to_save or config.trainable_token_indices:
        raise Invalid("The adapter carries whole layers (modules_to_save). Merge it into its base and serve that.")
    config.inference_mode = True
    state = load_peft_weights(str(folder), device="cpu")
    return AdapterFiles(config, {name: tensor.to(dtype) for name, tensor in state.items()})


class AdapterRack:
    """The adapters of one base. All methods are for the thread that runs the model, between two steps.

    PEFT can pick adapters per row by `adapter_names`, which puts a hook on every layer for each forward pass and
    copies rows: 12 ms a token on a model of 30 layers that takes 28 ms. A request's rows share one adapter, so here
    all layers look at one list of active adapters instead, and choosing means writing a name into it.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model
        self._peft: PeftModel | None = None
        self._active: list[str] = []

    def attach(self, name: str, files: AdapterFiles) -> None:
        """Puts the adapter beside the others. Raises Invalid when it does not fit the base; nothing is left then."""
        try:
            self._add(name, files.config)
            outcome: Any = set_peft_model_state_dict(
                self._peft, dict(files.state), adapter_name=name, low_cpu_mem_usage=True
            )
            self._check(name, outcome.unexpected_keys)
        except (ValueError, RuntimeError, KeyError) as e:
            self.detach(name)
            raise Invalid(f"The adapter does not fit its base model {self._model.config.model_type}: {e}") from e
        except Invalid:
            self.detach(name)
            raise
        self._share_active()

    def detach(self, name: str) -> None:
        """Frees the adapter's memory; an unknown name is no error."""
        if self._peft is not None and name in self._peft.peft_config:
            self._peft.delete_adapter(name)
            self._share_active()

    def choose(self, name: str | None) -> None:
        """The next forward pass goes through this adapter, or through the base alone."""
        self._active[:] = [] if name is None else [name]

    def _add(self, name: str, config: LoraConfig) -> None:
        # Empty weights first: drawing random ones for 200 layers would hold up the requests that are running.
        if self._peft is None:
            self._peft = PeftModel(
                self._model, config, adapter_name=name, autocast_adapter_dtype=False, low_cpu_mem_usage=True
            )
            self._peft.eval()
        else:
            self._peft.add_adapter(name, config, low_cpu_mem_usage=True, autocast_adapter_dtype=False)

    def _check(self, name: str, unexpected: list[str]) -> None:
        assert self._peft is not None
        if unexpected:
            raise Invalid(f"The adapter has weights for layers that its base lacks, such as {unexpected[0]}.")
        empty = [key for key, p in self._peft.named_parameters() if f".{name}." in key and p.is_meta]
        if empty:
            raise Invalid(f"The adapter lacks weights that its settings announce, such as {empty[0]}.")

    def _share_active(self) -> None:
        for module in self._model.modules():
            if isinstance(module, BaseTunerLayer):
                module._active_adapter = self._active
