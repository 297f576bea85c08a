"""One search over everything that a caller has: jobs, data sets, files, models, projects and keys."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from sqlalchemy import ColumnElement, case, desc, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from tunesmith.base_models.catalog import Catalog
from tunesmith.schemas.jobs import JobStatus
from tunesmith.schemas.operations import SearchHit
from tunesmith.schemas.shape import Page
from tunesmith.server.accounts.auth import Caller, SessionDep, UserCaller
from tunesmith.server.accounts.scope import owned
from tunesmith.server.accounts.tables import ApiKeyRow, MemberRow, ProjectRow, UserRow
from tunesmith.server.clock import epoch_s
from tunesmith.server.datasets.tables import DatasetRow, FileRow
from tunesmith.server.jobs.tables import JobRow
from tunesmith.server.models.tables import ModelVersionRow

router = APIRouter(tags=["operations"])

WORDS = 8
_STATES = {
    JobStatus.VALIDATING_FILES: "Checking data",
    JobStatus.QUEUED: "Waiting",
    JobStatus.RUNNING: "Running",
    JobStatus.PAUSED: "Paused",
    JobStatus.SUCCEEDED: "Completed",
    JobStatus.FAILED: "Failed",
    JobStatus.CANCELLED: "Cancelled",
}
EXACT, BEGINS, WORD_BEGINS, HOLDS = 4, 3, 2, 1


@router.get("/v1/search")
async def search(
    request: Request,
    caller: UserCaller,
    session: SessionDep,
    q: Annotated[str, Query(max_length=200)] = "",
    limit: Annotated[int, Query(ge=1, le=50)] = 10,
) -> Page[SearchHit]:
    """What the caller may see and whose name or id holds each word of `q`, best first; without `q` the newest work.

    A name that is `q` comes first, then one that begins with it, then one with a word that does. An id counts like a
    name, whole or without its prefix.
    """
    words = q.lower().split()[:WORDS]
    found: list[_Found] = []
    for noun in _NOUNS if words else _NEWEST:
        found += await noun(session, caller, words, limit + 1)
    found += _base_models(request.app.state.catalog, words) if words else []
    found.sort(key=lambda each: (-each.rank, -(each.hit.created_at or 0)))
    hits = [each.hit for each in found[:limit]]
    first, last = (hits[0].id, hits[-1].id) if hits else (None, None)
    return Page(data=hits, first_id=first, last_id=last, has_more=len(found) > limit)


@dataclass(frozen=True)
class _Found:
    rank: int
    hit: SearchHit


_Noun = Callable[[AsyncSession, Caller, Sequence[str], int], Any]


async def _jobs(session: AsyncSession, caller: Caller, words: Sequence[str], limit: int) -> list[_Found]:
    row = JobRow
    title = func.coalesce(row.name, row.suffix, row.model)
    names = (title, row.id, row.model, row.suffix, row.fine_tuned_model, row.family)
    columns = (row.id, title, row.status, row.model, row.created_at)
    rows: Any = await session.execute(owned(_ranked(columns, title, names, words, row, limit), row, caller))
    return [
        _found(rank, "fine_tuning.job", id_, title, f"{_STATES[JobStatus(status)]} · {model}", at)
        for id_, title, status, model, at, rank in rows
    ]


async def _datasets(session: AsyncSession, caller: Caller, words: Sequence[str], limit: int) -> list[_Found]:
    row = DatasetRow
    columns = (row.id, row.name, row.description, row.created_at)
    statement = _ranked(columns, row.name, (row.name, row.id), words, row, limit).where(row.deleted_at.is_(None))
    rows: Any = await session.execute(owned(statement, row, caller))
    return [_found(rank, "dataset", id_, name, told or "Data set", at) for id_, name, told, at, rank in rows]


async def _files(session: AsyncSession, caller: Caller, words: Sequence[str], limit: int) -> list[_Found]:
    row = FileRow
    columns = (row.id, row.filename, row.purpose, row.created_at)
    statement = _ranked(columns, row.filename, (row.filename, row.id), words, row, limit).where(
        row.deleted_at.is_(None)
    )
    rows: Any = await session.execute(owned(statement, row, caller))
    return [_found(rank, "file", id_, name, f"File for {purpose}", at) for id_, name, purpose, at, rank in rows]


async def _models(session: AsyncSession, caller: Caller, words: Sequence[str], limit: int) -> list[_Found]:
    row = ModelVersionRow
    columns = (row.id, row.family, row.version, row.base_model, row.job_id, row.created_at)
    statement = _ranked(columns, row.id, (row.id, row.family, row.job_id), words, row, limit).where(
        row.deleted_at.is_(None)
    )
    rows: Any = await session.execute(owned(statement, row, caller))
    return [
        _found(rank, "model", id_, id_, f"{family}, version {version}, tuned from {base}", at, job_id)
        for id_, family, version, base, job_id, at, rank in rows
    ]


async def _projects(session: AsyncSession, caller: Caller, words: Sequence[str], limit: int) -> list[_Found]:
    """Those that the caller may act in; an admin's key in all."""
    row = ProjectRow
    statement = _ranked((row.id, row.slug, row.created_at), row.slug, (row.slug, row.id), words, row, limit)
    if not caller.sees_all:
        own = select(UserRow.project_id).where(UserRow.id == caller.user_id)
        joined = select(MemberRow.project_id).where(MemberRow.user_id == caller.user_id)
        statement = statement.where(or_(row.id == caller.project_id, row.id.in_(own), row.id.in_(joined)))
    rows: Any = await session.execute(statement)
    return [_found(rank, "project", id_, slug, "Project", at) for id_, slug, at, rank in rows]


