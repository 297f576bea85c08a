"""What the run says while it runs: one JSON line each in `out/progress.jsonl`, flushed at once, and a line for a
person on stdout."""

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from tunesmith.schemas.datasets import Checkup
from tunesmith.schemas.training import (
    CheckpointAnswer,
    MetricPoint,
    ResolvedHyperparameters,
    RunCheckpoint,
    RunCheckup,
    RunEvent,
    RunMessage,
    RunMetrics,
    RunPhase,
    RunStarted,
)

TOLD_BEFORE = ("truncated", "left_out")
"""Findings that were events already when the records became tokens."""
Level = Literal["info", "warn", "error"]


class ProgressLog:
    """Appends progress lines; each is complete on disk's side before the call returns."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._file = path.open("ab", buffering=0)
        self._clock = clock

    def phase(self, phase: str) -> None:
        self._write(RunPhase(phase=phase))
        _log(phase.replace("_", " "))

    def started(
        self,
        *,
        hyperparameters: ResolvedHyperparameters,
        total_steps: int,
        n_train: int,
        n_held_out: int,
        trained_tokens_per_epoch: int,
        split_note: str,
    ) -> None:
        self._write(
            RunStarted(
                hyperparameters=hyperparameters,
                total_steps=total_steps,
                n_train=n_train,
                n_held_out=n_held_out,
                trained_tokens_per_epoch=trained_tokens_per_epoch,
                split_note=split_note,
            )
        )
        _log(f"{n_train} records to train on, {n_held_out} held out, {total_steps} steps. {split_note}")

    def metrics(self, step: int, values: dict[str, float], *, total_steps: int, eta_s: float | None) -> None:
        point = MetricPoint(step=step, values=values, at=self._clock())
        self._write(RunMetrics(point=point, total_steps=total_steps, eta_s=eta_s))
        shown = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
        left = "" if eta_s is None else f"  about {eta_s:.0f} s left"
        _log(f"step {step}/{total_steps}  {shown}{left}")

    def checkpoint(
        self,
        kind: Literal["resume", "published"],
        step: int,
        path: str,
        metrics: dict[str, float] | None = None,
        answers: Sequence[CheckpointAnswer] = (),
    ) -> None:
        self._write(RunCheckpoint(kind=kind, step=step, path=path, metrics=metrics or {}, answers=list(answers)))
        _log(f"{kind} checkpoint of step {step} in {path}")

    def checkup(self, checkup: Checkup) -> None:
        """What was found in the data; findings that a person should look at are events too."""
        self._write(RunCheckup(checkup=checkup))
        for finding in checkup.findings:
            if finding.level != "info" and finding.code not in TOLD_BEFORE:
                self.message(f"{finding.message} {finding.fix}", level=finding.level)

    def message(self, text: str, *, level: Level = "info") -> None:
        self._write(RunMessage(event=RunEvent(at=self._clock(), level=level, message=text[:4096])))
        _log(text)

    def close(self) -> None:
        self._file.close()

    def _write(self, line: RunPhase | RunStarted | RunMetrics | RunCheckpoint | RunMessage | RunCheckup) -> None:
        self._file.write(line.model_dump_json().encode() + b"\n")


def _log(text: str) -> None:
    print(text, file=sys.stdout, flush=True)
