"""The queue's SQL: who holds which job, by which claim, until when.

A lease is a hint that somebody is at work; the fence is what keeps results safe. Each claim gets the next `epoch` and a
token over (job, epoch, claim). Every write of a worker begins with `hold`, which locks the job's row and checks all
three against it, so that a worker that lost its lease can change nothing, however late its call arrives.
"""

import datetime as dt
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, LiteralString, TypeVar
from uuid import UUID

from psycopg.errors import UniqueViolation
from psycopg.rows import BaseRowFactory, class_row, dict_row
from psycopg.types.json import Jsonb

from tunesmith.schemas.errors import AlreadyTerminal, Forbidden, InFlight, LeaseLost, TunesmithError, Unauthenticated
from tunesmith.schemas.jobs import JobStatus
from tunesmith.schemas.worker import ClaimRequest
from tunesmith.server.accounts.auth import Caller
from tunesmith.server.db import Connection
from tunesmith.server.events import service as events
from tunesmith.server.jobs import phases

Row = TypeVar("Row")

# A worker's greeting: whose id it is, and the job that this very claim already holds (its reply was lost).
GREET = """
SELECT w.id IS NOT NULL AS known, w.key_id = %(key_id)s AS ours,
  w.session_id = %(session_id)s AND w.last_seen_at > tunesmith_now() - interval '10 seconds' AS fresh,
  (SELECT id FROM jobs WHERE claim_id = %(claim_id)s AND worker_id = %(worker_id)s AND status IN ('queued', 'running')
    AND (%(scope)s::text IS NULL OR project_id = %(scope)s)) AS held
FROM (SELECT 1) AS always LEFT JOIN workers w ON w.project_id = %(project_id)s AND w.id = %(worker_id)s"""

# An id stays with the key that first used it, until that key is revoked or has expired.
MEET = """
INSERT INTO workers (project_id, id, key_id, session_id, capabilities)
VALUES (%(project_id)s, %(worker_id)s, %(key_id)s, %(session_id)s, %(capabilities)s)
ON CONFLICT (project_id, id) DO UPDATE SET key_id = EXCLUDED.key_id, session_id = EXCLUDED.session_id,
  capabilities = EXCLUDED.capabilities, last_seen_at = tunesmith_now()
WHERE workers.key_id = EXCLUDED.key_id OR EXISTS (
  SELECT FROM api_keys k WHERE k.id = workers.key_id AND (k.revoked_at IS NOT NULL OR k.expires_at <= tunesmith_now()))
RETURNING id"""

_CLAIMED = """
  jobs.id AS job_id, jobs.project_id, jobs.epoch, jobs.claim_id, jobs.task, jobs.method, jobs.adaptation, jobs.backend,
  jobs.base, jobs.parent_model, jobs.inputs, jobs.validation_split, jobs.wanted, jobs.delivery, jobs.seed,
  jobs.oom_retries"""

# Of the queued jobs that the worker may and can run the one of the highest priority, of these the oldest. SKIP LOCKED
# lets two claimers take two jobs, never one.
# The commit need not reach the disk before the answer goes out: a crash that loses it loses a claim that nothing was
# built on (whatever the worker writes later is in the log behind it), and the token then fits no claim.
_CLAIM = f"""
WITH candidate AS (
    SELECT id FROM jobs
    WHERE status = 'queued' AND claim_id IS NULL AND not_before <= tunesmith_now() AND task = ANY(%(tasks)s)
      AND adaptation = ANY(%(adaptations)s) AND (%(scope)s::text IS NULL OR project_id = %(scope)s){{given}}
    ORDER BY priority DESC, created_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
  ), leased AS (
    UPDATE jobs SET epoch = epoch + 1, claim_id = %(claim_id)s, worker_id = %(worker_id)s,
      lease_expires_at = tunesmith_now() + %(start_deadline)s, report_seq = 0,
      next_metric = 0, next_log = 0, next_event = 0, completing_since = NULL,
      resume_step = COALESCE((SELECT max(step) FROM checkpoints c
        WHERE c.job_id = jobs.id AND c.kind = 'resume' AND c.dropped_at IS NULL), 0)
    FROM candidate WHERE jobs.id = candidate.id
    RETURNING jobs.*
  ), attempt AS (
    INSERT INTO attempts (job_id, epoch, claim_id, worker_id, session_id, phase)
    SELECT id, epoch, claim_id, worker_id, %(session_id)s, 'leased' FROM leased
  )
SELECT {_CLAIMED} FROM leased AS jobs CROSS JOIN set_config('synchronous_commit', 'off', true)"""
CLAIM = _CLAIM.format(given="")
# For a worker that was greeted a moment ago: its key is still live, and the worker's id still that key's.
CLAIM_AGAIN = _CLAIM.format(
    given="""
      AND EXISTS (SELECT FROM workers w JOIN api_keys k ON k.id = w.key_id
        WHERE w.project_id = %(project_id)s AND w.id = %(worker_id)s AND w.key_id = %(key_id)s
          AND w.session_id = %(session_id)s AND w.last_seen_at > tunesmith_now() - interval '10 seconds'
          AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > tunesmith_now())
          AND k.last_used_at > tunesmith_now() - interval '1 minute')"""
)

