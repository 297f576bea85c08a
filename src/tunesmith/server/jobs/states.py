"""The one place that changes a job's state: it checks that the step is legal, writes it, and tells it as events.

The state itself, the end of the attempt that it ends, the events and what the caller adds are one statement. Either
the caller's transaction holds the job's row lock, or the statement says itself what the row must still be like.
triggers.sql refuses illegal steps a second time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, Literal, LiteralString, cast

from psycopg.types.json import Jsonb

from tunesmith.schemas.errors import StateConflict
from tunesmith.schemas.jobs import JobStatus
from tunesmith.server.db import Connection
from tunesmith.server.events import service as events
from tunesmith.server.events.service import Entry
from tunesmith.server.jobs import phases

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


@dataclass(frozen=True, slots=True)
class Along:
    """What a change without a lock is bound to, and what is written with it."""

    given: LiteralString
    """SQL that must hold for the row of `jobs`, as ` AND ...`; where it does not, nothing at all is written."""
    parts: LiteralString
    """Further parts of the statement's WITH, each begun with a comma; `job` is the job's row after the change."""
    parameters: Mapping[str, Any]


# What a state brings with itself, as SQL; `job` is the row before.
_BRINGS: Mapping[JobStatus, LiteralString] = {
    QUEUED: "queued_at = tunesmith_now(), phases = " + phases.noted("'queued'"),
    RUNNING: "started_at = COALESCE(started_at, tunesmith_now()), attempts = attempts + 1, "
    "progress_at = tunesmith_now(), pause_requested = false",
    PAUSED: "pause_requested = false, phase = NULL, eta_s = NULL, phases = " + phases.noted("'paused'"),
    SUCCEEDED: "finished_at = tunesmith_now(), eta_s = NULL, phase = NULL",
    FAILED: "finished_at = tunesmith_now(), eta_s = NULL, phase = NULL",
    CANCELLED: "finished_at = tunesmith_now(), eta_s = NULL, phase = NULL",
}
_FREED: LiteralString = "claim_id = NULL, worker_id = NULL, lease_expires_at = NULL"
_STARTED: LiteralString = "started_at = COALESCE(started_at, tunesmith_now())"
_ENDED: LiteralString = """phase = 'ended', outcome = %(outcome)s, ended_at = tunesmith_now(),
      end_step = (SELECT step FROM jobs WHERE id = %(job_id)s), outcome_digest = %(digest)s,
      outcome_reply = %(reply)s"""


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
    _check(job_id, now, to)
    await _write(connection, job_id, (to,), entries, started_epoch, ended, None, columns)


async def succeed(
    connection: Connection,
    job_id: str,
    now: JobStatus,
    entries: Sequence[Entry],
    *,
    ended: Ended,
    along: Along,
    **columns: Any,
) -> bool:
    """The job, looked at without a lock, has succeeded, and `along` is written with it; False, and nothing is, when
    it has changed since. A queued one starts and ends at once: its run was over before the first report.

    Raises StateConflict when `now` cannot become succeeded, and UniqueViolation, changing nothing, when an event of
    somebody else's took the number that this one was about to have.
    """
    way = (RUNNING, SUCCEEDED) if now is QUEUED else (SUCCEEDED,)
    for before, to in pairwise((now, *way)):
        _check(job_id, before, to)
    started_epoch = ended.epoch if now is QUEUED else None
    return await _write(connection, job_id, way, entries, started_epoch, ended, along, columns)


def _check(job_id: str, now: JobStatus, to: JobStatus) -> None:
    if to not in LEGAL[now]:
        raise StateConflict(f"Job {job_id} is {now} and cannot become {to}.")


async def keep(
    connection: Connection, job_id: str, entries: Sequence[Entry], *, ended: Ended | None = None, **columns: Any
) -> None:
    """The state stays; an attempt may end and free the lease, columns are written, events are told."""
    await _write(connection, job_id, (), entries, None, ended, None, columns)


async def _write(
    connection: Connection,
    job_id: str,
    way: tuple[JobStatus, ...],
    entries: Sequence[Entry],
    started_epoch: int | None,
    ended: Ended | None,
    along: Along | None,
    columns: Mapping[str, Any],
) -> bool:
    """Whether the row was as `along` wants it; without `along` nobody asks, and no answer is waited for."""
    parts = (along.given, along.parts) if along is not None else None
    statement = _statement(way, started_epoch is not None, ended is not None, parts, tuple(columns))
    values = {k: Jsonb(v) if isinstance(v, dict) else v for k, v in columns.items()}
    parameters: dict[str, Any] = values | {"job_id": job_id, "entries": events.packed(entries)}
    if way:
        parameters["to"] = way[-1].value
    if ended is not None:
        reply = Jsonb(ended.reply) if ended.reply is not None else None
        parameters |= {"outcome": ended.outcome, "digest": ended.digest, "reply": reply}
    parameters["attempt_epoch"] = ended.epoch if ended is not None else started_epoch
    if along is not None:
        parameters.update(along.parameters)
    cursor = await connection.execute(statement, parameters)
    return along is None or await cursor.fetchone() is not None


@lru_cache
def _statement(
    way: tuple[JobStatus, ...],
    starts: bool,
    ends: bool,
    along: tuple[LiteralString, LiteralString] | None,
    columns: tuple[str, ...],
) -> LiteralString:
    """One statement for the job, its attempt, its events, what goes along, and the hints to who waits.

    `columns` come from keyword arguments in this package, never from a request.
    """
    given, parts = along or ("", "")
    sets = [cast("LiteralString", f"{name} = %({name})s") for name in columns]
    sets += ["status = %(to)s"] if way else []
    sets += [_BRINGS[state] for state in way]
    sets += [_FREED] if ends else []
    wake_queue = f", pg_notify('{QUEUE_CHANNEL}', '')" if QUEUED in way else ""
    statement = f"""
WITH job AS (
    UPDATE jobs SET {", ".join(sets) or "id = id"} WHERE id = %(job_id)s{given}
    RETURNING {"jobs.*" if along else "id, watched_until"}
  ),{_attempt(starts, ends)}{events.INSERT}{parts}
SELECT {events.WAKE}{wake_queue} FROM job"""
    return cast("LiteralString", statement)


def _attempt(starts: bool, ends: bool) -> LiteralString:
    """The part for the job's attempt, if it starts or ends."""
    if not starts and not ends:
        return ""
    phase = _ENDED if ends else "phase = 'started'"
    sets = f"{_STARTED}, {phase}" if starts else phase
    return f"""
  attempt AS (
    UPDATE attempts SET {sets} WHERE job_id = %(job_id)s AND epoch = %(attempt_epoch)s AND EXISTS (SELECT FROM job)
  ),"""
