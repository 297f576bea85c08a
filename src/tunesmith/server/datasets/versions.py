"""Data sets: names with versions, each a file that belongs to no other; made, changed, deleted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from tunesmith.schemas.errors import FileNotFound, InUse, SpecInvalid
from tunesmith.schemas.fixes import Fix
from tunesmith.schemas.versions import DatasetCreate, DatasetUpdate
from tunesmith.server import ids
from tunesmith.server.accounts.auth import Caller
from tunesmith.server.accounts.scope import owned
from tunesmith.server.datasets import service
from tunesmith.server.datasets.dataset_queries import FoundDataset, FoundVersion, absent, get, get_version
from tunesmith.server.datasets.tables import DatasetRow, DatasetVersionRow, FileRow
from tunesmith.server.storage import uses


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


async def _lock(session: AsyncSession, caller: Caller, dataset_id: str) -> DatasetRow:
    """The row, until the transaction ends nobody else's to change. Raises NotFound."""
    query = owned(select(DatasetRow), DatasetRow, caller).where(
        DatasetRow.id == dataset_id, DatasetRow.deleted_at.is_(None)
    )
    row = await session.scalar(query.with_for_update())
    if row is None:
        raise absent(dataset_id)
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
