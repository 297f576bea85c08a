"""A job followed to its end by its live events: a bar with loss and time left on a terminal, lines when piped."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from tunesmith.cli.command import Cli
from tunesmith.cli.exit_codes import WorkFailed
from tunesmith.cli.words import duration

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

    def __init__(self, cli: Cli, clock: Callable[[], float] = time.monotonic) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._clock = clock
        self._first: tuple[int, float] | None = None
        self._live = cli.out.is_terminal
        self._progress = Progress(
            TextColumn("  {task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}"),
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
        trained = "train_loss" in data
        figures = ", ".join(_figures(data) + (self._left(step, total) if trained else []))
        if self._live:
            if self._task is None:
                self._task = self._progress.add_task("training", total=total, figures="")
            self._progress.update(self._task, completed=step, total=total)
            if trained:
                self._progress.update(self._task, figures=figures)
            else:  # figures of held-out records alone: a line of its own, the training loss stays on the screen
                self._line(f"  step {step}: {figures}")
            return
        percent = 100 * step // total if total else step
        if percent // 10 > self._shown_percent // 10 or step == total or not trained:
            self._shown_percent = percent
            self._line(f"  step {step}/{total or '?'}: {figures}")

    def _left(self, step: int, total: int | None) -> list[str]:
        """Time left at the pace since the first step that was seen."""
        now = self._clock()
        if self._first is None or step <= self._first[0]:
            self._first = (step, now)
        since, began = self._first
        if not total or step == since or step >= total:
            return []
        return [f"{duration((now - began) / (step - since) * (total - step))} left"]

    def _line(self, text: str) -> None:
        self._progress.console.print(text, soft_wrap=True)


def _figures(data: dict[str, Any]) -> list[str]:
    names = {"train_loss": "loss", "valid_loss": "held-out loss", "full_valid_loss": "held-out loss"}
    return [f"{word} {float(data[name]):.3f}" for name, word in names.items() if data.get(name) is not None]
