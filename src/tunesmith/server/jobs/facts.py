"""What a job's wire shape says beyond its row: whose it is, why it waits, its cost; a page of jobs at a time."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from tunesmith.schemas.jobs import JobCost, JobHeadline, JobQueue
from tunesmith.schemas.versions import DatasetRef
from tunesmith.server.accounts.tables import ProjectRow, UserRow
from tunesmith.server.datasets.tables import DatasetRow, DatasetVersionRow
from tunesmith.server.jobs import headlines, waiting
from tunesmith.server.jobs.tables import AttemptRow, JobRow


@dataclass(frozen=True)
class Facts:
    """Of several jobs, by id; what a job has not, is not there."""

    now: dt.datetime
    """The database's time, by which ages and estimates are told."""
    owners: dict[str, str]
    projects: dict[str, str]
    datasets: dict[str, DatasetRef] = field(default_factory=dict[str, DatasetRef])
    queues: dict[str, JobQueue] = field(default_factory=dict[str, JobQueue])
    costs: dict[str, JobCost] = field(default_factory=dict[str, JobCost])
    headlines: dict[str, JobHeadline] = field(default_factory=dict[str, JobHeadline])
    sparklines: dict[str, list[float]] = field(default_factory=dict[str, list[float]])


async def gather(
    session: AsyncSession, rows: Sequence[JobRow], price_per_hour: float, *, sparklines: bool = False
) -> Facts:
    """The facts of these jobs, in about ten queries however many there are. The price is that of a worker's time."""
    now = cast("dt.datetime", await session.scalar(text("SELECT tunesmith_now()")))
    begun = [row.id for row in rows if row.started_at is not None]
    return Facts(
        now=now,
        owners=await _names(session, rows),
        projects=await _slugs(session, rows),
        datasets=await _datasets(session, rows),
        queues=await waiting.reasons(session, rows, now),
        costs=await _costs(session, begun, price_per_hour) if begun else {},
        headlines=await headlines.headlines(session, rows),
        sparklines=await headlines.sparklines(session, [row.id for row in rows]) if sparklines and rows else {},
    )


async def project_of(session: AsyncSession, row: JobRow) -> str:
    """The slug of the job's project."""
    return (await _slugs(session, [row]))[row.id]


async def _names(session: AsyncSession, rows: Sequence[JobRow]) -> dict[str, str]:
    wanted = {row.created_by for row in rows}
    found = await session.execute(select(UserRow.id, UserRow.name).where(UserRow.id.in_(wanted)))
    names = dict(found.tuples().all())
    return {row.id: names[row.created_by] for row in rows}


async def _slugs(session: AsyncSession, rows: Sequence[JobRow]) -> dict[str, str]:
    wanted = {row.project_id for row in rows}
    found = await session.execute(select(ProjectRow.id, ProjectRow.slug).where(ProjectRow.id.in_(wanted)))
    slugs = dict(found.tuples().all())
    return {row.id: slugs[row.project_id] for row in rows}


async def _datasets(session: AsyncSession, rows: Sequence[JobRow]) -> dict[str, DatasetRef]:
    """Of jobs whose training file is a version of a data set that is there still."""
    found = await session.execute(
        select(DatasetVersionRow.file_id, DatasetRow.id, DatasetRow.name, DatasetVersionRow.version)
        .join(DatasetRow, DatasetRow.id == DatasetVersionRow.dataset_id)
        .where(DatasetVersionRow.file_id.in_({row.training_file for row in rows}), DatasetRow.deleted_at.is_(None))
    )
    by_file = {file_id: DatasetRef(id=of, name=name, version=version) for file_id, of, name, version in found.tuples()}
    return {row.id: by_file[row.training_file] for row in rows if row.training_file in by_file}


async def _costs(session: AsyncSession, job_ids: Sequence[str], price_per_hour: float) -> dict[str, JobCost]:
    """From the claim of each attempt that started until it, or the job, ended: a worker that only drains is free."""
    until = func.least(
        func.coalesce(AttemptRow.ended_at, func.tunesmith_now()),
        func.coalesce(JobRow.finished_at, func.tunesmith_now()),
    )
    worked_s = func.sum(func.extract("epoch", until - AttemptRow.claimed_at))
    found = await session.execute(
        select(AttemptRow.job_id, worked_s)
        .join(JobRow, JobRow.id == AttemptRow.job_id)
        .where(AttemptRow.job_id.in_(job_ids), AttemptRow.started_at.is_not(None))
        .group_by(AttemptRow.job_id)
    )
    return {job_id: _cost(max(0.0, float(worked)), price_per_hour) for job_id, worked in found.tuples()}


def _cost(worker_s: float, price_per_hour: float) -> JobCost:
    return JobCost(
        value=round(price_per_hour * worker_s / 3600, 4), price_per_hour=price_per_hour, worker_s=round(worker_s, 3)
    )
