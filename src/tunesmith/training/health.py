"""What is wrong with a run while it can still be changed: each thing is named once, with what to change.

The rules look at the training loss of each step, the norm of its gradient before clipping, and the held-out loss at the
ends of epochs. Each rule's bounds stand below; they are wide enough that the noise of ordinary batches does not pass
them. A loss that is no number at all ends the run (`watch.py`); the rest are warnings.
"""

import math
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

FEW_STEPS = 10
"""Fewer optimiser steps than this change little."""
START_RECORDS, SMOOTHED_RECORDS = 8, 32
"""Records whose mean loss is the start, and at least so many that are smoothed over."""
DIVERGED_SHARE, DIVERGED_LEAST = 0.5, 1.0
"""Diverging: the smoothed loss is above its start by half of it, at least by 1.0 ..."""
DIVERGED_STEPS = 5
"""... for so many steps in a row."""
FLAT_SHARE, FALLEN_SHARE = 0.05, 0.01
"""Flat: by half of the run (and at three quarters, and at the end) the loss surely fell by less than the first share
and did not surely fall by more than the second. Where batches are too noisy to tell, nothing is told."""
FLAT_ERRORS = 2.0
"""Sure: beyond so many standard errors."""
FLAT_FEWEST = 20
"""Steps before which nothing is called flat."""
LEARNED = 0.05
"""A loss below this has nowhere to fall."""
WINDOW_SHARE, WINDOW_LEAST, WINDOW_MOST = 0.2, 5, 200
"""Steps at either end that are compared: a fifth of the run, within these bounds."""
OVERFITTING_SHARE, OVERFITTING_LEAST = 0.02, 0.02
"""Overfitting: the held-out loss is above its best by this share, at least by so much, and the training loss fell."""
EXPLODING = 20.0
"""Exploding: the gradient's norm is so many times its usual one (the median) and is clipped ..."""
EXPLODING_STEPS, EXPLODING_WITHIN = 3, 10
"""... in three of ten steps."""
NORMS_KEPT = 100


@dataclass
class Seen:
    """What the rules remember; it goes into resume checkpoints, so that a resumed run judges and tells the same."""

    told: list[str] = field(default_factory=list[str])
    first: list[float] = field(default_factory=list[float])
    last: list[float] = field(default_factory=list[float])
    norms: list[float] = field(default_factory=list[float])
    above: int = 0
    """Steps in a row with the smoothed loss above its bound."""
    epoch: list[float] = field(default_factory=lambda: [0.0, 0.0])
    """Sum and number of the training losses since the last look at the held-out records."""
    best: tuple[int, float, float | None] | None = None
    """Step, held-out loss and mean training loss of the best look; at step 0 nothing was trained on yet."""


@dataclass(frozen=True)
class Bounds:
    """The run as the rules see it."""

    total_steps: int
    batch_size: int
    max_grad_norm: float

    @property
    def window(self) -> int:
        """Steps at either end of the run that are compared."""
        return min(WINDOW_MOST, max(WINDOW_LEAST, math.ceil(WINDOW_SHARE * self.total_steps)))

    @property
    def smoothed(self) -> int:
        """Steps that are smoothed over."""
        return max(WINDOW_LEAST, math.ceil(SMOOTHED_RECORDS / self.batch_size))

    @property
    def start(self) -> int:
        """Steps whose mean is the start: as a rule the first alone, whose loss is the base's own."""
        return math.ceil(START_RECORDS / self.batch_size)

    @property
    def flat_at(self) -> frozenset[int]:
        """Steps at which the loss is judged flat or not."""
        return frozenset(math.ceil(self.total_steps * share) for share in (0.5, 0.75, 1.0))


