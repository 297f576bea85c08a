"""Starting an example: its data as files and a data set of the caller's project, and a job on them."""

import asyncio
import contextlib
import tempfile
from pathlib import Path

import structlog
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from tunesmith.base_models.catalog import Catalog
from tunesmith.demo import apart
from tunesmith.demo.examples import RUNS, DemoRun
from tunesmith.schemas.errors import NotFound, Unavailable
from tunesmith.schemas.jobs import JobCreate
from tunesmith.schemas.versions import DatasetCreate, StartedExample
from tunesmith.server.accounts.auth import Caller
from tunesmith.server.datasets import dataset_queries, shapes, versions
from tunesmith.server.datasets import service as datasets
from tunesmith.server.datasets.dataset_queries import FoundDataset
from tunesmith.server.datasets.receive import Received, receive_content
from tunesmith.server.datasets.tables import DatasetRow, DatasetVersionRow, FileRow
from tunesmith.server.db import Database
from tunesmith.server.jobs.submission import Shelves, submit
from tunesmith.server.storage import uses
from tunesmith.server.storage.blobs import BlobStore

log = structlog.get_logger()

READING_S = 120.0
"""The standard library is read in a few seconds; a busy machine takes longer."""


async def start(db: Database, blobs: BlobStore, catalog: Catalog, caller: Caller, example_id: str) -> StartedExample:
    """The example's data set and the job on it, both made together or not at all. Raises NotFound, and what making a
    job raises. The caller hands the job to the clockwork."""
    run = next((each for each in RUNS if each.id == example_id), None)
    if run is None:
        known = ", ".join(each.id for each in RUNS)
        raise NotFound(f"No such example: {example_id[:100]}. There are: {known}.", param="id")
    received = await _received(blobs, run)
    try:
        async with db.session() as session:
            return await _start(session, Shelves(catalog, blobs), caller, run, received)
    finally:
        await uses.sweep(db, blobs, [each.stored.sha256 for each in received])


async def _received(blobs: BlobStore, run: DemoRun) -> list[Received]:
    """The example's files, stored and checked as uploads are."""
    with tempfile.TemporaryDirectory(prefix="tunesmith-example-") as folder:
        paths = await _write(run, Path(folder))
        contents = [(path.name, await asyncio.to_thread(path.read_bytes)) for path in paths]
    return [await receive_content(blobs, name, content) for name, content in contents]


async def _write(run: DemoRun, folder: Path) -> list[Path]:
    """Has a program of its own write the files. Raises Unavailable when it cannot."""
    process = await asyncio.create_subprocess_exec(
        *apart.command(run, folder),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=folder,
    )  # fmt: skip
    try:
        printed, errors = await asyncio.wait_for(process.communicate(), READING_S)
    except TimeoutError as e:
        raise Unavailable(f"Reading the example's data took longer than {READING_S:.0f} s. Try again later.") from e
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode != 0:
        log.error("example.unreadable", example=run.id, stderr=errors.decode(errors="replace")[-2000:])
        raise Unavailable("The example's data could not be read here; the server's log says why. Try again later.")
    return apart.written(printed, folder).paths


async def _start(
    session: AsyncSession, shelves: Shelves, caller: Caller, run: DemoRun, received: list[Received]
) -> StartedExample:
    # Two who start it at the same time make one data set.
    await session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 12))"), {"name": f"{caller.project_id}/{run.id}"}
    )
    dataset, training_id = await _dataset(session, shelves.blobs, caller, run, received[0])
    validation = await _file(session, shelves.blobs, caller, received[1]) if received[1:] else None
    body = JobCreate.model_validate(
        {
            "model": run.model,
            "training_file": training_id,
            "validation_file": validation.id if validation else None,
            "hyperparameters": dict(run.hyperparameters),
            "task": run.task,
            "adaptation": run.adaptation,
            "validation_split": run.validation_split,
            "suffix": run.suffix,
            "seed": run.seed,
            "name": run.title,
        }
    )
    job = await submit(session, shelves, caller, body)
    return StartedExample(dataset=shapes.dataset(dataset), job_id=job.id)


async def _dataset(
    session: AsyncSession, blobs: BlobStore, caller: Caller, run: DemoRun, received: Received
) -> tuple[FoundDataset, str]:
    """The project's data set with the example's data as a version, and the file of that; made where there is none."""
    query = (
        select(DatasetRow.id, FileRow.id)
        .join(DatasetVersionRow, DatasetVersionRow.dataset_id == DatasetRow.id)
        .join(FileRow, FileRow.id == DatasetVersionRow.file_id)
        .where(
            DatasetRow.project_id == caller.project_id,
            DatasetRow.deleted_at.is_(None),
            FileRow.deleted_at.is_(None),
            FileRow.sha256 == received.stored.sha256,
        )
        .order_by(DatasetVersionRow.created_at)
        .limit(1)
    )
    found = (await session.execute(query)).first()
    if found is not None:
        return await dataset_queries.get(session, caller, found[0]), found[1]
    file = await datasets.create_file(session, blobs, caller, received)
    name = await dataset_queries.free_name(session, caller.project_id, run.dataset)
    body = DatasetCreate(name=name, file_id=file.id, description=f"{run.description} {run.licence}.")
    return await versions.create(session, caller, body), file.id


async def _file(session: AsyncSession, blobs: BlobStore, caller: Caller, received: Received) -> FileRow:
    """The project's file with these bytes under this name; made where there is none."""
    query = select(FileRow).where(
        FileRow.project_id == caller.project_id,
        FileRow.sha256 == received.stored.sha256,
        FileRow.filename == received.filename,
        FileRow.purpose == received.purpose,
        FileRow.deleted_at.is_(None),
        FileRow.expires_at.is_(None),
    )
    found = await session.scalar(query.order_by(FileRow.created_at).limit(1))
    return found or await datasets.create_file(session, blobs, caller, received)
