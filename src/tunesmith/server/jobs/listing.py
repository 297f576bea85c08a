"""Lists of jobs: filters, orders with cursors, and how many jobs are in each state."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from sqlalchemy import ColumnElement, Select, case, func, literal, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from tunesmith.schemas.errors import Invalid
from tunesmith.schemas.jobs import JobCounts, JobStatus
from tunesmith.schemas.shape import Task
from tunesmith.server.accounts.auth import Caller
from tunesmith.server.accounts.scope import owned
from tunesmith.server.accounts.tables import ProjectRow, UserRow
from tunesmith.server.jobs.tables import JobRow

Sort = Literal["created_at", "name", "status", "priority", "started_at", "finished_at"]
Direction = Literal["asc", "desc"]
Statement = TypeVar("Statement", bound=Select[*tuple[Any, ...]])

_LONG_AGO, _FAR_AHEAD = dt.datetime(1, 1, 2, tzinfo=dt.UTC), dt.datetime(9999, 12, 30, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Filters:
    """What a list keeps; what is None or empty keeps everything."""

    statuses: tuple[JobStatus, ...] = ()
    task: Task | None = None
    project: str | None = None
    """A project's slug."""
    owner: str | None = None
    """A user's name."""
    search: str | None = None
    """Part of a name, suffix, base, id or model's name; case does not matter."""
    metadata: Mapping[str, str] | None = None
    """All of these pairs; an empty mapping: jobs without metadata."""


@dataclass(frozen=True)
class Order:
    """`desc` is newest, or Z to A, first. Jobs that have no such time come last either way."""

    by: Sort = "created_at"
    direction: Direction = "desc"


@dataclass(frozen=True)
class Wanted:
    """A page of a list."""

    after: str | None = None
    limit: int = 20
    filters: Filters = field(default_factory=Filters)
    order: Order = field(default_factory=Order)


async def page(session: AsyncSession, caller: Caller, wanted: Wanted) -> tuple[list[JobRow], bool]:
    """Jobs behind the job `after` in the wanted order, and whether more follow. Raises Invalid for an unknown `after`.

    The place of `after` is that which it has now: a job whose name or state changed between two pages has moved.
    """
    keys = _keys(wanted.order)
    statement = _kept(owned(select(JobRow), JobRow, caller), wanted.filters)
    if wanted.after is not None:
        place = (await session.execute(owned(select(*keys).where(JobRow.id == wanted.after), JobRow, caller))).first()
        if place is None:
            raise Invalid(f"Invalid 'after': no job {wanted.after!r} to go on behind.", param="after")
        here, there = tuple_(*keys), tuple_(*(literal(value) for value in place))
        statement = statement.where(here < there if wanted.order.direction == "desc" else here > there)
    in_order = [key.desc() if wanted.order.direction == "desc" else key.asc() for key in keys]
    rows = list(await session.scalars(statement.order_by(*in_order).limit(wanted.limit + 1)))
    return rows[: wanted.limit], len(rows) > wanted.limit


async def counts(session: AsyncSession, caller: Caller, filters: Filters) -> JobCounts:
    """How many of the jobs that the filters keep are in each state."""
    statement = owned(select(JobRow.status, func.count()), JobRow, caller)
    found = await session.execute(_kept(statement, filters).group_by(JobRow.status))
    by_status = dict.fromkeys(JobStatus, 0) | {JobStatus(status): n for status, n in found.tuples()}
    return JobCounts(total=sum(by_status.values()), by_status=by_status)


def _keys(order: Order) -> list[ColumnElement[Any]]:
    """What a list is ordered by, all in one direction; none is ever null, so that a cursor can be compared."""
    ends: list[ColumnElement[Any]] = [JobRow.created_at.expression, JobRow.id.expression]
    none = _LONG_AGO if order.direction == "desc" else _FAR_AHEAD
    match order.by:
        case "created_at":
            return ends
        case "name":
            return [func.lower(func.coalesce(JobRow.name, JobRow.suffix, "")), *ends]
        case "status":
            return [case(*((JobRow.status == status.value, n) for n, status in enumerate(JobStatus)), else_=-1), *ends]
        case "priority":
            return [JobRow.priority.expression, *ends]
        case "started_at":
            return [func.coalesce(JobRow.started_at, none), *ends]
        case "finished_at":
            return [func.coalesce(JobRow.finished_at, none), *ends]


def _kept(statement: Statement, filters: Filters) -> Statement:
    conditions: list[ColumnElement[bool]] = []
    if filters.statuses:
        conditions.append(JobRow.status.in_([status.value for status in filters.statuses]))
    if filters.task is not None:
        conditions.append(JobRow.task == filters.task.value)
    if filters.project is not None:
        ids = select(ProjectRow.id).where(ProjectRow.slug == filters.project).scalar_subquery()
        conditions.append(JobRow.project_id == ids)
    if filters.owner is not None:
        ids = select(UserRow.id).where(UserRow.name == filters.owner).scalar_subquery()
        conditions.append(JobRow.created_by == ids)
    if filters.search:
        places = (JobRow.name, JobRow.suffix, JobRow.model, JobRow.id, JobRow.fine_tuned_model)
        conditions.append(or_(*(place.icontains(filters.search, autoescape=True) for place in places)))
    if filters.metadata is not None:
        matches = JobRow.labels.contains(dict(filters.metadata)) if filters.metadata else JobRow.labels.is_(None)
        conditions.append(matches)
    return statement.where(*conditions)
