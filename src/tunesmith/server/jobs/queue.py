"""The queue's SQL: which worker gets which job, by which claim."""

import datetime as dt
from dataclasses import dataclass
from typing import Any, LiteralString, TypeVar
from uuid import UUID

from psycopg.errors import UniqueViolation
from psycopg.rows import BaseRowFactory, class_row, dict_row
from psycopg.types.json import Jsonb

from tunesmith.schemas.errors import Forbidden, InFlight
from tunesmith.schemas.worker import ClaimRequest
from tunesmith.server.accounts.auth import Caller
from tunesmith.server.db import Connection

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
    """Leases the next queued job of `scope` (None: of any project) that the worker can run; None when there is none.

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


async def _one(
    connection: Connection, rows: BaseRowFactory[Row], sql: LiteralString, parameters: dict[str, Any]
) -> Row | None:
    async with connection.cursor(row_factory=rows) as cursor:
        await cursor.execute(sql, parameters)
        return await cursor.fetchone()
