"""Validating files: what a job's state of that name means. Files are read outside of any session."""

import asyncio
import datetime as dt
from typing import LiteralString

import structlog
from sqlalchemy import select

from tunesmith.schemas.errors import NotFound
from tunesmith.schemas.jobs import JobError
from tunesmith.schemas.records import kinds_of
from tunesmith.schemas.shape import Task, TrainingMethod
from tunesmith.server.datasets import service as datasets
from tunesmith.server.datasets.tables import FileRow
from tunesmith.server.db import Database
from tunesmith.server.events.service import Entry
from tunesmith.server.jobs import fence, retry, states
from tunesmith.server.jobs.states import QUEUED, VALIDATING
from tunesmith.server.jobs.submission import TURN_S
from tunesmith.server.jobs.tables import JobRow
from tunesmith.server.storage.blobs import BlobStore

log = structlog.get_logger()

# Of several servers one gets the job.
TAKE: LiteralString = """
UPDATE jobs SET checking_until = tunesmith_now() + %(turn)s
WHERE id = (
  SELECT id FROM jobs
  WHERE status = 'validating_files' AND (checking_until IS NULL OR checking_until <= tunesmith_now())
  ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id"""

RENEW_TURN: LiteralString = """
UPDATE jobs SET checking_until = tunesmith_now() + %(turn)s WHERE id = %(job_id)s AND status = 'validating_files'"""


async def take(db: Database) -> str | None:
    """The next job whose files nobody reads; None when there is none."""
    async with db.lean() as connection:
        row = await (await connection.execute(TAKE, {"turn": dt.timedelta(seconds=TURN_S)})).fetchone()
    return row[0] if row is not None else None


async def validate(db: Database, blobs: BlobStore, job_id: str) -> None:
    """Reads the files of a job that was taken; then it is queued, or failed with what is wrong in which lines."""
    reading = asyncio.create_task(_first_fault(db, blobs, job_id))
    try:
        while not (await asyncio.wait([reading], timeout=TURN_S / 3))[0]:
            async with db.lean() as connection:
                await connection.execute(RENEW_TURN, {"job_id": job_id, "turn": dt.timedelta(seconds=TURN_S)})
        fault = reading.result()
    finally:
        reading.cancel()
    async with db.lean() as connection:
        job = await fence.lock(connection, job_id)
        if job is None or job.status is not VALIDATING:
            return
        if fault is None:
            entry = Entry("Files validated, moving job to queued state")
            await states.change(connection, job_id, VALIDATING, QUEUED, [entry], not_before=job.now)
        else:
            await retry.carry_out(connection, job, retry.failed(fault), None)
    log.info("job.validated", job_id=job_id, fault=fault.code if fault else None)


async def _first_fault(db: Database, blobs: BlobStore, job_id: str) -> JobError | None:
    async with db.session() as session:
        job = await session.get_one(JobRow, job_id)
        wanted = {"training_file": job.training_file}
        if job.validation_file is not None:
            wanted["validation_file"] = job.validation_file
        found = await session.scalars(select(FileRow).where(FileRow.id.in_(wanted.values())))
        files = {file.id: file for file in found}
    for param, file_id in wanted.items():
        try:
            kinds = kinds_of(Task(job.task), TrainingMethod(job.method))
            fault = await datasets.check_for_task(
                blobs, files[file_id], Task(job.task), kinds, validation=param == "validation_file"
            )
        except NotFound:
            gone = f"The bytes of file {file_id} are gone from the server's storage. Upload it again."
            fault = JobError(code="invalid_training_file", message=gone)
        if fault is not None:
            return fault.model_copy(update={"param": param})
    return None
