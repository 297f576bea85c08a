"""A job as a person reads it: `tunesmith jobs show`."""

from typing import TYPE_CHECKING

from tunesmith.cli.command import Cli
from tunesmith.cli.words import duration, size, when

if TYPE_CHECKING:
    from tunesmith.schemas.jobs import Job, JobResources


def show_job(cli: Cli, job: "Job") -> None:
    if cli.as_json:
        cli.json(job)
        return
    settings = {
        name: value for name, value in job.hyperparameters.model_dump().items() if value is not None and value != "auto"
    }
    cli.fields(
        [
            ("id", job.id),
            ("name", job.name),
            ("status", job.status),
            ("waits", job.queue.message if job.queue else None),
            ("error", job.error.message if job.error else None),
            ("base model", job.model),
            ("model", job.fine_tuned_model),
            ("task", f"{job.task}, {job.adaptation}"),
            ("training file", job.training_file),
            ("data set", f"{job.dataset.name}, version {job.dataset.version}" if job.dataset else None),
            ("validation file", job.validation_file),
            ("progress", f"{done(job)} {job.progress.phase or ''}".strip()),
            ("settings", ", ".join(f"{name} {value}" for name, value in settings.items())),
            ("seed", job.seed),
            ("trained tokens", f"{job.trained_tokens:,}" if job.trained_tokens else None),
            ("attempts", job.attempts or None),
            ("priority", job.priority if job.priority != "normal" else None),
            ("result", _headline(job)),
            ("cost", f"{job.cost.value:.2f}" if job.cost and job.cost.price_per_hour else None),
            ("worked", duration(job.cost.worker_s) if job.cost else None),
            ("worker", job.worker),
            ("uses", _uses(job.resources)),
            ("result files", ", ".join(job.result_files)),
            ("created", when(job.created_at)),
            ("finished", when(job.finished_at)),
        ]
    )


def _headline(job: "Job") -> str | None:
    found = job.headline
    if found is None:
        return None
    before = f", before {found.before:.4g}" if found.before is not None else ""
    return f"{found.metric} {found.value:.4g}{before} ({found.set.replace('_', ' ')})"


def done(job: "Job") -> str:
    if job.status == "running":
        left = f", {duration(job.eta_s)} left" if job.eta_s is not None else ""
        return f"{job.progress.percent:.0f} %{left}"
    return "100 %" if job.status == "succeeded" else "-"


def _uses(used: "JobResources | None") -> str | None:
    """Such as: 1.9 cores, 2.3 GB; GPU 87 %, 31.0 GB."""
    if used is None:
        return None
    gpu = "" if used.gpu_percent is None else f"; GPU {used.gpu_percent:.0f} %, {size(used.gpu_memory_bytes or 0)}"
    return f"{used.cpu_percent / 100:.1f} cores, {size(used.memory_bytes)}{gpu}"
