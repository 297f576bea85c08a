"""Memory that the C library holds in gaps goes back to the system at each epoch's end.

Batches of many lengths leave gaps that fit no later batch: a run's memory grew by 0.12 GB an epoch (docs/log.md).
"""

import ctypes
from typing import Any

from transformers import TrainerCallback


class ReleasedHeap(TrainerCallback):
    """Gives back before the first step and after each epoch; a C library other than glibc is left alone."""

    def __init__(self) -> None:
        self._trim = getattr(ctypes.CDLL(None), "malloc_trim", None)

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._give_back()

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._give_back()

    def _give_back(self) -> None:
        if self._trim is not None:
            self._trim(0)
