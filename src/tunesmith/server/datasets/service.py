"""Files: made, found, listed, deleted; and whether one can train a task."""

import asyncio
import datetime as dt
from collections.abc import Sequence
from typing import Any, Literal, LiteralString

from sqlalchemy import ColumnElement, and_, func, or_, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from tunesmith.schemas.datasets import FileReport
from tunesmith.schemas.errors import FileNotFound, InUse, Invalid
from tunesmith.schemas.jobs import JobError
from tunesmith.schemas.records import RecordKind
from tunesmith.schemas.shape import Task
from tunesmith.server import ids
from tunesmith.server.accounts.auth import Caller
from tunesmith.server.accounts.scope import owned
from tunesmith.server.datasets.receive import Received
from tunesmith.server.datasets.tables import DatasetVersionRow, FileRow
from tunesmith.server.datasets.validation import FileCheck, Findings
from tunesmith.server.db import Database
from tunesmith.server.storage import uses
from tunesmith.server.storage.blobs import BlobStore, Stored

MIN_CHAT_EXAMPLES = 10
"""Of a training file, as OpenAI has it; a validation file may be smaller."""
SHOWN_FAULTS = 3
Order = Literal["asc", "desc"]

# A part of the statement that ends a job, its part `job`: the file of its figures, and the hold on the file's bytes.
RESULT_PART: LiteralString = f""",
  file AS (
    INSERT INTO files (id, project_id, created_by, filename, purpose, sha256, size_bytes)
    SELECT %(holder)s, project_id, created_by, 'step_metrics.csv', 'fine-tune-results', %(sha256)s, %(size_bytes)s
    FROM job
  ){uses.HOLD_PART}"""


async def create_file(session: AsyncSession, blobs: BlobStore, caller: Caller, received: Received) -> FileRow:
    """The file of an upload. Raises Unavailable when its bytes were swept meanwhile."""
    file_id = ids.new_id("file")
    row = FileRow(
        id=file_id,
        project_id=caller.project_id,
        created_by=caller.user_id,
        filename=received.filename,
        purpose=received.purpose,
        sha256=received.stored.sha256,
        size_bytes=received.stored.size_bytes,
        status="processed",
    )
    if received.findings is not None:
        _describe(row, received.findings)
    return await _insert(session, blobs, row, received.stored, expires_after_s=received.expires_after_s)


def result_parameters(file_id: str, stored: Stored) -> dict[str, Any]:
    """What RESULT_PART takes. The bytes are stored; the caller looks again once it is committed."""
    return {"holder": file_id, "sha256": stored.sha256, "size_bytes": stored.size_bytes}


async def get_file(session: AsyncSession, caller: Caller, file_id: str, *, lock: bool = False) -> FileRow:
    """The file; with `lock` nobody else's to change until the transaction ends. Raises FileNotFound when it is absent,
    deleted, expired or another project's."""
    query = owned(select(FileRow), FileRow, caller).where(FileRow.id == file_id, *_live())
    row = await session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise FileNotFound(file_id)
    return row


async def list_files(
    session: AsyncSession,
    caller: Caller,
    *,
    purpose: str | None = None,
    after: str | None = None,
    limit: int = 10_000,
    order: Order = "desc",
) -> tuple[list[FileRow], bool]:
    """One page of the caller's files by age, and whether there are more.

    Raises Invalid when `after` is no file of the caller's; one deleted since its page was read still serves.
    """
    query = owned(select(FileRow), FileRow, caller).where(*_live())
    if purpose is not None:
        query = query.where(FileRow.purpose == purpose)
    place = tuple_(FileRow.created_at, FileRow.id)
    if after is not None:
        cursor = await session.scalar(owned(select(FileRow), FileRow, caller).where(FileRow.id == after))
        if cursor is None:
            raise Invalid(f"Invalid 'after': there is no file {after[:100]} to go on from.", param="after")
        last = tuple_(cursor.created_at, cursor.id)
        query = query.where(place > last if order == "asc" else place < last)
    columns = (FileRow.created_at, FileRow.id)
    ends = [column.asc() if order == "asc" else column.desc() for column in columns]
    rows = list(await session.scalars(query.order_by(*ends).limit(limit + 1)))
    return rows[:limit], len(rows) > limit


async def delete_file(session: AsyncSession, caller: Caller, file_id: str) -> list[str]:
    """Deletes the file; the sha256s to `uses.sweep` once that is committed. Who else holds the bytes keeps them:
    a job that trains on them, another file. Raises FileNotFound, and InUse for the version of a data set."""
    row = await get_file(session, caller, file_id, lock=True)
    version = await session.scalar(select(DatasetVersionRow).where(DatasetVersionRow.file_id == row.id))
    if version is not None:
        raise InUse(
            f"The file {file_id} is version {version.version} of the data set {version.dataset_id} and is kept as long "
            f"as that: DELETE /v1/datasets/{version.dataset_id} deletes both.",
            param="id",
        )
    row.deleted_at = await session.scalar(text("SELECT tunesmith_now()"))
    return await uses.let_go(session, row.id)


