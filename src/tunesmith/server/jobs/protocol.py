"""What the calls of a worker that holds a lease mean: report, fail, release. Each is one fenced transaction."""

import hashlib
from dataclasses import replace
from typing import Any

from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb
from pydantic import BaseModel

from tunesmith.schemas.jobs import JobError
from tunesmith.schemas.worker import (
    Command,
    FailReply,
    FailRequest,
    ReleaseReply,
    ReleaseRequest,
    ReportReply,
    ReportRequest,
    StreamPositions,
)
from tunesmith.server.db import Connection, Database
from tunesmith.server.events import service as events
from tunesmith.server.events.service import Entry
from tunesmith.server.jobs import fence, renewal, retry, states, streams
from tunesmith.server.jobs.fence import LeaseToken, Locked
from tunesmith.server.jobs.renewal import Renewed
from tunesmith.server.jobs.states import FAILED, PAUSED, QUEUED, RUNNING, Ended, Outcome
from tunesmith.server.jobs.streams import InOrder
from tunesmith.server.settings import Settings

PAUSE_GRACE_S = 300.0
"""Time for the checkpoint of a pause."""


async def report(db: Database, settings: Settings, token: LeaseToken, body: ReportRequest) -> ReportReply:
    """Renews the lease, starts the job at its first report, stores what is new, and says what the worker should do.

    A report that was overtaken by a later one changes nothing. Raises LeaseLost, AlreadyTerminal, and TooLarge for
    more items than MAX_ITEMS. The usual report is one statement; any other takes the row's lock and looks.
    """
    columns = _progress(body)
    given = streams.in_order(body, columns["total_steps"])
    if given is not None and (renewed := await _renew_in_order(db, settings, token, columns, given)) is not None:
        expected = StreamPositions(metrics=renewed.next_metric, logs=renewed.next_log, events=renewed.next_event)
        return _reply(settings, renewed, expected, *_command(renewed))
    async with db.lean() as connection:
        return await _report(connection, settings, token, body, columns)


async def _renew_in_order(
    db: Database, settings: Settings, token: LeaseToken, columns: dict[str, Any], given: InOrder
) -> Renewed | None:
    try:
        async with db.lean(each_alone=True) as connection:
            ttl_s = settings.lease_ttl_s
            return await renewal.renew_in_order(connection, token, ttl_s, columns | given.columns, given.parts)
    except UniqueViolation:
        return None


async def _report(
    connection: Connection, settings: Settings, token: LeaseToken, body: ReportRequest, columns: dict[str, Any]
) -> ReportReply:
    lease = await fence.hold(connection, token)
    if lease.draining:
        return _reply(settings, lease, positions(lease), "cancel", max(0.0, lease.left_s or 0.0))
    if body.report_seq <= lease.report_seq:
        return _reply(settings, lease, positions(lease), *_command(lease))
    if lease.status is QUEUED:
        lease = await start(connection, lease)
    total_steps = columns["total_steps"] if columns["total_steps"] is not None else lease.total_steps
    taken = await streams.take(connection, lease, body, total_steps)
    stored = {
        "next_metric": taken.positions.metrics,
        "next_log": taken.positions.logs,
        "next_event": taken.positions.events,
    }
    await renewal.renew(connection, token, settings.lease_ttl_s, columns | stored)
    reply = _reply(settings, lease, taken.positions, *_command(lease))
    return reply.model_copy(update={"conflicts": taken.conflicts, "truncated": taken.truncated})


async def start(connection: Connection, lease: Locked) -> Locked:
    """The job runs from now on; points beyond the checkpoint that it goes on from are hidden."""
    if lease.epoch > 1:
        await events.supersede(connection, lease.job_id, lease.epoch, lease.resume_step)
    entries = [started(lease)]
    await states.change(
        connection,
        lease.job_id,
        lease.status,
        RUNNING,
        entries,
        started_epoch=lease.epoch,
        step=lease.resume_step,
        phase=None,
    )
    return replace(lease, status=RUNNING, step=lease.resume_step, phase=None)


def started(lease: Locked) -> Entry:
    """What is told when the run begins."""
    if lease.resume_step:
        return Entry(f"Fine-tuning job resumed at step {lease.resume_step} on worker {lease.worker_id}")
    return Entry(f"Fine-tuning job started on worker {lease.worker_id}")


def positions(lease: Locked) -> StreamPositions:
    """What the server expects next of each stream."""
    return StreamPositions(metrics=lease.next_metric, logs=lease.next_log, events=lease.next_event)


