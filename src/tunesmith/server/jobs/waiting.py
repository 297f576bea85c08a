"""Why jobs wait: their place in the queue, and what the connected workers say of themselves."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from tunesmith.schemas.jobs import JobQueue, JobStatus
from tunesmith.server.accounts.tables import FIRST_PROJECT, ProjectRow
from tunesmith.server.clock import epoch_s
from tunesmith.server.jobs.states import PAUSED, QUEUED, VALIDATING
from tunesmith.server.jobs.tables import CONNECTED, JobRow, WorkerRow

CLAIMABLE: ColumnElement[bool] = (JobRow.status == QUEUED.value) & JobRow.claim_id.is_(None)
USABLE = 0.92
"""Share of a machine's memory that a run may take."""
GIB = 1024**3


@dataclass(frozen=True)
class Helper:
    """A connected worker: what it can do, for which project (None: for all), and the job that it is at."""

    id: str
    project_id: str | None
    tasks: frozenset[str]
    adaptations: frozenset[str]
    memory_bytes: int
    """Of the memory that a run fills first."""
    busy: bool

    def serves(self, job: JobRow) -> bool:
        return self.project_id is None or self.project_id == job.project_id

    def lacks(self, job: JobRow) -> str:
        """What keeps it from claiming the job; empty when nothing does."""
        if job.task not in self.tasks:
            return f"takes {_listed(self.tasks)} jobs, not {job.task}"
        if job.adaptation not in self.adaptations:
            why = " (bitsandbytes is missing or finds no 4-bit kernels there)" if job.adaptation == "qlora" else ""
            return f"trains by {_listed(self.adaptations)}, not by {job.adaptation}{why}"
        return ""


async def reasons(session: AsyncSession, rows: Sequence[JobRow], now: dt.datetime) -> dict[str, JobQueue]:
    """Of those of the jobs that wait, by id; three queries however many there are, none when none waits."""
    waiting = [row for row in rows if _waits(row)]
    queued = [row.id for row in waiting if row.status == QUEUED.value]
    positions = await _positions(session, queued) if queued else {}
    helpers = await connected(session) if queued else []
    paused = [row.id for row in waiting if row.status == PAUSED.value]
    since = await _paused_since(session, paused) if paused else {}
    return {row.id: _reason(row, helpers, positions, since, now) for row in waiting}


def _waits(row: JobRow) -> bool:
    return row.status in (VALIDATING.value, QUEUED.value, PAUSED.value)


async def _positions(session: AsyncSession, job_ids: Iterable[str]) -> dict[str, int]:
    """Places among all jobs that could be claimed, from 1; one pass over their index."""
    line = (
        select(
            JobRow.id,
            func.row_number().over(order_by=(JobRow.priority.desc(), JobRow.created_at, JobRow.id)).label("position"),
        )
        .where(CLAIMABLE)
        .subquery()
    )
    found = await session.execute(select(line.c.id, line.c.position).where(line.c.id.in_(job_ids)))
    return dict(found.tuples().all())


async def connected(session: AsyncSession) -> list[Helper]:
    """Workers that were heard of lately or hold a job now."""
    at_work = select(JobRow.worker_id).where(JobRow.claim_id.is_not(None))
    busy = WorkerRow.id.in_(at_work)
    found = await session.execute(
        select(WorkerRow, ProjectRow.slug, busy)
        .join(ProjectRow, ProjectRow.id == WorkerRow.project_id)
        .where(or_(WorkerRow.last_seen_at > func.tunesmith_now() - CONNECTED, busy))
        .order_by(WorkerRow.id)
    )
    return [_helper(row, slug, at_it) for row, slug, at_it in found.tuples()]


