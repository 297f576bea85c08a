"""Jobs, logs and checkpoints as they are shown."""

from typing import Literal, cast

from tunesmith.schemas.jobs import (
    Job,
    JobCheckpoint,
    JobError,
    JobLog,
    JobProgress,
    JobResources,
    JobStatus,
    ShownHyperparameters,
    ShownMethod,
    ShownSupervised,
)
from tunesmith.schemas.shape import Adaptation, Task, TrainingMethod
from tunesmith.schemas.training import CheckpointAnswer
from tunesmith.server.clock import epoch_s
from tunesmith.server.jobs.facts import Facts
from tunesmith.server.jobs.tables import RANKS, JobLogRow, JobRow
from tunesmith.server.models.tables import CheckpointRow

PRIORITIES = {rank: priority for priority, rank in RANKS.items()}
"""By their stored rank."""


def shown(row: JobRow, facts: Facts) -> Job:
    """OpenAI's job object with our extensions."""
    status = JobStatus(row.status)
    hyperparameters = _hyperparameters(row)
    running = status is JobStatus.RUNNING
    return Job(
        id=row.id,
        created_at=epoch_s(row.created_at),
        finished_at=epoch_s(row.finished_at) if row.finished_at else None,
        model=row.model,
        fine_tuned_model=row.fine_tuned_model,
        organization_id=row.organization,
        status=status,
        hyperparameters=hyperparameters,
        training_file=row.training_file,
        validation_file=row.validation_file,
        result_files=[row.result_file] if row.result_file else [],
        trained_tokens=row.trained_tokens,
        error=JobError.model_validate(row.error) if row.error else None,
        seed=row.seed,
        method=_method(row, hyperparameters),
        metadata=row.labels,
        estimated_finish=epoch_s(facts.now) + int(row.eta_s) if running and row.eta_s is not None else None,
        user_provided_suffix=row.suffix,
        task=Task(row.task),
        adaptation=Adaptation(row.adaptation),
        backend=row.backend,
        provider=row.provider,
        validation_split=row.validation_split,
        output_model=row.delivery["repo"] if row.delivery else None,
        progress=_progress(row, status),
        eta_s=row.eta_s if running else None,
        attempts=row.attempts,
        worker=row.worker_id if running else None,
        resources=JobResources(**row.resources) if running and row.resources else None,
        name=row.name,
        priority=PRIORITIES[row.priority],
        owner=facts.owners[row.id],
        project=facts.projects[row.id],
        base_model=row.base["key"],
        dataset=facts.datasets.get(row.id),
        queued_at=epoch_s(row.queued_at) if row.queued_at else None,
        started_at=epoch_s(row.started_at) if row.started_at else None,
        pause_requested=row.pause_requested,
        queue=facts.queues.get(row.id),
        cost=facts.costs.get(row.id),
        headline=facts.headlines.get(row.id),
        sparkline=facts.sparklines.get(row.id),
    )


def _method(row: JobRow, hyperparameters: ShownHyperparameters) -> ShownMethod:
    method, shown = TrainingMethod(row.method), ShownSupervised(hyperparameters=hyperparameters)
    if method is TrainingMethod.DPO:
        return ShownMethod(type=method, dpo=shown)
    return ShownMethod(type=method, supervised=shown)


def _hyperparameters(row: JobRow) -> ShownHyperparameters:
    """The numbers used once the run has told them; before, what was asked."""
    names = ShownHyperparameters.model_fields
    if row.hyperparameters is not None:
        return ShownHyperparameters(**{k: v for k, v in row.hyperparameters.items() if k in names})
    first = ("n_epochs", "batch_size", "learning_rate_multiplier")
    given = {k: v for k, v in row.wanted.items() if k in names and (k in first or v != "auto")}
    return ShownHyperparameters(**given)


def _progress(row: JobRow, status: JobStatus) -> JobProgress:
    percent = 0.0
    if status is JobStatus.SUCCEEDED:
        percent = 100.0
    elif row.total_steps:
        percent = round(100.0 * min(row.step, row.total_steps) / row.total_steps, 2)
    return JobProgress(phase=row.phase, step=row.step, total_steps=row.total_steps, percent=percent)


def shown_checkpoint(row: CheckpointRow) -> JobCheckpoint:
    """OpenAI's checkpoint object; figures are floats, and what is unknown is left out."""
    metrics = {k: float(v) for k, v in row.metrics.items() if v is not None}
    return JobCheckpoint(
        id=row.id,
        created_at=epoch_s(row.created_at),
        fine_tuned_model_checkpoint=row.name or "",
        fine_tuning_job_id=row.job_id,
        step_number=row.step,
        metrics=metrics,
        answers=[CheckpointAnswer.model_validate(a) for a in row.answers],
    )


def shown_log(row: JobLogRow) -> JobLog:
    return JobLog(
        id=log_id(row.job_id, row.epoch, row.seq),
        created_at=epoch_s(row.created_at),
        stream=cast("Literal['stdout', 'stderr', 'worker']", row.stream),
        text=row.text,
    )


def log_id(job_id: str, epoch: int, seq: int) -> str:
    """`ftlog-<the job's letters>-<epoch>-<seq>`."""
    return f"ftlog-{job_id.removeprefix('ftjob-')}-{epoch}-{seq}"
