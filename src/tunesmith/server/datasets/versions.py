"""Data sets: names with versions, each a file that belongs to no other; made, found, changed, deleted."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from sqlalchemy import Select, func, or_, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from tunesmith.schemas.errors import FileNotFound, InUse, Invalid, NotFound, SpecInvalid
from tunesmith.schemas.fixes import Fix
from tunesmith.schemas.records import KINDS_OF_TASK, RecordKind
from tunesmith.schemas.shape import Task
from tunesmith.schemas.versions import DatasetCreate, DatasetUpdate
from tunesmith.server import ids
from tunesmith.server.accounts.auth import Caller
from tunesmith.server.accounts.scope import owned
from tunesmith.server.accounts.tables import ProjectRow, UserRow
from tunesmith.server.datasets import service
from tunesmith.server.datasets.tables import DatasetRow, DatasetVersionRow, FileRow
from tunesmith.server.storage import uses


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


@dataclass(frozen=True)
class Change:
    """What a version is against the one before it."""

    parent_version: int | None = None
    fixes: Sequence[Fix] = ()
    added: int = 0
    removed: int = 0
    note: str = ""


async def create(session: AsyncSession, caller: Caller, body: DatasetCreate) -> FoundDataset:
    """The data set with the file as its version 1. Raises SpecInvalid for a name that is taken or a file that cannot
    be one, InUse for a file of another version."""
    file = await _training_file(session, caller, body.file_id)
    dataset_id = ids.new_id("dataset")
    made = await session.scalar(
        insert(DatasetRow)
        .values(
            id=dataset_id,
            project_id=file.project_id,
            created_by=caller.user_id,
            name=body.name,
            description=body.description,
        )
        .on_conflict_do_nothing(index_elements=["project_id", "name"], index_where=text("deleted_at IS NULL"))
        .returning(DatasetRow.id)
    )
    if made is None:
        raise _name_taken(body.name)
    await _add(session, caller, dataset_id, 1, file, Change())
    return await get(session, caller, dataset_id)


async def get(session: AsyncSession, caller: Caller, dataset_id: str) -> FoundDataset:
    """The data set. Raises NotFound when it is absent, deleted or another project's."""
    found = (await session.execute(_newest(caller).where(DatasetRow.id == dataset_id))).first()
    if found is None:
        raise _absent(dataset_id)
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


async def add_file(session: AsyncSession, caller: Caller, dataset_id: str, file_id: str, note: str) -> FoundVersion:
    """Another file as the newest version. Raises as `create` does, and NotFound."""
    await _lock(session, caller, dataset_id)
    parent = (await get(session, caller, dataset_id)).newest
    file = await _training_file(session, caller, file_id)
    if file.project_id != parent.file.project_id:
        raise SpecInvalid(f"The file {file_id} and the data set {dataset_id} are of two projects.", param="file_id")
    grown = _n_records(file) - _n_records(parent.file)
    change = Change(parent.row.version, added=max(0, grown), removed=max(0, -grown), note=note)
    return await _added(session, caller, dataset_id, parent.row.version + 1, file, change)


async def add_fixed(
    session: AsyncSession, caller: Caller, dataset_id: str, file: FileRow, change: Change
) -> FoundVersion:
    """A file made by fixes as the newest version. Raises NotFound when the data set was deleted meanwhile."""
    await _lock(session, caller, dataset_id)
    newest = (await get(session, caller, dataset_id)).newest.row.version
    return await _added(session, caller, dataset_id, newest + 1, file, change)


async def update(session: AsyncSession, caller: Caller, dataset_id: str, body: DatasetUpdate) -> FoundDataset:
    """The data set under its new name or description. Raises NotFound, and SpecInvalid for a name that is taken."""
    row = await _lock(session, caller, dataset_id)
    if body.name is not None and body.name != row.name:
        await _check_free(session, row.project_id, body.name)
        row.name = body.name
    if body.description is not None:
        row.description = body.description
    row.updated_at = await _now(session)
    await session.flush()
    return await get(session, caller, dataset_id)


