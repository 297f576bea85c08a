"""The callback that watches the training loop: figures of each step, held-out loss, checkpoints, and the stop."""

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from tunesmith.schemas.errors import Invalid
from tunesmith.schemas.training import CheckpointAnswer
from tunesmith.training import checkpoints
from tunesmith.training.health import Bounds, Health
from tunesmith.training.objective import HeldOutFigures
from tunesmith.training.progress import ProgressLog
from tunesmith.training.stopping import StopSwitch

if TYPE_CHECKING:
    from tunesmith.training.trainer import ResumableTrainer

Clock = Callable[[], float]
EPOCH_END_SHARE = 0.1
"""An epoch's end is a good place to save, once this share of the interval has passed."""
SPEED_WINDOW_STEPS = 20


@dataclass
class Watch:
    """What the loop is watched with. `probe` looks at a few held-out records, `full` at all; None when there are none.

    `publish(folder)` writes a servable model; `total_tokens` are those of the whole run, for the time that is left.
    """

    progress: ProgressLog
    switch: StopSwitch
    out: Path
    steps_per_epoch: int
    total_steps: int
    total_tokens: int
    interval_s: float
    publish: Callable[[Path], None]
    probe: Callable[[], HeldOutFigures] | None = None
    full: Callable[[], HeldOutFigures] | None = None
    full_takes_s: float = 0.0
    answers: Callable[[], list[CheckpointAnswer]] | None = None
    """What the model answers now to a few held-out prompts."""
    bounds: Bounds | None = None
    """The run as the rules of its health see it; None to leave them out."""
    base_loss: float | None = None
    """Over the held-out records, before the first step."""
    clock: Clock = time.monotonic