class Health:
    """Fed by the training loop; `tell` hears each warning."""

    def __init__(self, bounds: Bounds, tell: Callable[[str], None], remembered: dict[str, Any] | None = None) -> None:
        self._bounds, self._tell = bounds, tell
        self._seen = _seen(remembered) if remembered else Seen()

    def remember(self) -> dict[str, Any]:
        """What a resumed run must know, as JSON holds it."""
        return asdict(self._seen)

    def begin(self, held_out_loss: float | None) -> None:
        """Before the first step; `held_out_loss` is the base's."""
        if self._bounds.total_steps < FEW_STEPS:
            self._say(
                "few_steps",
                f"The run has only {self._bounds.total_steps} steps, too few to change much. Raise n_epochs, lower "
                "batch_size, or add records.",
            )
        if held_out_loss is not None and self._seen.best is None:
            self._seen.best = (0, held_out_loss, None)

    def step(self, step: int, loss: float, grad_norm: float) -> None:
        """One optimiser step: mean training loss and the gradient's norm before clipping."""
        seen, bounds = self._seen, self._bounds
        if len(seen.first) < max(bounds.window, bounds.start):
            seen.first.append(loss)
        seen.last = [*seen.last, loss][-max(bounds.window, bounds.smoothed) :]
        seen.epoch = [seen.epoch[0] + loss, seen.epoch[1] + 1]
        self._diverging(step)
        self._exploding(step, grad_norm)
        if step in bounds.flat_at and step >= FLAT_FEWEST:
            self._flat(step)

    def held_out(self, step: int, loss: float) -> None:
        """The loss over all held-out records at the end of an epoch, whose checkpoint is published."""
        seen = self._seen
        if not seen.epoch[1]:
            return
        trained = seen.epoch[0] / seen.epoch[1]
        seen.epoch = [0.0, 0.0]
        if seen.best is None or loss < seen.best[1]:
            seen.best = (step, loss, trained)
            return
        best_step, best, trained_then = seen.best
        if trained_then is None:
            trained_then = statistics.fmean(seen.first[: self._bounds.start])
        if loss >= best + max(OVERFITTING_LEAST, OVERFITTING_SHARE * best) and trained < trained_then:
            self._say("overfitting", _overfitting(best_step, best, step, loss))

    def _diverging(self, step: int) -> None:
        seen, bounds = self._seen, self._bounds
        if len(seen.first) < bounds.start or step <= bounds.start:
            return
        start = statistics.fmean(seen.first[: bounds.start])
        now = statistics.fmean(seen.last[-min(bounds.smoothed, step - bounds.start) :])
        bound = start + max(DIVERGED_LEAST, DIVERGED_SHARE * start)
        seen.above = seen.above + 1 if now > bound else 0
        if seen.above >= DIVERGED_STEPS:
            self._say(
                "diverging",
                f"The loss diverges: {now:.3g} at step {step}, from {start:.3g} at the start. Cancel the job and start "
                "it with a learning_rate a tenth of this one, or with more warmup_steps.",
            )

    def _exploding(self, step: int, norm: float) -> None:
        seen = self._seen
        usual = seen.norms[:-EXPLODING_WITHIN]
        seen.norms = [*seen.norms, norm if math.isfinite(norm) else 1e30][-NORMS_KEPT:]
        if len(usual) < EXPLODING_WITHIN:
            return
        bound = max(self._bounds.max_grad_norm, EXPLODING * statistics.median(usual))
        if sum(n > bound for n in seen.norms[-EXPLODING_WITHIN:]) >= EXPLODING_STEPS:
            self._say(
                "exploding",
                f"The gradient explodes: its norm is {norm:.3g} at step {step} and was {statistics.median(usual):.3g} "
                "before. Lower learning_rate or max_grad_norm, and look for odd records in the data check-up.",
            )

    def _flat(self, step: int) -> None:
        if "diverging" in self._seen.told:
            return
        first, last = self._seen.first[: self._bounds.window], self._seen.last[-self._bounds.window :]
        began, now = statistics.fmean(first), statistics.fmean(last)
        error = math.sqrt(statistics.variance(first) / len(first) + statistics.variance(last) / len(last))
        most, least = began - now + FLAT_ERRORS * error, began - now - FLAT_ERRORS * error
        if began < LEARNED or most >= FLAT_SHARE * began or least > FALLEN_SHARE * began:
            return
        self._say(
            "flat",
            f"The loss stays flat: {began:.3g} at the start, {now:.3g} at step {step} of {self._bounds.total_steps}. "
            "Either learning_rate is too low (try ten times this one) or the answers do not follow from the prompts: "
            "look at some records, and whether labels are mixed up.",
        )

    def _say(self, what: str, text: str) -> None:
        if what not in self._seen.told:
            self._seen.told.append(what)
            self._tell(text)


def _seen(remembered: dict[str, Any]) -> Seen:
    seen = Seen(**remembered)
    if seen.best is not None:
        seen.best = (seen.best[0], seen.best[1], seen.best[2])  # JSON made a list of it
    return seen


def _overfitting(best_step: int, best: float, step: int, now: float) -> str:
    risen = f"the held-out loss was lowest there ({best:.3g}) and is {now:.3g} at step {step}, while training loss fell"
    if best_step == 0:
        return (
            f"Overfitting since the start: {risen}. The base does better on what it has not seen: use a lower "
            "learning_rate, fewer n_epochs, or more and more varied records."
        )
    return (
        f"Overfitting since step {best_step}: {risen}. The checkpoint of step {best_step} is published and kept: use "
        "it, or train with fewer n_epochs, a lower learning_rate or more records."
    )