HELD = f"SELECT {_CLAIMED} FROM jobs WHERE id = %(job_id)s"

LOCKED = """
  id AS job_id, project_id, created_by, organization, status, epoch, claim_id, worker_id, report_seq, next_metric,
  next_log, next_event, resume_step, phase, step, total_steps, progress_at, pause_requested, requeues, failed_step,
  failed_there, oom_retries, completing_since < tunesmith_now() - interval '60 seconds' AS gave_up_waiting,
  completing_since IS NOT NULL AS completing, EXTRACT(epoch FROM lease_expires_at - tunesmith_now())::float8 AS left_s,
  COALESCE(watched_until > tunesmith_now(), false) AS watched, tunesmith_now() AS now"""
LOCK = f"SELECT {LOCKED} FROM jobs WHERE id = %(job_id)s FOR UPDATE"

# What a report does not tell stays as it is. The step stays within the total, whatever a worker says.
_STEP = "LEAST(COALESCE(%(step)s, step), COALESCE(%(total_steps)s, total_steps))"
RENEW = f"""
UPDATE jobs SET lease_expires_at = tunesmith_now() + %(ttl)s, report_seq = %(report_seq)s,
  next_metric = COALESCE(%(next_metric)s, next_metric), next_log = COALESCE(%(next_log)s, next_log),
  next_event = COALESCE(%(next_event)s, next_event),
  progress_at = CASE WHEN step IS DISTINCT FROM {_STEP} OR phase IS DISTINCT FROM COALESCE(%(phase)s, phase)
    THEN tunesmith_now() ELSE progress_at END,
  phases = CASE WHEN phase IS DISTINCT FROM COALESCE(%(phase)s, phase) THEN {phases.noted("%(phase)s::text")}
    ELSE phases END,
  phase = COALESCE(%(phase)s, phase), step = {_STEP}, total_steps = COALESCE(%(total_steps)s, total_steps),
  eta_s = %(eta_s)s, hyperparameters = COALESCE(%(hyperparameters)s, hyperparameters),
  checkup = COALESCE(%(checkup)s, checkup), resources = %(resources)s
WHERE id = %(job_id)s AND epoch = %(epoch)s AND claim_id = %(claim_id)s"""

# As RENEW, with the items of the report, for a run whose streams go on exactly where they were left.
RENEW_IN_ORDER = f"""
WITH job AS ({RENEW} AND status = 'running' AND report_seq < %(report_seq)s
      AND next_metric = COALESCE(%(first_metric)s, next_metric) AND next_log = COALESCE(%(first_log)s, next_log)
      AND next_event = COALESCE(%(first_event)s, next_event)
    RETURNING id, next_metric, next_log, next_event, pause_requested, watched_until
  ),{events.INSERT}{{parts}}
SELECT next_metric, next_log, next_event, pause_requested, COALESCE(watched_until > tunesmith_now(), false) AS watched,
  {events.WAKE} FROM job"""

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
class Claimed:
    """A leased job with all that its spec is made of."""

    job_id: str
    project_id: str
    epoch: int
    claim_id: UUID
    task: str
    method: str
    adaptation: str
    backend: str
    base: dict[str, Any]
    parent_model: str | None
    inputs: dict[str, Any]
    validation_split: float
    wanted: dict[str, Any]
    delivery: dict[str, Any] | None
    seed: int
    oom_retries: int


@dataclass(frozen=True, slots=True)
class Renewed:
    """What a report that came in order is answered by."""

    next_metric: int
    next_log: int
    next_event: int
    pause_requested: bool
    watched: bool


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