class LoopCallback(TrainerCallback):
    """Bound to its trainer after both exist: set `trainer`."""

    trainer: "ResumableTrainer"

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._step_began = watch.clock()
        self._began = watch.clock()
        self._saved_at = watch.clock()
        self._duration_before = 0.0
        self._health: Health | None = None
        self._recent: deque[tuple[int, float]] = deque(maxlen=SPEED_WINDOW_STEPS)
        self._tokens_seen = 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        now = self._watch.clock()
        self._began = self._saved_at = self._step_began = now
        self._duration_before = self.trainer.memory.duration_s
        self._judge()
        # What earlier attempts have done, roughly: only the time left is told from it.
        self._tokens_seen = round(self._watch.total_tokens * state.global_step / max(1, self._watch.total_steps))
        if state.global_step == 0:
            self.trainer.remember_rng()
        elif self._is_epoch_end(state) and self.trainer.memory.published_step < state.global_step:
            self._end_of_epoch(state)  # the stop came between the epoch's last step and its publication

    def _judge(self) -> None:
        """Health goes on with what an earlier attempt has seen."""
        watch, memory = self._watch, self.trainer.memory
        if watch.bounds is not None:
            warn = partial(watch.progress.message, level="warn")
            self._health = Health(watch.bounds, warn, memory.health)
            self._health.begin(watch.base_loss)

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.trainer.order.epoch = state.global_step // self._watch.steps_per_epoch

    def on_substep_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self._watch.switch.asked:
            control.should_training_stop = True

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.trainer.remember_rng()
        if self._watch.switch.asked:
            control.should_training_stop = True
        elif not self._is_epoch_end(state):
            control.should_save = self._save_is_due(1.0)

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        logs = kwargs["logs"]
        if "grad_norm" in logs:  # the loop logs once more at its end, with no step of its own
            self._tell_step(state, logs["learning_rate"], logs["grad_norm"])

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        whole = self._is_epoch_end(state)
        if whole and not self._watch.switch.asked:
            self._end_of_epoch(state)
        last = state.global_step >= self._watch.total_steps
        control.should_save = self._watch.switch.asked or (whole and not last and self._save_is_due(EPOCH_END_SHARE))
        self._step_began = self._watch.clock()

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        path = f"checkpoints/resume-{state.global_step}"
        if state.global_step == 0 or not (self._watch.out / path).is_dir():
            return
        self._saved_at = self._watch.clock()
        self._watch.progress.checkpoint("resume", state.global_step, path)
        checkpoints.keep_newest(self._watch.out / "checkpoints", "resume", checkpoints.KEPT)
        self._step_began = self._watch.clock()

    def _tell_step(self, state: Any, learning_rate: float, grad_norm: float) -> None:
        watch, counts, memory = self._watch, self.trainer.counts, self.trainer.memory
        now = watch.clock()
        took_s, tokens = max(1e-9, now - self._step_began), int(counts.tokens)
        self._recent.append((tokens, took_s))
        self._tokens_seen += tokens
        memory.duration_s = self._duration_before + now - self._began
        memory.train_loss = float(counts.loss_sum) / max(1, counts.units)
        _check_finite(memory.train_loss, state.global_step, learning_rate)
        if self._health is not None:
            self._health.step(state.global_step, memory.train_loss, grad_norm)
            memory.health = self._health.remember()
        values = {
            "train_loss": memory.train_loss,
            "train_mean_token_accuracy": int(counts.correct) / max(1, counts.units),
            "learning_rate": learning_rate,
            "tokens_per_second": tokens / took_s,
            "grad_norm": grad_norm,
        } | {f"train_{name}": float(total) / max(1, counts.units) for name, total in counts.others.items()}
        if watch.probe is not None and self._probe_is_due(state.global_step):
            seen = watch.probe()
            values |= {"valid_loss": seen.loss, "valid_mean_token_accuracy": seen.accuracy}
        watch.progress.metrics(state.global_step, values, total_steps=watch.total_steps, eta_s=self._eta_s(state))
        self.trainer.counts = type(counts)()
        self._step_began = watch.clock()

    def _probe_is_due(self, step: int) -> bool:
        every = max(10, self._watch.total_steps // 8)
        return step % every == 0 and step % self._watch.steps_per_epoch != 0

    def _eta_s(self, state: Any, *, after_evaluation: bool = False) -> float | None:
        watch = self._watch
        tokens, seconds = sum(t for t, _ in self._recent), sum(s for _, s in self._recent)
        if len(self._recent) < min(3, watch.total_steps) or tokens == 0:
            return None
        # Evaluations still to come: one at the end of each epoch that is not over.
        over = state.global_step // watch.steps_per_epoch if after_evaluation else self._epochs_begun(state) - 1
        evaluations = watch.total_steps // watch.steps_per_epoch - over
        return max(0, watch.total_tokens - self._tokens_seen) * seconds / tokens + evaluations * watch.full_takes_s

    def _epochs_begun(self, state: Any) -> int:
        return -(-state.global_step // self._watch.steps_per_epoch)

    def _end_of_epoch(self, state: Any) -> None:
        """Held-out loss over all records, and a checkpoint that can be served, with what it answers."""
        watch, step = self._watch, state.global_step
        memory = self.trainer.memory
        figures: dict[str, float] = {"train_loss": memory.train_loss}
        began = watch.clock()
        if watch.full is not None:
            seen = watch.full()
            full = {"full_valid_loss": seen.loss, "full_valid_mean_token_accuracy": seen.accuracy}
            figures |= full
            if self._health is not None:
                self._health.held_out(step, seen.loss)
            eta_s = self._eta_s(state, after_evaluation=True)
            watch.progress.metrics(step, full, total_steps=watch.total_steps, eta_s=eta_s)
        answers = watch.answers() if watch.answers is not None else []
        watch.full_takes_s = watch.clock() - began
        path = f"checkpoints/published-{step}"
        watch.publish(watch.out / path)
        watch.progress.checkpoint("published", step, path, figures, answers)
        checkpoints.keep_newest(watch.out / "checkpoints", "published", checkpoints.KEPT_PUBLISHED)
        memory.published_step = step
        if self._health is not None:
            memory.health = self._health.remember()

    def _is_epoch_end(self, state: Any) -> bool:
        return state.global_step > 0 and state.global_step % self._watch.steps_per_epoch == 0

    def _save_is_due(self, share: float) -> bool:
        return self._watch.clock() - self._saved_at >= share * self._watch.interval_s


def _check_finite(loss: float, step: int, learning_rate: float) -> None:
    if not math.isfinite(loss):
        raise Invalid(
            f"The loss is no longer a number at step {step} (learning rate {learning_rate:.2g}). "
            "Use a lower learning_rate or a longer warm-up.",
            param="learning_rate",
            code="diverged",
        )