def _helper(row: WorkerRow, slug: str, busy: bool) -> Helper:
    told: Mapping[str, Any] = row.capabilities
    return Helper(
        id=row.id,
        project_id=None if slug == FIRST_PROJECT else row.project_id,
        tasks=frozenset(told.get("tasks", ())),
        adaptations=frozenset(told.get("adaptations", ("lora", "full"))),
        memory_bytes=(told.get("gpu_memory_bytes") if told.get("gpu") else None) or told.get("memory_bytes") or 0,
        busy=busy,
    )


async def _paused_since(session: AsyncSession, job_ids: Iterable[str]) -> dict[str, int]:
    last = JobRow.phases[-1]
    found = await session.execute(select(JobRow.id, last[1].as_float()).where(JobRow.id.in_(job_ids)))
    return {job_id: int(at) for job_id, at in found.tuples() if at is not None}


def _reason(
    row: JobRow,
    helpers: Sequence[Helper],
    positions: Mapping[str, int],
    paused_since: Mapping[str, int],
    now: dt.datetime,
) -> JobQueue:
    status = JobStatus(row.status)
    if status is VALIDATING:
        message = "Its files are being read. It is queued as soon as they are found good."
        return JobQueue(reason="validating_files", message=message, since=epoch_s(row.created_at))
    since = epoch_s(row.queued_at or row.created_at)
    if status is PAUSED:
        message = "It is paused. Resume it, and it goes on from its last checkpoint."
        return JobQueue(reason="paused", message=message, since=paused_since.get(row.id, since))
    position = positions.get(row.id)
    if row.claim_id is not None:
        message = f"Worker {row.worker_id} has taken it and is starting it."
        return JobQueue(reason="starting", message=message, since=since)
    if row.not_before > now:
        left_s = max(1, round((row.not_before - now).total_seconds()))
        message = f"Its last attempt failed, so it waits before the next: about {left_s} s more. Its events say why."
        return JobQueue(position=position, reason="backing_off", message=message, since=since)
    return _by_workers(row, [helper for helper in helpers if helper.serves(row)], position, since)


def _by_workers(row: JobRow, helpers: Sequence[Helper], position: int | None, since: int) -> JobQueue:
    able = [helper for helper in helpers if not helper.lacks(row)]
    if not helpers:
        message = "No worker is connected. Start one with `tunesmith worker`, or everything with `tunesmith up`."
        return JobQueue(position=position, reason="no_worker_connected", message=message, since=since)
    if not able:
        nearest = min(helpers, key=lambda helper: (row.task not in helper.tasks, helper.id))
        others = f" None of the {len(helpers)} connected workers can run it." if len(helpers) > 1 else ""
        message = (
            f"Worker {nearest.id} {nearest.lacks(row)}.{others} Start a worker that runs {row.task} by "
            f"{row.adaptation}, or cancel this job and make one that fits."
        )
        return JobQueue(position=position, reason="no_worker_can_run_it", message=message, since=since)
    tight = _tight(row, able)
    free = next((helper for helper in able if not helper.busy), None)
    if free is not None:
        message = f"Worker {free.id} is free and takes it next.{tight}"
        return JobQueue(position=position, reason="starting", message=message, since=since)
    are = "is busy" if len(able) == 1 else f"are all {len(able)} busy"
    ahead = f" {position - 1} {'job goes' if position == 2 else 'jobs go'} first." if position and position > 1 else ""
    who = "The worker" if len(able) == 1 else "The workers"
    sooner = "A higher priority, or another worker, starts it sooner."
    message = f"{who} that can run it {are}.{ahead} {sooner}{tight}"
    return JobQueue(position=position, reason="workers_busy", message=message, since=since)


def _tight(row: JobRow, able: Sequence[Helper]) -> str:
    """A claim does not ask for memory, so this is told beside the reason and is none."""
    needs, most = row.base.get("needs_memory_bytes") or 0, max(helper.memory_bytes for helper in able)
    if needs <= USABLE * most:
        return ""
    has = f"the largest of them has {most / GIB:.1f} GiB"
    return f" Its base usually needs {needs / GIB:.1f} GiB and {has}: memory may run out."


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "no"