async def greet(connection: Connection, worker: Caller, scope: str | None, body: ClaimRequest) -> str | None:
    """Notes that the worker is there; the id of the job that this very claim holds already, if it does.

    `scope` is the project whose jobs it may have, None for all.

    Raises Forbidden when the worker's id belongs to another live key.
    """
    who = {
        "key_id": worker.key_id,
        "project_id": worker.project_id,
        "scope": scope,
        "worker_id": body.worker_id,
        "session_id": body.session_id,
        "claim_id": body.claim_id,
    }
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(GREET, who)
        found = await cursor.fetchone() or {}
        if not (found["ours"] and found["fresh"]):
            await cursor.execute(MEET, who | {"capabilities": Jsonb(body.capabilities.model_dump(mode="json"))})
            if await cursor.fetchone() is None:
                raise Forbidden(
                    f"The worker id {body.worker_id} belongs to another key. Choose another id, or revoke that key."
                )
        return found["held"]


async def claim(
    connection: Connection, scope: str | None, body: ClaimRequest, start_deadline_s: float
) -> Claimed | None:
    """Leases the oldest queued job of `scope` (None: of any project) that the worker can run; None when there is none.

    One statement, so no two workers hold the same job. Raises InFlight when the same claim is being answered elsewhere.
    """
    try:
        return await _one(connection, class_row(Claimed), CLAIM, _wanted(scope, body, start_deadline_s))
    except UniqueViolation as e:
        raise InFlight("The same claim is being answered by another call. Send it once more.") from e


async def claim_again(
    connection: Connection, worker: Caller, scope: str | None, body: ClaimRequest, start_deadline_s: float
) -> Claimed | None:
    """As `claim`, for a worker that was greeted a moment ago; the same statement asks whether it may claim still.

    None as well when it must be greeted first, when its key has ended, and when this very claim holds a job already.
    """
    who = {"project_id": worker.project_id, "key_id": worker.key_id}
    try:
        wanted = _wanted(scope, body, start_deadline_s)
        return await _one(connection, class_row(Claimed), CLAIM_AGAIN, wanted | who)
    except UniqueViolation:
        return None


def _wanted(scope: str | None, body: ClaimRequest, start_deadline_s: float) -> dict[str, Any]:
    return {
        "tasks": [task.value for task in body.capabilities.tasks],
        "adaptations": [adaptation.value for adaptation in body.capabilities.adaptations],
        "scope": scope,
        "claim_id": body.claim_id,
        "worker_id": body.worker_id,
        "session_id": body.session_id,
        "start_deadline": dt.timedelta(seconds=start_deadline_s),
    }


async def held(connection: Connection, job_id: str) -> Claimed | None:
    """The job as `claim` returned it."""
    return await _one(connection, class_row(Claimed), HELD, {"job_id": job_id})


async def lock(connection: Connection, job_id: str) -> Locked | None:
    """The job's row, locked until the transaction ends; None when there is no such job. Where each statement is a
    transaction of its own, that is only a look."""
    row = await _one(connection, dict_row, LOCK, {"job_id": job_id})
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


async def renew(connection: Connection, token: LeaseToken, ttl_s: float, columns: dict[str, Any]) -> None:
    """Moves the lease's end to `ttl_s` from now and writes what the report said; see RENEW for `columns`."""
    await connection.execute(
        RENEW,
        columns
        | {
            "job_id": token.job_id,
            "epoch": token.epoch,
            "claim_id": token.claim_id,
            "ttl": dt.timedelta(seconds=ttl_s),
        },
    )


async def renew_in_order(
    connection: Connection, token: LeaseToken, ttl_s: float, columns: dict[str, Any], parts: LiteralString
) -> Renewed | None:
    """As `renew`, with the items of the report: `entries` in `columns`, and what `parts` writes of them.

    One statement, which does nothing when the run is not running, the report was overtaken, or an item is missing or
    there already: None then, and the row must be looked at. None as well when an event of somebody else's took the
    number that an item was about to have.
    """
    parameters = columns | {
        "job_id": token.job_id,
        "epoch": token.epoch,
        "claim_id": token.claim_id,
        "ttl": dt.timedelta(seconds=ttl_s),
    }
    row = await (await connection.execute(RENEW_IN_ORDER.format(parts=parts), parameters)).fetchone()
    return Renewed(*row[:5]) if row is not None else None


async def _one(
    connection: Connection, rows: BaseRowFactory[Row], sql: LiteralString, parameters: dict[str, Any]
) -> Row | None:
    async with connection.cursor(row_factory=rows) as cursor:
        await cursor.execute(sql, parameters)
        return await cursor.fetchone()
