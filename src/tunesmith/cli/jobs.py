"""`tunesmith jobs`: ls, show, watch, logs, checkup, checkpoints, cancel, pause, resume."""

from typing import TYPE_CHECKING, Annotated

import typer

from tunesmith.cli.checkup import show_checkpoint, show_checkup
from tunesmith.cli.command import Cli, client_command
from tunesmith.cli.follow import follow, require_success
from tunesmith.cli.words import duration, size, when

if TYPE_CHECKING:
    from tunesmith.schemas.jobs import Job, JobResources

app = typer.Typer(help="Fine-tuning jobs.", rich_markup_mode=None)
app.callback()(lambda: None)
JobId = Annotated[str, typer.Argument(metavar="JOB_ID")]
LOG_PAGE = 1000


@client_command(app, "ls")
def ls(cli: Cli, limit: Annotated[int, typer.Option(min=1, max=100)] = 20) -> None:
    """Jobs, newest first."""
    page = cli.client.jobs.list(limit=limit)
    if cli.as_json:
        cli.json(page)
        return
    cli.table(
        ["ID", "STATUS", "TASK", "BASE", "DONE", "MODEL", "CREATED"],
        [(j.id, j.status, j.task, j.model, _done(j), j.fine_tuned_model, when(j.created_at)) for j in page.data],
        empty="No jobs yet. Start one: tunesmith train examples.jsonl --model smollm2-135m-instruct",
    )


@client_command(app, "show")
def show(cli: Cli, job_id: JobId) -> None:
    """One job with its settings, progress and outcome."""
    _show(cli, cli.client.jobs.retrieve(job_id))


@client_command(app, "watch")
def watch(cli: Cli, job_id: JobId) -> None:
    """Follow a job to its end; the exit code is 1 unless it succeeds."""
    require_success(follow(cli, job_id))


@client_command(app, "logs")
def logs(cli: Cli, job_id: JobId) -> None:
    """What the training program and its worker printed, oldest first."""
    after: str | None = None
    while True:
        page = cli.client.jobs.logs(job_id, limit=LOG_PAGE, after=after)
        for line in page.data:
            if cli.as_json:
                cli.json(line)
            else:
                cli.print(line.text)
        if not page.has_more:
            return
        after = page.last_id


@client_command(app, "checkup")
def checkup(cli: Cli, job_id: JobId) -> None:
    """What the run found in its data before it trained, with what to do about it."""
    show_checkup(cli, cli.client.jobs.checkup(job_id))


@client_command(app, "checkpoints")
def checkpoints(cli: Cli, job_id: JobId) -> None:
    """Published checkpoints, newest first, with what each answers to held-out prompts."""
    page = cli.client.jobs.checkpoints(job_id)
    if cli.as_json:
        cli.json(page)
        return
    if not page.data:
        cli.print("No checkpoint is published yet: the first comes at the end of the first epoch.")
    for checkpoint in page.data:
        show_checkpoint(cli, checkpoint)


@client_command(app, "cancel")
def cancel(cli: Cli, job_id: JobId) -> None:
    """End a job for good; its worker stops with its next report."""
    _told(cli, cli.client.jobs.cancel(job_id))


@client_command(app, "pause")
def pause(cli: Cli, job_id: JobId) -> None:
    """Stop a job at its next checkpoint; resume goes on from there."""
    _told(cli, cli.client.jobs.pause(job_id))


@client_command(app, "resume")
def resume(cli: Cli, job_id: JobId) -> None:
    """Queue a paused job again."""
    _told(cli, cli.client.jobs.resume(job_id))


def _told(cli: Cli, job: "Job") -> None:
    if cli.as_json:
        cli.json(job)
    else:
        cli.print(f"{job.id} is {job.status}.")


def _done(job: "Job") -> str:
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


def _show(cli: Cli, job: "Job") -> None:
    if cli.as_json:
        cli.json(job)
        return
    settings = {
        name: value for name, value in job.hyperparameters.model_dump().items() if value is not None and value != "auto"
    }
    cli.fields(
        [
            ("id", job.id),
            ("status", job.status),
            ("error", job.error.message if job.error else None),
            ("base model", job.model),
            ("model", job.fine_tuned_model),
            ("task", f"{job.task}, {job.adaptation}"),
            ("training file", job.training_file),
            ("validation file", job.validation_file),
            ("progress", f"{_done(job)} {job.progress.phase or ''}".strip()),
            ("settings", ", ".join(f"{name} {value}" for name, value in settings.items())),
            ("seed", job.seed),
            ("trained tokens", f"{job.trained_tokens:,}" if job.trained_tokens else None),
            ("attempts", job.attempts or None),
            ("worker", job.worker),
            ("uses", _uses(job.resources)),
            ("result files", ", ".join(job.result_files)),
            ("created", when(job.created_at)),
            ("finished", when(job.finished_at)),
        ]
    )
