"""Events as they appear on the screen."""

import io

import pytest
from rich.console import Console

from tunesmith.cli.command import Cli, Connection
from tunesmith.cli.exit_codes import WorkFailed
from tunesmith.cli.follow import ProgressBar
from tunesmith.cli.words import count, duration, size
from tunesmith.schemas.jobs import JobEvent


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def event(kind: str, message: str = "", **data) -> JobEvent:
    return JobEvent(id="ftevent-1", created_at=0, level="info", message=message, type=kind, data=data or None)


def shown(events: list[tuple[float, JobEvent]], *, terminal: bool) -> str:
    out = io.StringIO()
    cli = Cli(Connection())
    cli.__dict__["out"] = Console(file=out, force_terminal=terminal, width=120, highlight=False, markup=False)
    clock = Clock()
    with ProgressBar(cli, clock) as bar:
        for at, each in events:
            clock.now = at
            bar.tell(each)
    return out.getvalue()


def test_piped_progress_is_a_line_a_tenth_with_loss_and_time_left():
    steps = [(float(n), event("metrics", step=n, total_steps=100, train_loss=2 - n / 100)) for n in range(1, 101)]
    lines = shown(steps, terminal=False).splitlines()
    assert len(lines) == 11
    assert lines[1] == "  step 10/100: loss 1.900, 1 min 30 s left"
    assert lines[-1] == "  step 100/100: loss 1.000"


def test_messages_and_held_out_losses_stand_on_lines_of_their_own():
    text = shown(
        [
            (0, event("message", "Created fine-tuning job: ftjob-1")),
            (1, event("metrics", step=1, total_steps=9, train_loss=2.5)),
            (2, event("metrics", step=1, total_steps=9, full_valid_loss=2.25)),
        ],
        terminal=True,
    )
    assert "Created fine-tuning job: ftjob-1" in text
    assert "step 1: held-out loss 2.250" in text
    assert "loss 2.500" in text


def test_a_loss_that_is_no_number_is_left_out():
    assert "step 1/2: \n" in shown([(0, event("metrics", step=1, total_steps=2, train_loss=None))], terminal=False)


def test_brackets_in_a_message_are_not_markup():
    assert "[red]x[/red]" in shown([(0, event("message", "[red]x[/red]"))], terminal=True)


def test_figures_are_in_words():
    assert [duration(s) for s in (5, 63, 3900)] == ["5 s", "1 min 03 s", "1 h 05 min"]
    assert [size(n) for n in (12, 1500, 2.5e9)] == ["12 B", "1.5 kB", "2.5 GB"]
    assert [count(n) for n in (134_515_008, 7_241_732_096)] == ["135 M", "7.2 B"]


def test_a_failed_job_raises_with_its_reason():
    from tunesmith.cli.follow import require_success
    from tunesmith.schemas.jobs import Job

    job = Job.model_construct(id="ftjob-1", status="failed", error=None)
    with pytest.raises(WorkFailed, match="ftjob-1 failed"):
        require_success(job)
