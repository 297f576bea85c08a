"""What a job's wire shape says beyond its row: whose it is, why it waits, its cost; a page of jobs at a time."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from tunesmith.server.accounts.tables import ProjectRow, UserRow
from tunesmith.server.jobs.tables import JobRow


@dataclass(frozen=True)
class Facts:
    """Of several jobs, by id."""

    now: dt.datetime
    """The database's time, by which ages and estimates are told."""
    owners: dict[str, str]
    projects: dict[str, str]


async def gather(session: AsyncSession, rows: Sequence[JobRow]) -> Facts:
    """The facts of these jobs, in a few queries however many there are."""
    return Facts(
        now=cast("dt.datetime", await session.scalar(text("SELECT tunesmith_now()"))),
        owners=await _names(session, rows),
        projects=await _slugs(session, rows),
    )


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
