"""Looks at the held-out records with the model as it stands: before, at the ends of epochs, after."""

import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from tunesmith.training.base_model import Precision
from tunesmith.training.objective import BeginsWithModel, Columns, HeldOutFigures, Objective
from tunesmith.training.plan import Plan
from tunesmith.training.stopping import Stopped, StopSwitch

FEW = 8
"""Held-out records that are looked at between the ends of epochs."""


class Look:
    """Scores of the held-out sets; a stop that is asked for ends the look."""

    def __init__(self, model: Any, precision: Precision, plan: Plan, switch: StopSwitch) -> None:
        self._model, self._precision, self._plan, self._switch = model, precision, plan, switch
        self.scores: dict[str, Columns] = {}
        """Of the newest look at all."""
        self.took_s = 0.0

    @property
    def _objective(self) -> Objective:
        return self._plan.objective

    def begin(self) -> None:
        """Let an objective that must see the model as the run starts from it do so."""
        if isinstance(self._objective, BeginsWithModel):
            plan, objective = self._plan, self._objective
            rows = [*plan.rows, *(row for rows in plan.held_out.values() for row in rows)]
            with self._still():
                objective.begin(self._model, plan.numbers, rows, self._precision, self.stop)

    def at_all(self) -> dict[str, Columns]:
        began = time.monotonic()
        self.scores = {name: self._score(rows) for name, rows in self._plan.held_out.items()}
        self.took_s = time.monotonic() - began
        return self.scores

    def at_all_in_sum(self) -> HeldOutFigures:
        return self._objective.figures(list(self.at_all().values()))

    def at_a_few(self) -> HeldOutFigures:
        each = max(1, FEW // len(self._plan.held_out))
        rows = [row for rows in self._plan.held_out.values() for row in rows[:each]]
        return self._objective.figures([self._score(rows)])

    def forget(self) -> None:
        self.scores = {}

    def _score(self, rows: Sequence[Any]) -> Columns:
        with self._still():
            return self._objective.score(self._model, rows, self._precision, self.stop)

    @contextmanager
    def _still(self) -> Generator[None]:
        """In eval mode, without gradients, in the run's precision."""
        was_training = self._model.training
        self._model.eval()
        try:
            with torch.inference_mode(), self._precision.context():
                yield
        finally:
            self._model.train(was_training)

    def stop(self) -> None:
        """Raises Stopped when the run was asked to stop."""
        if self._switch.asked:
            raise Stopped