def _progress(body: ReportRequest) -> dict[str, Any]:
    """Columns of RENEW, None for what the report does not tell."""
    started = body.started
    total = body.total if body.total is not None else started.total_steps if started else None
    return {
        "report_seq": body.report_seq,
        "phase": streams.storable(body.phase) if body.phase is not None else None,
        "step": streams.within(body.step) if body.step is not None else None,
        "total_steps": streams.within(total) if total is not None else None,
        "eta_s": body.eta_s if body.eta_s is not None and body.eta_s < 1e9 else None,
        "hyperparameters": Jsonb(started.hyperparameters.model_dump(mode="json")) if started else None,
        "checkup": Jsonb(streams.storable_json(body.checkup.model_dump(mode="json"))) if body.checkup else None,
        "resources": Jsonb(streams.storable_json(body.resources.model_dump(mode="json"))) if body.resources else None,
    }


def _command(lease: Locked | Renewed) -> tuple[Command, float]:
    return ("pause", PAUSE_GRACE_S) if lease.pause_requested else ("none", 0.0)


def _reply(
    settings: Settings, lease: Locked | Renewed, expected: StreamPositions, command: Command, grace_s: float
) -> ReportReply:
    return ReportReply(
        ttl_s=settings.lease_ttl_s,
        next_s=settings.watched_report_interval_s if lease.watched else settings.report_interval_s,
        next_seq=expected,
        command=command,
        grace_s=grace_s,
    )


async def fail(connection: Connection, settings: Settings, token: LeaseToken, body: FailRequest) -> FailReply:
    """Ends the attempt; the server decides whether the job is tried again. The same call again gets the same answer."""
    digest = digest_of(body)
    lease = await fence.hold_or_replay(connection, token, digest)
    if isinstance(lease, dict):
        return FailReply.model_validate(lease)
    if lease.draining:
        await _end_draining(connection, lease)
        return FailReply(status=lease.status, decision="final")
    decision = _decide(lease, body, settings.max_attempts)
    reply = FailReply(status=decision.to, decision="final" if decision.to is FAILED else "retry")
    await retry.carry_out(connection, lease, decision, _ended(lease, "failed", digest, reply))
    return reply


def _decide(lease: Locked, body: FailRequest, max_deaths: int) -> retry.Decision:
    message = streams.storable(body.message)
    code = streams.storable(body.code)
    match body.failure_class:
        case "user":
            return retry.failed(JobError(code=code, message=message))
        case "data":
            return retry.failed(JobError(code=code, message=message, param="training_file"))
        case "oom":
            return retry.out_of_memory(lease, message)
        case "internal":
            why = f"The training program broke: {message}"
            return retry.decide(lease, why, "death", max_deaths=max_deaths, code=code)
        case "infra" | "preempted" | "cancelled":
            why = f"The worker gave up ({body.failure_class}): {message}"
            return retry.decide(lease, why, "requeue", max_deaths=max_deaths, code=code)


async def release(connection: Connection, settings: Settings, token: LeaseToken, body: ReleaseRequest) -> ReleaseReply:
    """Ends the attempt in order: the job is queued again at once, or paused if that was asked."""
    digest = digest_of(body)
    lease = await fence.hold_or_replay(connection, token, digest)
    if isinstance(lease, dict):
        return ReleaseReply.model_validate(lease)
    if lease.draining:
        await _end_draining(connection, lease)
        return ReleaseReply(status=lease.status)
    why = f"Worker {lease.worker_id} handed the job back."
    decision = retry.decide(lease, why, "nothing", max_deaths=settings.max_attempts)
    reply = ReleaseReply(status=decision.to)
    outcome: Outcome = "paused" if decision.to is PAUSED else "released"
    await retry.carry_out(connection, lease, decision, _ended(lease, outcome, digest, reply))
    return reply


def digest_of(body: BaseModel) -> bytes:
    """sha256 of a call's meaning: the same call again has the same."""
    return hashlib.sha256(f"{type(body).__name__}{body.model_dump_json()}".encode()).digest()


def _ended(lease: Locked, outcome: Outcome, digest: bytes, reply: BaseModel) -> Ended:
    return Ended(lease.epoch, outcome, digest, reply.model_dump(mode="json"))


async def _end_draining(connection: Connection, lease: Locked) -> None:
    await states.keep(connection, lease.job_id, [], ended=Ended(lease.epoch, "cancelled"))
