"""What finished runs of the project say about the calculated figures: how far off they were, how much that varies."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from tunesmith.base_models.bill import Bill, Machine, Workload, bill
from tunesmith.base_models.costs import load_costs, shape_of
from tunesmith.schemas.datasets import FileReport
from tunesmith.schemas.estimates import Device, Range
from tunesmith.schemas.models import BaseModelEntry
from tunesmith.schemas.shape import Adaptation, Task, TrainingMethod
from tunesmith.schemas.training import ResolvedHyperparameters
from tunesmith.server.accounts.auth import Caller
from tunesmith.server.accounts.scope import owned
from tunesmith.server.datasets.tables import FileRow
from tunesmith.server.jobs.submission import Draft
from tunesmith.server.jobs.tables import AttemptRow, JobRow, WorkerRow
from tunesmith.server.models.tables import ModelVersionRow

NEWEST = 20
"""Runs that are looked at."""
SURE_FROM = 3
"""Runs from which on their own spread decides the bounds."""
SPREAD = 1.4826 * 1.645
"""From the median absolute deviation to the half-width that holds 90 % of a normal distribution."""
MOST = 5.0
"""A correction is at most this factor either way: more means that something else was the matter."""


@dataclass(frozen=True)
class Seen:
    """One finished run: measured over calculated."""

    device: Device
    memory_ratio: float
    time_ratio: float


@dataclass(frozen=True)
class Correction:
    """Factors on the calculated figures, and those between a figure and its bounds."""

    n_runs: int
    memory_factor: float
    time_factor: float
    memory_bound: float
    time_bound: float

    def memory(self, calculated_bytes: float) -> Range:
        value = calculated_bytes * self.memory_factor
        return Range(value=round(value), low=round(value / self.memory_bound), high=round(value * self.memory_bound))

    def time(self, calculated: Bill, fetch_s: float) -> Range:
        """Seconds; starting and fetching are not corrected by the speed of training."""
        fixed = (
            calculated.time["start"]
            + calculated.time["saving"]
            + calculated.time["proving"]
            + calculated.time["answering"]
        )
        value = fixed + (calculated.time_s - fixed) * self.time_factor
        high = value * self.time_bound + 2 * fetch_s
        low = value / self.time_bound + fetch_s / 2
        return Range(value=round(value + fetch_s, 1), low=round(low, 1), high=round(high, 1))


@dataclass(frozen=True)
class History:
    """Finished runs of the same base, task, method and adaptation, newest first."""

    seen: Sequence[Seen]

    def correction(self, device: Device) -> Correction:
        """From the runs on this kind of device."""
        bounds = load_costs().bounds
        unmeasured = "_unmeasured" if device == "gpu" else ""
        runs = [each for each in self.seen if each.device == device]
        memory_factor, memory_bound = _factor(
            [each.memory_ratio for each in runs], bounds[f"memory{unmeasured}"], bounds["memory_known"]
        )
        time_factor, time_bound = _factor(
            [each.time_ratio for each in runs], bounds[f"time{unmeasured}"], bounds["time_known"]
        )
        return Correction(len(runs), memory_factor, time_factor, memory_bound, time_bound)


async def read(session: AsyncSession, caller: Caller, draft: Draft) -> History:
    """The runs that the draft can learn from: those that one attempt finished, so that their figures are whole."""
    row = draft.row
    statement = (
        owned(select(ModelVersionRow, JobRow, FileRow, WorkerRow), ModelVersionRow, caller)
        .join(JobRow, JobRow.id == ModelVersionRow.job_id)
        .join(FileRow, FileRow.id == JobRow.training_file)
        .join(AttemptRow, (AttemptRow.job_id == JobRow.id) & (AttemptRow.outcome == "succeeded"))
        .outerjoin(WorkerRow, WorkerRow.id == AttemptRow.worker_id)
        .where(
            ModelVersionRow.base_model == draft.choice.entry.key,
            JobRow.task == row.task,
            JobRow.method == row.method,
            JobRow.adaptation == row.adaptation,
            JobRow.attempts == 1,
        )
        .order_by(ModelVersionRow.created_at.desc())
        .limit(NEWEST)
    )
    found = (await session.execute(statement)).all()
    runs = {version.id: _seen(version, job, file, worker) for version, job, file, worker in reversed(found)}
    return History([each for each in reversed(runs.values()) if each is not None])


def _seen(version: ModelVersionRow, job: JobRow, file: FileRow, worker: WorkerRow | None) -> Seen | None:
    """Measured over calculated; None where the run did not leave the figures."""
    metrics = version.metrics
    training_s, speed = metrics.get("training_s"), metrics.get("tokens_per_second")
    on_gpu = "peak_gpu_memory_bytes" in metrics
    memory_bytes = metrics.get("peak_gpu_memory_bytes" if on_gpu else "peak_memory_bytes")
    if not (training_s and speed and memory_bytes and job.hyperparameters and file.report):
        return None
    report = FileReport.model_validate(file.report)
    work = _workload(job, report, total_tokens=training_s * speed)
    if work is None:
        return None
    told = worker.capabilities if worker is not None else {}
    gpu = told.get("gpu") or "GPU" if on_gpu else None
    machine = Machine(
        told.get("cpu_count", Machine.cpu_count),
        told.get("memory_bytes", Machine.memory_bytes),
        gpu,
        told.get("gpu_memory_bytes"),
    )
    calculated = bill(work, machine)
    # The loop's own time holds every evaluation but the first and the last.
    looks = work.numbers.n_epochs + 1
    loop_s = calculated.time["training"] + calculated.time["evaluating"] * (looks - 2) / looks
    return Seen("gpu" if on_gpu else "cpu", memory_bytes / calculated.memory_bytes, training_s / max(1e-3, loop_s))


def _workload(job: JobRow, report: FileReport, *, total_tokens: float) -> Workload | None:
    """What that run computed: its tokens as it counted them, its lengths by the file's report."""
    if report.length is None or report.n_records == 0:
        return None
    numbers = ResolvedHyperparameters.model_validate(job.hyperparameters)
    n_held_out = round(report.n_records * job.validation_split)
    n_train = max(1, report.n_records - n_held_out)
    mean_tokens = total_tokens / numbers.n_epochs / n_train
    longest = mean_tokens * report.length.maximum * report.n_records / max(1, report.length.total)
    entry = BaseModelEntry.model_validate(job.base)
    return Workload(
        shape=shape_of(entry),
        task=Task(job.task),
        method=TrainingMethod(job.method),
        adaptation=Adaptation(job.adaptation),
        numbers=numbers,
        n_train=n_train,
        n_held_out=n_held_out,
        mean_tokens=mean_tokens,
        longest_tokens=max(1, min(numbers.max_seq_len, round(longest))),
        trained_share=load_costs().text.trained_share if job.task == Task.CHAT else 1.0,
    )


def _factor(ratios: list[float], bound: float, bound_known: float) -> tuple[float, float]:
    """The correction and the factor to its bounds.

    The median, since one run on a busy machine must not decide; with few runs it is drawn towards the calibration.
    """
    if not ratios:
        return 1.0, bound
    logs = [math.log(min(MOST, max(1 / MOST, ratio))) for ratio in ratios]
    middle = statistics.median(logs)
    factor = math.exp(middle * len(logs) / (len(logs) + 1))
    if len(logs) < SURE_FROM:
        return factor, math.sqrt(bound * bound_known)
    spread = SPREAD * statistics.median([abs(each - middle) for each in logs])
    return factor, max(bound_known, math.exp(spread))
