"""What users do with jobs: get, update, cancel, pause, resume, and read what was written about them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from tunesmith.schemas.datasets import Checkup
from tunesmith.schemas.errors import Invalid, JobNotFound, NotFound, SpecInvalid, StateConflict
from tunesmith.schemas.jobs import CancelOutcome, JobsCancelled, JobStatus, JobUpdate
from tunesmith.server.accounts.auth import Caller
from tunesmith.server.accounts.scope import owned
from tunesmith.server.db import driver
from tunesmith.server.events import service as events
from tunesmith.server.events.service import Entry, StoredEvent
from tunesmith.server.jobs import fence, retry, states, submission
from tunesmith.server.jobs.fence import Locked
from tunesmith.server.jobs.states import CANCELLED, PAUSED, QUEUED, RUNNING, Ended
from tunesmith.server.jobs.tables import RANKS, JobLogRow, JobRow
from tunesmith.server.models.tables import CheckpointRow


async def get(session: AsyncSession, caller: Caller, job_id: str) -> JobRow:
    """The caller's job. Raises JobNotFound, also for another project's."""
    row = await session.scalar(owned(select(JobRow).where(JobRow.id == job_id), JobRow, caller))
    if row is None:
        raise JobNotFound(job_id)
    return row


async def update(session: AsyncSession, caller: Caller, job_id: str, wanted: JobUpdate) -> JobRow:
    """The job with its new name and priority; what is None, or is so already, stays and is not told.

    Raises StateConflict for the priority of a job that has ended: there is nothing left to put in order.
    """
    job = await get(session, caller, job_id)
    locked = await _lock(session, caller, job_id)
    columns: dict[str, Any] = {}
    entries: list[Entry] = []
    if wanted.name is not None and wanted.name != job.name:
        if not submission.is_storable(wanted.name):
            raise SpecInvalid("'name' may hold neither NUL characters nor halves of surrogate pairs.", param="name")
        columns["name"] = wanted.name
        entries.append(Entry(f"Named {wanted.name}"))
    if wanted.priority is not None and RANKS[wanted.priority] != job.priority:
        if locked.status.terminal:
            raise StateConflict(
                f"Job {job_id} is {locked.status} already, so its priority cannot change; it orders jobs that wait.",
                param="priority",
            )
        columns["priority"] = RANKS[wanted.priority]
        entries.append(Entry(f"Priority set to {wanted.priority}"))
    if columns:
        await states.keep(await driver(session), job_id, entries, **columns)
    return await _fresh(session, caller, job_id)


async def cancel(session: AsyncSession, caller: Caller, job_id: str) -> JobRow:
    """The job, cancelled: final at once. Its worker hears it with its next report. Raises StateConflict at its end."""
    job = await _lock(session, caller, job_id)
    if job.status.terminal:
        raise StateConflict(f"Job {job_id} is {job.status} already and cannot be cancelled.")
    columns = retry.draining(job) if job.claim_id is not None else {}
    entry = Entry("Fine-tuning job was cancelled")
    await states.change(await driver(session), job_id, job.status, CANCELLED, [entry], **columns)
    return await _fresh(session, caller, job_id)


async def cancel_all(session: AsyncSession, caller: Caller, job_ids: Sequence[str]) -> JobsCancelled:
    """Cancels each of the jobs that has not ended; what became of each, in the order of `job_ids`."""
    outcomes: dict[str, CancelOutcome] = {}
    for job_id in sorted(set(job_ids)):  # two such calls take their locks in one order
        outcomes[job_id] = await _cancelled(session, caller, job_id)
    data = [outcomes[job_id] for job_id in dict.fromkeys(job_ids)]
    return JobsCancelled(data=data, n_cancelled=sum(each.outcome == "cancelled" for each in data))


async def _cancelled(session: AsyncSession, caller: Caller, job_id: str) -> CancelOutcome:
    try:
        await cancel(session, caller, job_id)
    except JobNotFound as e:
        return CancelOutcome(id=job_id, outcome="not_found", message=e.message)
    except StateConflict as e:
        status = JobStatus((await _fresh(session, caller, job_id)).status)
        return CancelOutcome(id=job_id, outcome="already_ended", status=status, message=e.message)
    return CancelOutcome(id=job_id, outcome="cancelled", status=CANCELLED, message=f"Job {job_id} is cancelled.")


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
    job = await fence.lock(await driver(session), job_id)
    if job is None:
        raise JobNotFound(job_id)
    return job


async def _fresh(session: AsyncSession, caller: Caller, job_id: str) -> JobRow:
    """The row as hand-written statements have left it."""
    session.expire_all()
    return await get(session, caller, job_id)


async def event_page(
    session: AsyncSession, caller: Caller, job_id: str, *, after: str | None, limit: int, only: str | None = None
) -> tuple[list[StoredEvent], bool]:
    """Events behind `after` in the list, newest first, and whether more follow; with `only` those of that type."""
    await get(session, caller, job_id)
    before = events.seq_of("ftevent-", job_id, after, param="after") if after is not None else 0
    rows = await events.newest(await driver(session), job_id, before, limit + 1, only)
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
    session: AsyncSession,
    caller: Caller,
    job_id: str,
    *,
    after: str | None,
    limit: int,
    newest_first: bool = False,
    search: str | None = None,
) -> tuple[list[JobLogRow], bool]:
    """Log lines behind `after` in the list, oldest first unless told; `search` keeps those with that text in them."""
    await get(session, caller, job_id)
    statement = select(JobLogRow).where(JobLogRow.job_id == job_id)
    place = tuple_(JobLogRow.epoch, JobLogRow.seq)
    if after is not None:
        last = tuple_(*(literal(number, BigInteger) for number in _log_place(job_id, after)))
        statement = statement.where(place < last if newest_first else place > last)
    if search:
        statement = statement.where(JobLogRow.text.icontains(search, autoescape=True))
    in_order = (JobLogRow.epoch.desc(), JobLogRow.seq.desc()) if newest_first else (JobLogRow.epoch, JobLogRow.seq)
    rows = list(await session.scalars(statement.order_by(*in_order).limit(limit + 1)))
    return rows[:limit], len(rows) > limit


def _log_place(job_id: str, after: str) -> tuple[int, int]:
    head, _, seq = after.rpartition("-")
    head, _, epoch = head.rpartition("-")
    numbers = epoch.isascii() and epoch.isdigit() and seq.isascii() and seq.isdigit()
    if head != f"ftlog-{job_id.removeprefix('ftjob-')}" or not numbers or len(epoch) > 18 or len(seq) > 18:
        raise Invalid(f"Invalid 'after': {after!r} is no id of this job's logs.", param="after")
    return int(epoch), int(seq)
