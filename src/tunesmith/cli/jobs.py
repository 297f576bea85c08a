"""`tunesmith jobs`: what there is, one job from all sides, and steering it."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tunesmith.cli.checkup import show_checkpoint, show_checkup
from tunesmith.cli.command import Cli, client_command
from tunesmith.cli.exit_codes import WorkFailed
from tunesmith.cli.follow import follow, require_success
from tunesmith.cli.job_shown import done, show_job
from tunesmith.cli.words import duration, when

if TYPE_CHECKING:
    from tunesmith.schemas.jobs import Job

app = typer.Typer(help="Fine-tuning jobs.", rich_markup_mode=None)
app.callback()(lambda: None)
JobId = Annotated[str, typer.Argument(metavar="JOB_ID")]
LOG_PAGE = 1000


@client_command(app, "ls")
def ls(
    cli: Cli,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    status: Annotated[
        list[str] | None,
        typer.Option(help="Such as queued, running or failed; may be given several times."),
    ] = None,
    task: Annotated[Literal["chat", "classification", "embedding", "protein"] | None, typer.Option()] = None,
    project: Annotated[str | None, typer.Option()] = None,
    owner: Annotated[str | None, typer.Option(help="A user's name.")] = None,
    search: Annotated[str | None, typer.Option(help="Part of a name, suffix, base, id or model's name.")] = None,
    sort: Annotated[
        Literal["created_at", "name", "status", "priority", "started_at", "finished_at"], typer.Option()
    ] = "created_at",
    order: Annotated[Literal["asc", "desc"], typer.Option()] = "desc",
) -> None:
    """Jobs, newest first unless told."""
    page = cli.client.jobs.list(
        limit=limit, status=status, task=task, project=project, owner=owner, search=search, sort=sort, order=order
    )
    if cli.as_json:
        cli.json(page)
        return
    kept = any(each is not None for each in (status, task, project, owner, search))
    cli.table(
        ["ID", "STATUS", "TASK", "BASE", "DONE", "MODEL", "CREATED", "NAME"],
        [(j.id, j.status, j.task, j.model, done(j), j.fine_tuned_model, when(j.created_at), j.name) for j in page.data],
        empty="No such jobs. Leave out a filter, or see all: tunesmith jobs ls"
        if kept
        else "No jobs yet. Start one: tunesmith train examples.jsonl --model smollm2-135m-instruct",
    )


@client_command(app, "show")
def show(cli: Cli, job_id: JobId) -> None:
    """One job with its settings, progress and outcome."""
    show_job(cli, cli.client.jobs.retrieve(job_id))


@client_command(app, "watch")
def watch(cli: Cli, job_id: JobId) -> None:
    """Follow a job to its end; the exit code is 1 unless it succeeds."""
    require_success(follow(cli, job_id))


@client_command(app, "logs")
def logs(
    cli: Cli,
    job_id: JobId,
    search: Annotated[str | None, typer.Option(help="Only lines with this text in them.")] = None,
) -> None:
    """What the training program and its worker printed, oldest first."""
    after: str | None = None
    while True:
        page = cli.client.jobs.logs(job_id, limit=LOG_PAGE, after=after, search=search)
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


@client_command(app, "timeline")
def timeline(cli: Cli, job_id: JobId) -> None:
    """Where a job's time went: waiting, each phase of its run, pauses."""
    found = cli.client.jobs.timeline(job_id)
    if cli.as_json:
        cli.json(found)
        return
    cli.table(
        ["PHASE", "BEGAN", "LASTED", "ATTEMPT", "WORKER"],
        [
            (
                span.phase.replace("_", " "),
                when(int(span.started_at)),
                duration(span.ended_at - span.started_at) if span.ended_at is not None else "until now",
                span.attempt,
                span.worker,
            )
            for span in found.spans
        ],
        empty="",
    )


@client_command(app, "script")
def script(
    cli: Cli,
    job_id: JobId,
    language: Annotated[
        Literal["yaml", "cli", "python", "curl"], typer.Option("--as", help="yaml is for tunesmith train --file.")
    ] = "yaml",
) -> None:
    """The same job again, as YAML, a command line, Python or curl."""
    found = cli.client.jobs.script(job_id)
    if cli.as_json:
        cli.json(found)
    else:
        typer.echo(getattr(found, language), nl=False)


@client_command(app, "priority")
def priority(
    cli: Cli,
    job_id: JobId,
    level: Annotated[Literal["low", "normal", "high"], typer.Argument(help="high goes first.", metavar="PRIORITY")],
) -> None:
    """Let a waiting job go before or behind others."""
    job = cli.client.jobs.update(job_id, priority=level)
    if cli.as_json:
        cli.json(job)
        return
    place = f", number {job.queue.position} of the queue" if job.queue and job.queue.position else ""
    cli.print(f"{job.id} has {job.priority} priority{place}.")


@client_command(app, "rename")
def rename(cli: Cli, job_id: JobId, name: Annotated[str, typer.Argument(metavar="NAME")]) -> None:
    """Give a job another name."""
    job = cli.client.jobs.update(job_id, name=name)
    if cli.as_json:
        cli.json(job)
    else:
        cli.print(f"{job.id} is called {job.name}.")


@client_command(app, "cancel")
def cancel(cli: Cli, job_ids: Annotated[list[str], typer.Argument(metavar="JOB_ID...")]) -> None:
    """End one job or several for good; their workers stop with the next report."""
    if len(job_ids) == 1:
        _told(cli, cli.client.jobs.cancel(job_ids[0]))
        return
    found = cli.client.jobs.cancel_all(job_ids)
    if cli.as_json:
        cli.json(found)
    else:
        for each in found.data:
            cli.print(each.message)
    kept = [each.id for each in found.data if each.outcome != "cancelled"]
    if kept:
        raise WorkFailed(f"{len(kept)} of {len(found.data)} were not cancelled: {', '.join(kept)}.")


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
