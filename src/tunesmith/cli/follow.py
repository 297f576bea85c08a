"""A job followed to its end by its live events: a bar with loss and time left on a terminal, lines when piped."""

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from tunesmith.cli.command import Cli
from tunesmith.cli.exit_codes import WorkFailed

if TYPE_CHECKING:
    from tunesmith.schemas.jobs import Job, JobEvent

PATIENCE = 12
"""Tries in a row to open a broken stream again: about a minute, longer than a server needs to restart."""


def follow(cli: Cli, job_id: str) -> "Job":
    """The job as it ended; its events were shown as they came (with --json: one a line, the job last)."""
    client = cli.connect(max_retries=PATIENCE)
    bar = None if cli.as_json else ProgressBar(cli)
    with bar or nullcontext():
        for event in client.jobs.follow(job_id):
            if bar is None:
                cli.json(event)
            else:
                bar.tell(event)
    job = client.jobs.retrieve(job_id)
    if cli.as_json:
        cli.json(job)
    return job


def require_success(job: "Job") -> None:
    """Raises WorkFailed unless the job succeeded."""
    if job.status == "succeeded":
        return
    reason = f": {job.error.message}" if job.error and job.error.message else "."
    raise WorkFailed(f"Job {job.id} {job.status}{reason} Its log: tunesmith jobs logs {job.id}")


class ProgressBar:
    """One job's events on the screen. Steps move the bar; everything else is a line above it."""

    def __init__(self, cli: Cli) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._out = cli.out
        self._live = cli.out.is_terminal
        self._progress = Progress(
            TextColumn("  {task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}"),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=cli.out,
            transient=True,
            disable=not self._live,
        )
        self._task: Any = None
        self._shown_percent = -1

    def __enter__(self) -> "ProgressBar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def tell(self, event: "JobEvent") -> None:
        """Shows one event."""
        data = event.data or {}
        if event.type == "metrics" and "step" in data:
            self._step(int(data["step"]), data)
            return
        prefix = {"warn": "warning: ", "error": "error: "}.get(event.level, "")
        self._line(f"  {prefix}{event.message}")

    def _step(self, step: int, data: dict[str, Any]) -> None:
        total = data.get("total_steps")
        figures = _figures(data)
        if self._live:
            if self._task is None:
                self._task = self._progress.add_task("training", total=total, figures="")
            # An event with only validation figures keeps the training loss on the screen.
            self._progress.update(self._task, completed=step, total=total)
            if "train_loss" in data:
                self._progress.update(self._task, figures=figures)
            else:
                self._line(f"  step {step}: {figures}")
            return
        percent = 100 * step // total if total else step
        if percent // 10 > self._shown_percent // 10 or step == total or "train_loss" not in data:
            self._shown_percent = percent
            self._line(f"  step {step}/{total or '?'}: {figures}")

    def _line(self, text: str) -> None:
        self._progress.console.print(text, soft_wrap=True)


def _figures(data: dict[str, Any]) -> str:
    names = {"train_loss": "loss", "valid_loss": "held-out loss", "full_valid_loss": "held-out loss"}
    shown = [f"{word} {float(data[name]):.3f}" for name, word in names.items() if data.get(name) is not None]
    if data.get("eta_s") is not None:
        from tunesmith.cli.words import duration

        shown.append(f"about {duration(float(data['eta_s']))} left")
    return ", ".join(shown)
