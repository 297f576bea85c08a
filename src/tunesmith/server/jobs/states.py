"""The one place that changes a job's state: it checks that the step is legal, writes it, and tells it as events.

The state itself, the end of the attempt that it ends, and the events are one statement in the caller's transaction,
which holds the job's row lock. triggers.sql refuses illegal steps a second time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, LiteralString, cast

from psycopg.types.json import Jsonb

from tunesmith.schemas.errors import StateConflict
from tunesmith.schemas.jobs import JobStatus
from tunesmith.server.db import Connection
from tunesmith.server.events import service as events
from tunesmith.server.events.service import Entry

VALIDATING, QUEUED, RUNNING, PAUSED, SUCCEEDED, FAILED, CANCELLED = JobStatus

LEGAL: Mapping[JobStatus, frozenset[JobStatus]] = {
    VALIDATING: frozenset({QUEUED, FAILED, CANCELLED}),
    QUEUED: frozenset({RUNNING, PAUSED, FAILED, CANCELLED}),
    RUNNING: frozenset({QUEUED, PAUSED, SUCCEEDED, FAILED, CANCELLED}),
    PAUSED: frozenset({QUEUED, CANCELLED}),
    SUCCEEDED: frozenset(),
    FAILED: frozenset(),
    CANCELLED: frozenset(),
}
QUEUE_CHANNEL = "tunesmith_queue"

Outcome = Literal["succeeded", "failed", "cancelled", "lost", "released", "paused"]


@dataclass(frozen=True, slots=True)
class Ended:
    """How the live attempt of `epoch` ends; `digest` and `reply` let the same call be answered again."""

    epoch: int
    outcome: Outcome
    digest: bytes | None = None
    reply: Mapping[str, Any] | None = None


# What a state brings with itself, as SQL; `job` is the row before.
_BRINGS: Mapping[JobStatus, LiteralString] = {
    QUEUED: "queued_at = tunesmith_now()",
    RUNNING: "started_at = COALESCE(started_at, tunesmith_now()), attempts = attempts + 1, "
    "progress_at = tunesmith_now(), pause_requested = false",
    PAUSED: "pause_requested = false, phase = NULL, eta_s = NULL",
    SUCCEEDED: "finished_at = tunesmith_now(), eta_s = NULL, phase = NULL",
    FAILED: "finished_at = tunesmith_now(), eta_s = NULL, phase = NULL",
    CANCELLED: "finished_at = tunesmith_now(), eta_s = NULL, phase = NULL",
}
_FREED: LiteralString = "claim_id = NULL, worker_id = NULL, lease_expires_at = NULL"
_START: LiteralString = """
  attempt AS (
    UPDATE attempts SET phase = 'started', started_at = tunesmith_now()
    WHERE job_id = %(job_id)s AND epoch = %(started_epoch)s
  ),"""
_END: LiteralString = """
  attempt AS (
    UPDATE attempts SET phase = 'ended', outcome = %(outcome)s, ended_at = tunesmith_now(),
      end_step = (SELECT step FROM jobs WHERE id = %(job_id)s), outcome_digest = %(digest)s, outcome_reply = %(reply)s
    WHERE job_id = %(job_id)s AND epoch = %(ended_epoch)s
  ),"""


async def change(
    connection: Connection,
    job_id: str,
    now: JobStatus,
    to: JobStatus,
    entries: Sequence[Entry],
    *,
    started_epoch: int | None = None,
    ended: Ended | None = None,
    **columns: Any,
) -> None:
    """The job goes from `now`, as its locked row says, to `to`; its lease is freed when `ended` is given.

    `columns` are written along. Raises StateConflict, changing nothing, when that step is not legal.
    """
    if to not in LEGAL[now]:
        raise StateConflict(f"Job {job_id} is {now} and cannot become {to}.")
    await _write(connection, job_id, to, entries, started_epoch, ended, columns)


async def keep(
    connection: Connection, job_id: str, entries: Sequence[Entry], *, ended: Ended | None = None, **columns: Any
) -> None:
    """The state stays; an attempt may end and free the lease, columns are written, events are told."""
    await _write(connection, job_id, None, entries, None, ended, columns)


async def _write(
    connection: Connection,
    job_id: str,
    to: JobStatus | None,
    entries: Sequence[Entry],
    started_epoch: int | None,
    ended: Ended | None,
    columns: Mapping[str, Any],
) -> None:
    statement = _statement(to, started_epoch is not None, ended is not None, tuple(columns))
    values = {k: Jsonb(v) if isinstance(v, dict) else v for k, v in columns.items()}
    parameters: dict[str, Any] = values | {"job_id": job_id, "entries": events.packed(entries)}
    if to is not None:
        parameters["to"] = to.value
    if started_epoch is not None:
        parameters["started_epoch"] = started_epoch
    if ended is not None:
        reply = Jsonb(ended.reply) if ended.reply is not None else None
        parameters |= {"ended_epoch": ended.epoch, "outcome": ended.outcome, "digest": ended.digest, "reply": reply}
    await connection.execute(statement, parameters)


@lru_cache
def _statement(to: JobStatus | None, starts: bool, ends: bool, columns: tuple[str, ...]) -> LiteralString:
    """One statement for the job, its attempt, its events, and the hints to who waits.

    `columns` come from keyword arguments in this package, never from a request.
    """
    sets = [cast("LiteralString", f"{name} = %({name})s") for name in columns]
    if to is not None:
        sets += ["status = %(to)s", _BRINGS[to]]
    if ends:
        sets.append(_FREED)
    attempt = _START if starts else _END if ends else ""
    wake_queue = f", pg_notify('{QUEUE_CHANNEL}', '')" if to is QUEUED else ""
    statement = f"""
WITH job AS (
    UPDATE jobs SET {", ".join(sets) or "id = id"} WHERE id = %(job_id)s RETURNING watched_until
  ),{attempt}{events.INSERT}
SELECT CASE WHEN watched_until > tunesmith_now() THEN pg_notify('{events.CHANNEL}', %(job_id)s) END{wake_queue}
FROM job"""
    return cast("LiteralString", statement)
