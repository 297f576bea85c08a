"""The fence: who holds which job now.

A lease is a hint that somebody is at work; the fence is what keeps results safe. Each claim gets the next `epoch` and a
token over (job, epoch, claim). Every write of a worker begins with `hold`, which locks the job's row and checks all
three against it, so that a worker that lost its lease can change nothing, however late its call arrives.
"""

import datetime as dt
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, LiteralString
from uuid import UUID

from psycopg.rows import dict_row

from tunesmith.schemas.errors import AlreadyTerminal, Forbidden, LeaseLost, TunesmithError, Unauthenticated
from tunesmith.schemas.jobs import JobStatus
from tunesmith.server.db import Connection

LOCKED = """
  id AS job_id, project_id, created_by, organization, status, epoch, claim_id, worker_id, report_seq, next_metric,
  next_log, next_event, resume_step, phase, step, total_steps, progress_at, pause_requested, requeues, failed_step,
  failed_there, oom_retries, completing_since < tunesmith_now() - interval '60 seconds' AS gave_up_waiting,
  completing_since IS NOT NULL AS completing, EXTRACT(epoch FROM lease_expires_at - tunesmith_now())::float8 AS left_s,
  COALESCE(watched_until > tunesmith_now(), false) AS watched, tunesmith_now() AS now"""
LOCK = f"SELECT {LOCKED} FROM jobs WHERE id = %(job_id)s FOR UPDATE"

NOTE_COMPLETING = """
UPDATE jobs SET completing_since = COALESCE(completing_since, tunesmith_now())
WHERE id = %(job_id)s AND epoch = %(epoch)s AND claim_id = %(claim_id)s"""

REPLAY: LiteralString = """
SELECT outcome_reply FROM attempts
WHERE job_id = %(job_id)s AND epoch = %(epoch)s AND claim_id = %(claim_id)s AND outcome_digest = %(digest)s
  AND ended_at > tunesmith_now() - interval '24 hours'"""
"""The call that ended an attempt, and what it was answered: it is answered again for a day."""


@dataclass(frozen=True, slots=True)
class LeaseToken:
    """What a worker proves with: it holds `job_id` by the claim `claim_id` of `epoch`."""

    job_id: str
    epoch: int
    claim_id: UUID

    def signed(self, secret: bytes) -> str:
        """The token as it travels: tsl_JOB.EPOCH.CLAIM.SIGNATURE."""
        body = f"{self.job_id}.{self.epoch}.{self.claim_id.hex}"
        return f"tsl_{body}.{_signature(secret, body)}"


@dataclass(frozen=True, slots=True)
class Locked:
    """A job's row while this transaction holds its lock. Seconds by the database's clock."""

    job_id: str
    project_id: str
    created_by: str
    organization: str
    status: JobStatus
    epoch: int
    claim_id: UUID | None
    worker_id: str | None
    report_seq: int
    next_metric: int
    next_log: int
    next_event: int
    resume_step: int
    phase: str | None
    step: int
    total_steps: int | None
    progress_at: dt.datetime | None
    pause_requested: bool
    requeues: int
    failed_step: int | None
    failed_there: int
    oom_retries: int
    gave_up_waiting: bool | None
    completing: bool
    left_s: float | None
    watched: bool
    now: dt.datetime

    @property
    def draining(self) -> bool:
        """The job has ended, and its worker may still ask what to do: the answer is cancel."""
        return self.status.terminal

    def held_by(self, token: LeaseToken) -> bool:
        """Whether the token is that of the claim which holds the job."""
        return self.epoch == token.epoch and self.claim_id == token.claim_id


_NAMES = tuple(field.name for field in fields(Locked))


def read_token(text: str, secret: bytes) -> LeaseToken:
    """The token, its signature checked in constant time. Raises Unauthenticated, and Forbidden for an API key."""
    parts = text.removeprefix("tsl_").split(".")
    if not text.startswith("tsl_") or len(parts) != 4:
        if text.startswith(("tsk_", "tsw_", "tss_", "tsa_")):
            raise Forbidden("This call takes the lease token that came with the claim, not an API key.")
        raise Unauthenticated("This is no lease token. Send the one that came with the claim.")
    body, _, signature = text.removeprefix("tsl_").rpartition(".")
    if not hmac.compare_digest(signature.encode(), _signature(secret, body).encode()):
        raise Unauthenticated("The lease token is not valid. Send the one that came with the claim, unchanged.")
    return LeaseToken(parts[0], int(parts[1]), UUID(parts[2]))


def _signature(secret: bytes, body: str) -> str:
    return hmac.new(secret, body.encode(), hashlib.sha256).hexdigest()


async def lock(connection: Connection, job_id: str) -> Locked | None:
    """The job's row, locked until the transaction ends; None when there is no such job. Where each statement is a
    transaction of its own, that is only a look."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(LOCK, {"job_id": job_id})
        row = await cursor.fetchone()
    return locked_in(row) if row is not None else None


def locked_in(row: Mapping[str, Any]) -> Locked:
    """The columns LOCKED of a row that may have others too."""
    columns: dict[str, Any] = {name: row[name] for name in _NAMES}
    columns["status"] = JobStatus(columns["status"])
    return Locked(**columns)


async def hold(connection: Connection, token: LeaseToken) -> Locked:
    """The job's row, locked, if the token still holds it.

    Raises AlreadyTerminal when the job has ended and this claim with it, else LeaseLost.
    """
    row = await lock(connection, token.job_id)
    if row is None or not row.held_by(token):
        raise refusal(token, row)
    return row


async def hold_live(connection: Connection, token: LeaseToken) -> Locked:
    """As `hold`, and the job has not ended: what ended takes nothing more. Raises AlreadyTerminal."""
    row = await hold(connection, token)
    if row.status.terminal:
        raise refusal(token, row)
    return row


async def note_completing(connection: Connection, token: LeaseToken) -> None:
    """Notes the first complete of the epoch that came before all of its streams had."""
    await connection.execute(
        NOTE_COMPLETING, {"job_id": token.job_id, "epoch": token.epoch, "claim_id": token.claim_id}
    )


async def hold_or_replay(connection: Connection, token: LeaseToken, digest: bytes) -> Locked | dict[str, Any]:
    """As `hold`; or, when the call with this digest has ended the attempt before, what it was answered then."""
    row = await lock(connection, token.job_id)
    if row is not None and row.held_by(token):
        return row
    reply = await _replay(connection, token, digest)
    if reply is None:
        raise refusal(token, row)
    return reply


async def _replay(connection: Connection, token: LeaseToken, digest: bytes) -> dict[str, Any] | None:
    parameters = {
        "job_id": token.job_id,
        "epoch": token.epoch,
        "claim_id": token.claim_id,
        "digest": digest,
    }
    async with connection.cursor() as cursor:
        await cursor.execute(REPLAY, parameters)
        row = await cursor.fetchone()
    return row[0] if row is not None else None


def refusal(token: LeaseToken, row: Locked | None) -> TunesmithError:
    """Why the token holds nothing any more."""
    if row is not None and row.status.terminal:
        return AlreadyTerminal(f"Job {token.job_id} is {row.status} already. Stop working on it.")
    return LeaseLost(
        f"The lease of epoch {token.epoch} on job {token.job_id} has ended, so another worker may hold the job. "
        "Stop working on it and claim again."
    )
