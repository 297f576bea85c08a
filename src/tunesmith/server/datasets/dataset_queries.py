"""Finding data sets and their versions; every query is scoped to the caller."""

from dataclasses import dataclass
from itertools import count
from typing import Any

from sqlalchemy import Select, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from tunesmith.schemas.errors import Invalid, NotFound
from tunesmith.schemas.records import KINDS_OF_TASK, RecordKind
from tunesmith.schemas.shape import Task
from tunesmith.server.accounts.auth import Caller
from tunesmith.server.accounts.scope import owned
from tunesmith.server.accounts.tables import ProjectRow, UserRow
from tunesmith.server.datasets.tables import DatasetRow, DatasetVersionRow, FileRow


@dataclass(frozen=True)
class FoundVersion:
    """A version with its file and the name of whoever made it."""

    row: DatasetVersionRow
    file: FileRow
    created_by: str


@dataclass(frozen=True)
class FoundDataset:
    """A data set with its newest version and the name of its project."""

    row: DatasetRow
    project: str
    newest: FoundVersion


@dataclass(frozen=True)
class Wanted:
    """Which data sets a list shows."""

    search: str | None = None
    """Letters of the name or description, in any case."""
    kind: RecordKind | None = None
    task: Task | None = None


async def get(session: AsyncSession, caller: Caller, dataset_id: str) -> FoundDataset:
    """The data set. Raises NotFound when it is absent, deleted or another project's."""
    found = (await session.execute(_newest(caller).where(DatasetRow.id == dataset_id))).first()
    if found is None:
        raise absent(dataset_id)
    return _found(found)


async def page(
    session: AsyncSession, caller: Caller, wanted: Wanted, *, after: str | None, limit: int
) -> tuple[list[FoundDataset], bool]:
    """One page, the last changed first, and whether there are more. Raises Invalid when `after` is none of the
    caller's; one deleted since its page was read still serves."""
    query = _newest(caller)
    for condition in _conditions(wanted):
        query = query.where(condition)
    place = tuple_(DatasetRow.updated_at, DatasetRow.id)
    if after is not None:
        last = await session.scalar(owned(select(DatasetRow), DatasetRow, caller).where(DatasetRow.id == after))
        if last is None:
            raise Invalid(f"Invalid 'after': there is no data set {after[:100]} to go on from.", param="after")
        query = query.where(place < tuple_(last.updated_at, last.id))
    query = query.order_by(DatasetRow.updated_at.desc(), DatasetRow.id.desc()).limit(limit + 1)
    rows = [_found(each) for each in await session.execute(query)]
    return rows[:limit], len(rows) > limit


async def version_page(
    session: AsyncSession, caller: Caller, dataset_id: str, *, after: int | None, limit: int
) -> tuple[list[FoundVersion], bool]:
    """Versions, the newest first, behind the one numbered `after`, and whether there are more. Raises NotFound."""
    await get(session, caller, dataset_id)
    query = _versions().where(DatasetVersionRow.dataset_id == dataset_id)
    if after is not None:
        query = query.where(DatasetVersionRow.version < after)
    rows = await session.execute(query.order_by(DatasetVersionRow.version.desc()).limit(limit + 1))
    found = [FoundVersion(*row) for row in rows]
    return found[:limit], len(found) > limit


async def get_version(session: AsyncSession, caller: Caller, dataset_id: str, version: int | None) -> FoundVersion:
    """One version, the newest for None. Raises NotFound."""
    newest = (await get(session, caller, dataset_id)).newest
    if version is None or version == newest.row.version:
        return newest
    query = _versions().where(DatasetVersionRow.dataset_id == dataset_id, DatasetVersionRow.version == version)
    found = (await session.execute(query)).first()
    if found is None:
        raise NotFound(
            f"The data set {dataset_id} has no version {version}; its newest is {newest.row.version}.", param="version"
        )
    return FoundVersion(*found)


async def file_of(session: AsyncSession, caller: Caller, named: str) -> FileRow:
    """The file of a version: `ds_...` is the newest of that data set, `ds_...@3` its third. Raises NotFound."""
    dataset_id, _, version = named.partition("@")
    if version and not (version.isascii() and version.isdigit() and len(version) < 10):
        raise NotFound(f"{named[:100]} names no version: write ds_...@3 for the third.", param="id")
    return (await get_version(session, caller, dataset_id, int(version) if version else None)).file


async def free_name(session: AsyncSession, project_id: str, wanted: str) -> str:
    """The name, or the first with a number behind it that is not taken in the project."""
    query = select(DatasetRow.name).where(
        DatasetRow.project_id == project_id,
        DatasetRow.deleted_at.is_(None),
        DatasetRow.name.startswith(wanted, autoescape=True),
    )
    taken = set(await session.scalars(query))
    return next(name for n in count(1) if (name := wanted if n == 1 else f"{wanted} {n}") not in taken)


def _newest(caller: Caller) -> Select[DatasetRow, str, DatasetVersionRow, FileRow, str]:
    """Every live data set of the caller with its newest version."""
    number = (
        select(func.max(DatasetVersionRow.version))
        .where(DatasetVersionRow.dataset_id == DatasetRow.id)
        .correlate(DatasetRow)
        .scalar_subquery()
    )
    query = (
        select(DatasetRow, ProjectRow.slug, DatasetVersionRow, FileRow, UserRow.name)
        .join(ProjectRow, ProjectRow.id == DatasetRow.project_id)
        .join(
            DatasetVersionRow,
            (DatasetVersionRow.dataset_id == DatasetRow.id) & (DatasetVersionRow.version == number),
        )
        .join(FileRow, FileRow.id == DatasetVersionRow.file_id)
        .join(UserRow, UserRow.id == DatasetVersionRow.created_by)
        .where(DatasetRow.deleted_at.is_(None))
    )
    return owned(query, DatasetRow, caller)


def _found(row: Any) -> FoundDataset:
    dataset, project, version, file, created_by = row
    return FoundDataset(dataset, project, FoundVersion(version, file, created_by))


def _versions() -> Select[DatasetVersionRow, FileRow, str]:
    return (
        select(DatasetVersionRow, FileRow, UserRow.name)
        .join(FileRow, FileRow.id == DatasetVersionRow.file_id)
        .join(UserRow, UserRow.id == DatasetVersionRow.created_by)
    )


def _conditions(wanted: Wanted) -> list[Any]:
    found: list[Any] = []
    if wanted.search:
        found.append(
            or_(
                DatasetRow.name.icontains(wanted.search, autoescape=True),
                DatasetRow.description.icontains(wanted.search, autoescape=True),
            )
        )
    if wanted.kind is not None:
        found.append(FileRow.kind == wanted.kind.value)
    if wanted.task is not None:
        found.append(FileRow.kind.in_([kind.value for kind in KINDS_OF_TASK[wanted.task]]))
    return found


def absent(dataset_id: str) -> NotFound:
    """The answer for one that is absent, deleted or another project's."""
    return NotFound(f"No such data set: {dataset_id}. GET /v1/datasets lists those of the project.", param="id")