async def hold_for(session: AsyncSession, blobs: BlobStore, file: FileRow, *, holder: str) -> None:
    """Keeps the file's bytes for `holder`, a job's id, though the file be deleted; `uses.let_go` ends it."""
    stored = Stored(file.sha256, file.size_bytes)
    await uses.hold(session, blobs, [stored], project_id=file.project_id, holder=holder)


async def delete_expired(db: Database, blobs: BlobStore) -> int:
    """Deletes files past their time; how many."""
    async with db.session() as session:
        expired = FileRow.expires_at <= func.tunesmith_now()
        rows = list(
            await session.scalars(
                select(FileRow)
                .where(FileRow.deleted_at.is_(None), expired)
                .limit(1000)
                .with_for_update(skip_locked=True)
            )
        )
        freed: list[str] = []
        for row in rows:
            row.deleted_at = row.expires_at
            freed += await uses.let_go(session, row.id)
    await uses.sweep(db, blobs, freed)
    return len(rows)


async def check_for_task(
    blobs: BlobStore, file: FileRow, task: Task, kinds: Sequence[RecordKind], *, validation: bool = False
) -> JobError | None:
    """What forbids training the task on the file's records, which must be of `kinds`; None when nothing does.

    The stored bytes are read anew. A file for `validation` may hold fewer examples, and one label only.

    `param` is the caller's to fill. Hold no session meanwhile: a large file takes a while.
    """
    if file.format not in ("jsonl", "csv", "tsv", "fasta"):
        return JobError(
            code="invalid_file_format", message=f"The file {file.id} ({file.filename}) is no training file."
        )
    check = FileCheck(file.format, "gzip" if file.compression else None, hints=False)
    try:
        async for piece in blobs.open(file.sha256):
            await asyncio.to_thread(check.feed, piece)
        findings = await asyncio.to_thread(check.finish)
    except Invalid as e:
        return JobError(code="invalid_file_format", message=e.message)
    return verdict(findings, file, task, kinds, validation=validation)


def verdict(
    findings: Findings, file: FileRow, task: Task, kinds: Sequence[RecordKind], *, validation: bool
) -> JobError | None:
    """The same from what a check found."""
    if findings.kind is not None and findings.kind not in kinds:
        return JobError(
            code="invalid_file_format",
            message=f"The file {file.id} holds {findings.kind} records, and a {task} job trains on "
            f"{', '.join(kinds)} records. Name another task or another file.",
        )
    if findings.n_faults:
        first = " ".join(fault.message for fault in findings.faults[:SHOWN_FAULTS])
        more = f" And {findings.n_faults - SHOWN_FAULTS:,} more." if findings.n_faults > SHOWN_FAULTS else ""
        return JobError(
            code="invalid_training_file",
            message=f"The file {file.id} has {_lines(findings.n_faults)} at fault. {first}{more} "
            f"GET /v1/files/{file.id}/report lists them.",
        )
    needed = MIN_CHAT_EXAMPLES if task is Task.CHAT and not validation else 1
    if findings.n_records < needed:
        return JobError(
            code="invalid_n_examples",
            message=f"The file {file.id} has {findings.n_records} examples, and at least {needed} are "
            "needed. Add some and upload it again.",
        )
    if task is Task.CLASSIFICATION and not validation and findings.n_labels < (1 if findings.multi_label else 2):
        only = f"the label '{next(iter(findings.labels))}' alone" if findings.labels else "no label at all"
        return JobError(
            code="invalid_training_file",
            message=f"The file {file.id} has {only}, so there is nothing to tell apart. Add records of another label.",
        )
    return None


def report_of(row: FileRow) -> FileReport:
    """The file's report; an empty one of a file that was not checked."""
    if row.report is None:
        return FileReport(file_id=row.id, kind=None, format=None, n_records=0, n_faults=0)
    return FileReport.model_validate(row.report)


def _describe(row: FileRow, findings: Findings) -> None:
    row.kind = findings.kind
    row.format = findings.format
    row.compression = findings.compression
    row.report = findings.report(row.id).model_dump(mode="json")
    if findings.n_faults:
        row.status_details = (
            f"{_lines(findings.n_faults)} at fault: a job on this file will fail. "
            f"GET /v1/files/{row.id}/report lists them."
        )


async def _insert(
    session: AsyncSession, blobs: BlobStore, row: FileRow, stored: Stored, *, expires_after_s: int | None
) -> FileRow:
    now: dt.datetime = (await session.scalars(select(func.tunesmith_now()))).one()
    row.created_at = now
    row.expires_at = now + dt.timedelta(seconds=expires_after_s) if expires_after_s else None
    session.add(row)
    await uses.hold(session, blobs, [stored], project_id=row.project_id, holder=row.id)
    await session.flush()
    return row


def _live() -> Sequence[ColumnElement[bool]]:
    not_expired = or_(FileRow.expires_at.is_(None), FileRow.expires_at > func.tunesmith_now())
    return (and_(FileRow.deleted_at.is_(None), not_expired),)


def _lines(n: int) -> str:
    return f"{n:,} line{'s' if n != 1 else ''}"
