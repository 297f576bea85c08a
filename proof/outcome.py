"""One run from its data to its judgement."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from proof.child import Measured, RunFailed, train
from proof.data import Files
from proof.judge import Judged, judge
from proof.runs import Bar, Run
from tunesmith.base_models.catalog import load_catalog
from tunesmith.schemas.estimates import JobEstimate
from tunesmith.schemas.models import Comparison
from tunesmith.schemas.training import Hyperparameters, TrainingSpec


@dataclass(frozen=True)
class Cost:
    """What a run took, and what had been estimated; 0 where no estimate was asked."""

    wall_s: float
    cpu_s: float
    peak_memory_bytes: int
    estimated_s: float
    estimated_bytes: float

    @property
    def time_percent(self) -> float:
        """By which the run needed more than estimated."""
        return 100 * (self.wall_s / self.estimated_s - 1) if self.estimated_s else 0.0

    @property
    def memory_percent(self) -> float:
        """By which the run needed more than estimated."""
        return 100 * (self.peak_memory_bytes / self.estimated_bytes - 1) if self.estimated_bytes else 0.0


@dataclass(frozen=True)
class Outcome:
    """What came of a run. Without `judged` it did not end well, and `fault` says why."""

    name: str
    task: str
    base: str
    method: str
    adaptation: str
    seed: int
    cost: Cost | None
    judged: list[Judged] = field(default_factory=list[Judged])
    comparisons: list[Comparison] = field(default_factory=list[Comparison])
    phases: list[Any] = field(default_factory=list[Any])
    metrics: dict[str, float] = field(default_factory=dict[str, float])
    fault: str = ""

    @property
    def passed(self) -> bool:
        return bool(self.judged) and all(judged.passed for judged in self.judged)


def numbers_of(run: Run, *, quick: bool) -> dict[str, Any]:
    """The hyperparameters that the run is given."""
    return run.hyperparameters | (run.quick if quick else {})


def bars_of(run: Run, *, quick: bool) -> list[Bar]:
    """What the run is held against; a quick one must only come to its end with its comparisons."""
    return [replace(bar, gain=0.0, verdict="any") for bar in run.bars] if quick else run.bars


def spec_of(run: Run, files: Files, *, quick: bool) -> TrainingSpec:
    """The run as the training program reads it."""
    return TrainingSpec(
        job_id=f"proof-{run.name}",
        task=run.task,
        method=run.method,
        adaptation=run.adaptation,
        base=load_catalog().get(run.base),
        training_file=files.training,
        validation_file=files.validation,
        validation_split=run.validation_split,
        hyperparameters=Hyperparameters.model_validate(numbers_of(run, quick=quick)),
        seed=run.seed,
    )


def carry_out(run: Run, files: Files, folder: Path, estimate: JobEstimate | None, *, quick: bool) -> Outcome:
    """Train it, and hold what it found against its bars."""
    common: dict[str, Any] = {
        "name": run.name,
        "task": run.task.value,
        "base": run.base,
        "method": run.method.value,
        "adaptation": run.adaptation.value,
        "seed": run.seed,
    }
    try:
        measured = train(spec_of(run, files, quick=quick), folder)
    except RunFailed as error:
        return Outcome(**common, cost=None, fault=str(error))
    found = measured.result.comparisons
    return Outcome(
        **common,
        cost=_cost(measured, estimate),
        judged=judge(bars_of(run, quick=quick), found),
        comparisons=found,
        phases=measured.phases,
        metrics=measured.result.metrics,
    )


def _cost(measured: Measured, estimate: JobEstimate | None) -> Cost:
    return Cost(
        wall_s=measured.wall_s,
        cpu_s=measured.cpu_s,
        peak_memory_bytes=measured.peak_memory_bytes,
        estimated_s=estimate.time_s.value - estimate.fetch_s if estimate else 0.0,
        estimated_bytes=estimate.peak_memory_bytes.value if estimate else 0.0,
    )