async def delete(session: AsyncSession, caller: Caller, dataset_id: str) -> list[str]:
    """Deletes the data set with its files; the sha256s to `uses.sweep` once that is committed. Jobs that train on them
    keep the bytes until they end. Raises NotFound."""
    row = await _lock(session, caller, dataset_id)
    row.deleted_at = now = await _now(session)
    files = await session.scalars(
        select(FileRow)
        .join(DatasetVersionRow, DatasetVersionRow.file_id == FileRow.id)
        .where(DatasetVersionRow.dataset_id == dataset_id, FileRow.deleted_at.is_(None))
    )
    freed: list[str] = []
    for file in files:
        file.deleted_at = now
        freed += await uses.let_go(session, file.id)
    return freed


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


async def _lock(session: AsyncSession, caller: Caller, dataset_id: str) -> DatasetRow:
    """The row, until the transaction ends nobody else's to change. Raises NotFound."""
    query = owned(select(DatasetRow), DatasetRow, caller).where(
        DatasetRow.id == dataset_id, DatasetRow.deleted_at.is_(None)
    )
    row = await session.scalar(query.with_for_update())
    if row is None:
        raise _absent(dataset_id)
    return row


async def _training_file(session: AsyncSession, caller: Caller, file_id: str) -> FileRow:
    try:
        file = await service.get_file(session, caller, file_id, lock=True)
    except FileNotFound as e:
        raise SpecInvalid(
            f"invalid file_id: {file_id[:100]}. There is no such file; POST /v1/files uploads one.", param="file_id"
        ) from e
    if file.purpose != "fine-tune":
        raise SpecInvalid(
            f"invalid file_id: {file_id} has purpose '{file.purpose}'. Upload it with purpose 'fine-tune'.",
            param="file_id",
        )
    return file


async def _added(
    session: AsyncSession, caller: Caller, dataset_id: str, version: int, file: FileRow, change: Change
) -> FoundVersion:
    await _add(session, caller, dataset_id, version, file, change)
    row = await session.get_one(DatasetRow, dataset_id)
    row.updated_at = await _now(session)
    await session.flush()
    return await get_version(session, caller, dataset_id, version)


async def _add(
    session: AsyncSession, caller: Caller, dataset_id: str, version: int, file: FileRow, change: Change
) -> None:
    made = await session.scalar(
        insert(DatasetVersionRow)
        .values(
            dataset_id=dataset_id,
            version=version,
            file_id=file.id,
            parent_version=change.parent_version,
            fixes=[fix.model_dump(mode="json") for fix in change.fixes],
            added=change.added,
            removed=change.removed,
            note=change.note,
            created_by=caller.user_id,
        )
        .on_conflict_do_nothing(index_elements=["file_id"])
        .returning(DatasetVersionRow.version)
    )
    if made is None:
        raise await _in_use(session, file)
    file.expires_at = None  # a file is kept as long as its data set
    await session.flush()


async def _in_use(session: AsyncSession, file: FileRow) -> InUse:
    query = (
        select(DatasetRow, DatasetVersionRow.version)
        .join(DatasetVersionRow, DatasetVersionRow.dataset_id == DatasetRow.id)
        .where(DatasetVersionRow.file_id == file.id)
    )
    dataset, version = (await session.execute(query)).one()
    return InUse(
        f"The file {file.id} is version {version} of the data set '{dataset.name}' ({dataset.id}). A file belongs to "
        "one version: upload it once more for another data set.",
        param="file_id",
    )


async def _check_free(session: AsyncSession, project_id: str, name: str) -> None:
    """Holds the name of the project until the transaction ends. Raises SpecInvalid when it is taken."""
    await session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 11))"), {"name": f"{project_id}/{name}"}
    )
    query = select(DatasetRow.id).where(
        DatasetRow.project_id == project_id, DatasetRow.name == name, DatasetRow.deleted_at.is_(None)
    )
    if await session.scalar(query):
        raise _name_taken(name)


async def _now(session: AsyncSession) -> Any:
    return await session.scalar(text("SELECT tunesmith_now()"))


def _n_records(file: FileRow) -> int:
    return (file.report or {}).get("n_records", 0)


def _name_taken(name: str) -> SpecInvalid:
    return SpecInvalid(
        f"There is a data set named '{name}' already. Choose another name, or add a version to it: "
        "POST /v1/datasets/{id}/versions.",
        param="name",
        code="name_taken",
    )


def _absent(dataset_id: str) -> NotFound:
    return NotFound(f"No such data set: {dataset_id}. GET /v1/datasets lists those of the project.", param="id")
