"""What users do with jobs: get, list, cancel, pause, resume, and read what was written about them."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from tunesmith.schemas.datasets import Checkup
from tunesmith.schemas.errors import Invalid, JobNotFound, NotFound, StateConflict
from tunesmith.schemas.jobs import JobStatus
from tunesmith.server.accounts.auth import Caller
from tunesmith.server.accounts.scope import owned
from tunesmith.server.db import driver
from tunesmith.server.events import service as events
from tunesmith.server.events.service import Entry, StoredEvent
from tunesmith.server.jobs import queue, retry, states
from tunesmith.server.jobs.queue import Locked
from tunesmith.server.jobs.states import CANCELLED, PAUSED, QUEUED, RUNNING, Ended
from tunesmith.server.jobs.tables import JobLogRow, JobRow
from tunesmith.server.models.tables import CheckpointRow


async def get(session: AsyncSession, caller: Caller, job_id: str) -> JobRow:
    """The caller's job. Raises JobNotFound, also for another project's."""
    row = await session.scalar(owned(select(JobRow).where(JobRow.id == job_id), JobRow, caller))
    if row is None:
        raise JobNotFound(job_id)
    return row


async def page(
    session: AsyncSession, caller: Caller, *, after: str | None, limit: int, metadata: Mapping[str, str] | None
) -> tuple[list[JobRow], bool]:
    """Jobs behind `after`, newest first, and whether more follow.

    `metadata` keeps those with all of its pairs; an empty mapping those without metadata.
    """
    statement: Select[JobRow] = owned(select(JobRow), JobRow, caller)
    if metadata is not None:
        matches = JobRow.labels.contains(dict(metadata)) if metadata else JobRow.labels.is_(None)
        statement = statement.where(matches)
    if after is not None:
        last = await session.scalar(owned(select(JobRow).where(JobRow.id == after), JobRow, caller))
        if last is None:
            raise Invalid(f"Invalid 'after': no job {after!r} to go on behind.", param="after")
        statement = statement.where(
            (JobRow.created_at < last.created_at) | ((JobRow.created_at == last.created_at) & (JobRow.id < last.id))
        )
    statement = statement.order_by(JobRow.created_at.desc(), JobRow.id.desc()).limit(limit + 1)
    rows = list(await session.scalars(statement))
    return rows[:limit], len(rows) > limit


async def cancel(session: AsyncSession, caller: Caller, job_id: str) -> JobRow:
    """The job, cancelled: final at once. Its worker hears it with its next report. Raises StateConflict at its end."""
    job = await _lock(session, caller, job_id)
    if job.status.terminal:
        raise StateConflict(f"Job {job_id} is {job.status} already and cannot be cancelled.")
    columns = retry.draining(job) if job.claim_id is not None else {}
    entry = Entry("Fine-tuning job was cancelled")
    await states.change(await driver(session), job_id, job.status, CANCELLED, [entry], **columns)
    return await _fresh(session, caller, job_id)


async def pause(session: AsyncSession, caller: Caller, job_id: str) -> JobRow:
    """The job, paused; a running one is paused once its worker has put down a checkpoint. Pausing twice is no error."""
    job = await _lock(session, caller, job_id)
    connection = await driver(session)
    if job.status is QUEUED:
        # A worker that took the job and did not start it yet is refused by its first report.
        ended = Ended(job.epoch, "lost") if job.claim_id is not None else None
        await states.change(connection, job_id, QUEUED, PAUSED, [Entry("Fine-tuning job paused")], ended=ended)
    elif job.status is RUNNING:
        if not job.pause_requested:
            entry = Entry("Pause requested: the worker puts down a checkpoint first")
            await states.keep(connection, job_id, [entry], pause_requested=True)
    elif job.status is not PAUSED:
        raise StateConflict(f"Job {job_id} is {job.status} and cannot be paused; only a queued or running job can.")
    return await _fresh(session, caller, job_id)


async def resume(session: AsyncSession, caller: Caller, job_id: str) -> JobRow:
    """The job, queued again, or running on when its pause was only asked for. Raises StateConflict otherwise."""
    job = await _lock(session, caller, job_id)
    connection = await driver(session)
    if job.status is PAUSED:
        entry = Entry("Fine-tuning job resumed: it waits for a worker")
        await states.change(connection, job_id, PAUSED, QUEUED, [entry], not_before=job.now)
    elif job.status is RUNNING and job.pause_requested:
        await states.keep(connection, job_id, [Entry("The pause was called off")], pause_requested=False)
    else:
        raise StateConflict(f"Job {job_id} is {job.status}, not paused, so there is nothing to resume.")
    return await _fresh(session, caller, job_id)


async def _lock(session: AsyncSession, caller: Caller, job_id: str) -> Locked:
    await get(session, caller, job_id)
    job = await queue.lock(await driver(session), job_id)
    if job is None:
        raise JobNotFound(job_id)
    return job


async def _fresh(session: AsyncSession, caller: Caller, job_id: str) -> JobRow:
    """The row as hand-written statements have left it."""
    session.expire_all()
    return await get(session, caller, job_id)


async def event_page(
    session: AsyncSession, caller: Caller, job_id: str, *, after: str | None, limit: int
) -> tuple[list[StoredEvent], bool]:
    """Events behind `after` in the list, newest first, and whether more follow."""
    await get(session, caller, job_id)
    before = events.seq_of("ftevent-", job_id, after, param="after") if after is not None else 0
    rows = await events.newest(await driver(session), job_id, before, limit + 1)
    return rows[:limit], len(rows) > limit


async def metric_page(
    session: AsyncSession, caller: Caller, job_id: str, *, after: str | None, limit: int
) -> tuple[list[StoredEvent], bool]:
    """Metric points behind `after`, oldest first, without those that a later epoch trained again."""
    await get(session, caller, job_id)
    seq = events.seq_of("ftmetric-", job_id, after, param="after") if after is not None else 0
    rows = await events.series(await driver(session), job_id, seq, limit + 1)
    return rows[:limit], len(rows) > limit


async def checkpoint_page(
    session: AsyncSession, caller: Caller, job_id: str, *, after: str | None, limit: int
) -> tuple[list[CheckpointRow], bool]:
    """Published checkpoints that are kept, newest first."""
    await get(session, caller, job_id)
    statement = select(CheckpointRow).where(
        CheckpointRow.job_id == job_id, CheckpointRow.kind == "published", CheckpointRow.dropped_at.is_(None)
    )
    if after is not None:
        last = await session.scalar(
            select(CheckpointRow.step).where(CheckpointRow.job_id == job_id, CheckpointRow.id == after)
        )
        if last is None:
            raise Invalid(f"Invalid 'after': no checkpoint {after!r} of this job.", param="after")
        statement = statement.where(CheckpointRow.step < last)
    rows = list(await session.scalars(statement.order_by(CheckpointRow.step.desc()).limit(limit + 1)))
    return rows[:limit], len(rows) > limit


async def checkup(session: AsyncSession, caller: Caller, job_id: str) -> Checkup:
    """What the job's run found in its data. Raises NotFound until a run has told it."""
    job = await get(session, caller, job_id)
    found = await session.scalar(select(JobRow.checkup).where(JobRow.id == job_id))
    if found is None:
        when = (
            "It ended before its data was checked." if JobStatus(job.status).terminal else "Ask again once it trains."
        )
        raise NotFound(f"Job {job_id} is {job.status} and has no data check-up. {when}", code="no_checkup")
    return Checkup.model_validate(found)


