"""Runs in this process, one that is stopped among them, and what a run has said."""

from pathlib import Path
from typing import Any

from tunesmith.schemas.training import TrainingResult, TrainingSpec
from tunesmith.training.progress import ProgressLog
from tunesmith.training.run import run_job
from tunesmith.training.stopping import StopSwitch

Lines = list[dict[str, Any]]


class SwitchAt(StopSwitch):
    """Is asked to stop from its n-th look on. The loop looks after each micro-batch and at each step's end."""

    def __init__(self, n: int) -> None:
        self._looks = 0
        self._n = n
        super().__init__()

    @property
    def asked(self) -> bool:  # type: ignore[override]
        self._looks += self._deferred
        return self._looks >= self._n

    @asked.setter
    def asked(self, value: bool) -> None:
        pass


def run(spec: TrainingSpec, out: Path, switch: StopSwitch | None = None) -> TrainingResult:
    out.mkdir(exist_ok=True)
    log = ProgressLog(out / "progress.jsonl")
    try:
        return run_job(spec, out, log, switch or StopSwitch())
    finally:
        log.close()


def said(progress: Lines) -> str:
    return "\n".join(line["event"]["message"] for line in progress if line["type"] == "message")