async def _keys(session: AsyncSession, caller: Caller, words: Sequence[str], limit: int) -> list[_Found]:
    """The caller's own, by name or visible beginning."""
    row = ApiKeyRow
    columns = (row.id, row.name, row.prefix, row.kind, row.created_at)
    statement = _ranked(columns, row.name, (row.name, row.id, row.prefix), words, row, limit).where(
        row.revoked_at.is_(None), row.user_id == caller.user_id
    )
    rows: Any = await session.execute(owned(statement, row, caller))
    return [
        _found(rank, "api_key", id_, name, f"{kind.capitalize()} key {prefix}…", at)
        for id_, name, prefix, kind, at, rank in rows
    ]


_NEWEST: tuple[_Noun, ...] = (_jobs, _datasets, _models, _files)
_NOUNS: tuple[_Noun, ...] = (*_NEWEST, _projects, _keys)


def _ranked(
    columns: Sequence[Any], title: Any, names: Sequence[Any], words: Sequence[str], row: Any, limit: int
) -> Any:
    """Rows of which each word stands in some name, with their rank as the last column, best and newest first."""
    rank = _rank(title, row.id, " ".join(words)).label("rank")
    text = func.concat_ws(" ", *names)
    matches = [text.icontains(word, autoescape=True) for word in words]
    return select(*columns, rank).where(*matches).order_by(desc("rank"), row.created_at.desc()).limit(limit)


def _rank(title: Any, row_id: Any, asked: str) -> ColumnElement[int]:
    if not asked:
        return func.coalesce(0, 0)  # all alike: the newest first
    bare = func.regexp_replace(row_id, "^[a-z]+[-_]", "")
    return case(
        (or_(func.lower(title) == asked, func.lower(row_id) == asked, func.lower(bare) == asked), EXACT),
        (
            or_(
                title.istartswith(asked, autoescape=True),
                row_id.istartswith(asked, autoescape=True),
                bare.istartswith(asked, autoescape=True),
            ),
            BEGINS,
        ),
        (func.regexp_replace(title, "[^[:alnum:]]+", " ", "g").icontains(f" {asked}", autoescape=True), WORD_BEGINS),
        else_=HOLDS,
    )


def _base_models(catalog: Catalog, words: Sequence[str]) -> list[_Found]:
    asked = " ".join(words)
    found: list[_Found] = []
    for entry in catalog.entries:
        names = f"{entry.title} {entry.key}".lower()
        if not all(word in names for word in words):
            continue
        whole = asked in (entry.key.lower(), entry.title.lower())
        begins = entry.key.lower().startswith(asked) or entry.title.lower().startswith(asked)
        rank = EXACT if whole else BEGINS if begins else WORD_BEGINS if f" {asked}" in names else HOLDS
        told = f"Base model for {', '.join(entry.tasks)} · {entry.licence}"
        found.append(_Found(rank, SearchHit(object="base_model", id=entry.key, title=entry.title, subtitle=told)))
    return found


def _found(
    rank: int, noun: Any, id_: str, title: str, subtitle: str, at: dt.datetime, job_id: str | None = None
) -> _Found:
    created_at = epoch_s(at)
    hit = SearchHit(object=noun, id=id_, title=title, subtitle=subtitle[:300], created_at=created_at, job_id=job_id)
    return _Found(rank, hit)
