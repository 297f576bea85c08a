"""The record of a job's phases: written along with what changes them, read as a timeline without gaps."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from tunesmith.schemas.jobs import JobStatus, JobTimeline, TimelineSpan
from tunesmith.server.jobs.tables import AttemptRow, JobRow

MOST: LiteralString = "400"
"""Phases kept of a job ..."""
FIRST: LiteralString = "200"
"""... of which these first ones stay; behind them the oldest make room for new ones."""
STARTING = "starting"


def noted(phase: LiteralString) -> LiteralString:
    """SQL for `jobs.phases` with one more: `phase` is SQL too, the text of the phase that begins now."""
    kept: LiteralString = f"CASE WHEN jsonb_array_length(phases) >= {MOST} THEN phases - {FIRST} ELSE phases END"
    now: LiteralString = "round(EXTRACT(epoch FROM tunesmith_now()), 3)"
    return f"COALESCE({kept}, '[]') || jsonb_build_array(jsonb_build_array({phase}, {now}, epoch))"


async def timeline(session: AsyncSession, job: JobRow) -> JobTimeline:
    """Where the job's time went, from its making to its end or until now."""
    noted_phases = await session.scalar(select(JobRow.phases).where(JobRow.id == job.id))
    attempts = await session.scalars(select(AttemptRow).where(AttemptRow.job_id == job.id).order_by(AttemptRow.epoch))
    return JobTimeline(spans=spans(job, noted_phases or [], list(attempts)))


@dataclass(frozen=True)
class _Turn:
    """From `at` on the job is in `phase`; `epoch` is that of the attempt that it belongs to, if to one."""

    at: float
    phase: str
    epoch: int | None = None


def spans(job: JobRow, noted_phases: Sequence[Sequence[Any]], attempts: Sequence[AttemptRow]) -> list[TimelineSpan]:
    """Spans that meet end to end: phases as noted, claims and their ends from the attempts."""
    ends_at = _seconds(job.finished_at) if job.finished_at is not None else None
    workers = {attempt.epoch: attempt.worker_id for attempt in attempts}
    turns = _turns(job, noted_phases, attempts)
    if ends_at is not None:
        turns = [turn for turn in turns if turn.at < ends_at] or turns[:1]
    made: list[TimelineSpan] = []
    for n, turn in enumerate(turns):
        until = turns[n + 1].at if n + 1 < len(turns) else ends_at
        if until is not None and until <= turn.at and n + 1 < len(turns):
            continue  # it gave way in the same moment
        worker = workers.get(turn.epoch) if turn.epoch is not None else None
        made.append(
            TimelineSpan(phase=turn.phase, started_at=turn.at, ended_at=until, attempt=turn.epoch, worker=worker)
        )
    return made


def _turns(job: JobRow, noted_phases: Sequence[Sequence[Any]], attempts: Sequence[AttemptRow]) -> list[_Turn]:
    """Every turn in the order of time; of one moment the last one counts."""
    waits = {JobStatus.QUEUED.value, JobStatus.PAUSED.value}
    turns = [_Turn(_seconds(job.created_at), JobStatus.VALIDATING_FILES.value)]
    for attempt in attempts:
        turns.append(_Turn(_seconds(attempt.claimed_at), STARTING, attempt.epoch))
        if attempt.ended_at is not None:
            turns.append(_Turn(_seconds(attempt.ended_at), JobStatus.QUEUED.value))
    for phase, at, epoch in noted_phases:
        turns.append(_Turn(float(at), str(phase), None if phase in waits else int(epoch)))
    if not noted_phases and job.queued_at is not None:  # made before phases were noted
        turns.append(_Turn(_seconds(job.queued_at), JobStatus.QUEUED.value))
    return sorted(turns, key=lambda turn: turn.at)


def _seconds(at: dt.datetime) -> float:
    """To the millisecond, as phases are noted."""
    return round(at.timestamp(), 3)