async def log_page(
    session: AsyncSession, caller: Caller, job_id: str, *, after: str | None, limit: int
) -> tuple[list[JobLogRow], bool]:
    """Log lines behind `after`, oldest first."""
    await get(session, caller, job_id)
    epoch, seq = _log_place(job_id, after) if after is not None else (0, -1)
    statement = (
        select(JobLogRow)
        .where(JobLogRow.job_id == job_id)
        .where((JobLogRow.epoch > epoch) | ((JobLogRow.epoch == epoch) & (JobLogRow.seq > seq)))
        .order_by(JobLogRow.epoch, JobLogRow.seq)
        .limit(limit + 1)
    )
    rows = list(await session.scalars(statement))
    return rows[:limit], len(rows) > limit


def _log_place(job_id: str, after: str) -> tuple[int, int]:
    head, _, seq = after.rpartition("-")
    head, _, epoch = head.rpartition("-")
    numbers = epoch.isascii() and epoch.isdigit() and seq.isascii() and seq.isdigit()
    if head != f"ftlog-{job_id.removeprefix('ftjob-')}" or not numbers or len(epoch + seq) > 30:
        raise Invalid(f"Invalid 'after': {after!r} is no id of this job's logs.", param="after")
    return int(epoch), int(seq)


def metadata_filter(query: Mapping[str, Any]) -> dict[str, str] | None:
    """`metadata[k]=v` pairs of a query, `metadata=null` as an empty mapping, None when there is neither."""
    if query.get("metadata") == "null":
        return {}
    pairs = {k[len("metadata[") : -1]: str(v) for k, v in query.items() if k.startswith("metadata[") and k[-1] == "]"}
    return pairs or None
