"""Looks at the held-out records with the model as it stands: before, at the ends of epochs, after."""

import time
from typing import Any, cast

from tunesmith.training.base_model import Base
from tunesmith.training.data import Row
from tunesmith.training.evaluate import Scores, score
from tunesmith.training.plan import Plan
from tunesmith.training.stopping import Stopped, StopSwitch
from tunesmith.training.watch import HeldOutFigures

FEW = 8
"""Held-out records that are looked at between the ends of epochs."""


class Look:
    """Scores of the held-out sets; a stop that is asked for ends the look."""

    def __init__(self, model: Any, base: Base, plan: Plan, switch: StopSwitch) -> None:
        self._model, self._base, self._plan, self._switch = model, base, plan, switch
        self.scores: dict[str, Scores] = {}
        """Of the newest look at all."""
        self.took_s = 0.0

    def at_all(self) -> dict[str, Scores]:
        began = time.monotonic()
        self.scores = {name: self._score(rows) for name, rows in self._plan.held_out.items()}
        self.took_s = time.monotonic() - began
        return self.scores

    def at_all_in_sum(self) -> HeldOutFigures:
        return summed(list(self.at_all().values()))

    def at_a_few(self) -> HeldOutFigures:
        each = max(1, FEW // len(self._plan.held_out))
        rows = [row for rows in self._plan.held_out.values() for row in rows[:each]]
        return summed([self._score(rows)])

    def forget(self) -> None:
        self.scores = {}

    def _score(self, rows: list[Row]) -> Scores:
        pad_id = cast(int, self._base.tokenizer.pad_token_id)
        return score(self._model, rows, pad_id, self._base.precision, stop=self._stop)

    def _stop(self) -> None:
        if self._switch.asked:
            raise Stopped


def summed(scores: list[Scores]) -> HeldOutFigures:
    tokens = max(1.0, sum(float(s.tokens.sum()) for s in scores))
    nll, correct = sum(float(s.nll.sum()) for s in scores), sum(float(s.correct.sum()) for s in scores)
    return HeldOutFigures(loss=nll / tokens, accuracy=correct / tokens)
