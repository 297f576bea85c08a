"""/v1/datasets: names with versions, each a file; fixes make a new version and leave the old one as it was."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from tunesmith.schemas.records import RecordKind
from tunesmith.schemas.shape import Deleted, Page, Task
from tunesmith.schemas.versions import Dataset, DatasetCreate, DatasetUpdate, DatasetVersion, VersionCreate
from tunesmith.server.accounts.auth import SessionDep, UserCaller, WaitingUserCaller
from tunesmith.server.datasets import dataset_queries, fixing, shapes, versions
from tunesmith.server.datasets.dataset_queries import Wanted
from tunesmith.server.db import Database
from tunesmith.server.storage import uses

router = APIRouter(prefix="/v1/datasets", tags=["datasets"])

Limit = Annotated[int, Query(ge=1, le=100)]
Number = Annotated[int, Path(ge=1, le=2_000_000_000)]


@router.post("")
async def create_dataset(body: DatasetCreate, caller: UserCaller, session: SessionDep) -> Dataset:
    """A name for an uploaded training file, which becomes version 1. A name is taken once in a project, and a file
    belongs to one version at most; from now on it is kept as long as the data set."""
    return shapes.dataset(await versions.create(session, caller, body))


@router.get("")
async def list_datasets(
    caller: UserCaller,
    session: SessionDep,
    search: Annotated[str | None, Query(max_length=200)] = None,
    kind: RecordKind | None = None,
    task: Task | None = None,
    after: str | None = None,
    limit: Limit = 20,
) -> Page[Dataset]:
    """The project's data sets, the last changed first. `search` looks into names and descriptions; `kind` is what the
    records of the newest version are, `task` what they can train."""
    wanted = Wanted((search or "").replace("\x00", "").strip() or None, kind, task)
    found, has_more = await dataset_queries.page(session, caller, wanted, after=after, limit=limit)
    data = [shapes.dataset(each) for each in found]
    return Page(
        data=data, first_id=data[0].id if data else None, last_id=data[-1].id if data else None, has_more=has_more
    )


@router.get("/{dataset_id}")
async def retrieve_dataset(dataset_id: str, caller: UserCaller, session: SessionDep) -> Dataset:
    """The data set with its newest version."""
    return shapes.dataset(await dataset_queries.get(session, caller, dataset_id))


@router.post("/{dataset_id}")
async def update_dataset(dataset_id: str, body: DatasetUpdate, caller: UserCaller, session: SessionDep) -> Dataset:
    """The data set under another name or description."""
    return shapes.dataset(await versions.update(session, caller, dataset_id, body))


@router.delete("/{dataset_id}")
async def delete_dataset(dataset_id: str, request: Request, caller: WaitingUserCaller) -> Deleted:
    """Deletes the data set with all its versions and their files. Jobs on them keep the bytes until they end."""
    db: Database = request.app.state.db
    async with db.session() as session:
        freed = await versions.delete(session, caller, dataset_id)
    await uses.sweep(db, request.app.state.blobs, freed)
    return Deleted(id=dataset_id, object="dataset")


@router.get("/{dataset_id}/versions")
async def list_versions(
    dataset_id: str,
    caller: UserCaller,
    session: SessionDep,
    after: Annotated[int | None, Query(ge=1, le=2_000_000_000)] = None,
    limit: Limit = 20,
) -> Page[DatasetVersion]:
    """Versions, the newest first; `after` is the number of the last one of the page before. Report and records of a
    version are those of its file: GET /v1/files/{id}/report and /records."""
    found, has_more = await dataset_queries.version_page(session, caller, dataset_id, after=after, limit=limit)
    data = [shapes.version(each) for each in found]
    return Page(
        data=data,
        first_id=str(data[0].version) if data else None,
        last_id=str(data[-1].version) if data else None,
        has_more=has_more,
    )


@router.get("/{dataset_id}/versions/{version}")
async def retrieve_version(dataset_id: str, version: Number, caller: UserCaller, session: SessionDep) -> DatasetVersion:
    """One version."""
    return shapes.version(await dataset_queries.get_version(session, caller, dataset_id, version))


@router.post("/{dataset_id}/versions")
async def create_version(
    dataset_id: str, body: VersionCreate, request: Request, caller: WaitingUserCaller
) -> DatasetVersion:
    """A new version: another file (`file_id`), or what `fixes` make of a version, in their order.

    Fixes read the whole file, so a large one takes a while. All of it or nothing: what changes no record, leaves none
    or cannot be done is 400 with the reason, and no version is made.
    """
    state = request.app.state
    db: Database = state.db
    if body.file_id is not None:
        async with db.session() as session:
            return shapes.version(await versions.add_file(session, caller, dataset_id, body.file_id, body.note))
    made = await fixing.fix(db, state.blobs, caller, dataset_id, body, limit_bytes=state.settings.max_file_bytes)
    return shapes.version(made)
