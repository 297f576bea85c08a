"""A job's events: adding them, reading them, and their public shape.

Whoever adds holds the job's row lock (jobs/fence.py), so that `seq` grows in the order of commits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, LiteralString

import orjson
from psycopg.rows import class_row

from tunesmith.schemas.errors import Invalid
from tunesmith.schemas.jobs import JobEvent, JobMetric
from tunesmith.server.clock import epoch_s
from tunesmith.server.db import Connection
from tunesmith.server.events.tables import JobEventRow

CHANNEL = "tunesmith_events"

# Fits behind `WITH` of a statement whose part `job` has the job's locked row. %(entries)s is a JSON array.
INSERT = """
  event AS (
    INSERT INTO job_events (job_id, seq, created_at, level, type, message, data, epoch, stream_seq, step)
    SELECT job.id, n + COALESCE((SELECT max(seq) FROM job_events WHERE job_id = %(job_id)s), 0),
      tunesmith_now(), e->>'level', e->>'type', e->>'message', NULLIF(e->'data', 'null'),
      (e->>'epoch')::bigint, (e->>'stream_seq')::bigint, (e->>'step')::bigint
    FROM job, jsonb_array_elements(%(entries)s::jsonb) WITH ORDINALITY AS given(e, n)
  )"""
# Wakes who follows the job, once the transaction commits.
WAKE = f"CASE WHEN watched_until > tunesmith_now() THEN pg_notify('{CHANNEL}', job.id) END"

APPEND = f"""
WITH job AS (SELECT id, watched_until FROM jobs WHERE id = %(job_id)s),{INSERT}
SELECT {WAKE} FROM job"""

PAGE = """
SELECT job_id, seq, created_at, level, type, message, data FROM job_events
WHERE job_id = %(job_id)s AND seq > %(after)s ORDER BY seq LIMIT %(limit)s"""

PAGE_BACKWARDS = """
SELECT job_id, seq, created_at, level, type, message, data FROM job_events
WHERE job_id = %(job_id)s AND (%(after)s = 0 OR seq < %(after)s) AND (%(type)s::text IS NULL OR type = %(type)s)
ORDER BY seq DESC LIMIT %(limit)s"""

SERIES = """
SELECT job_id, seq, created_at, level, type, message, data FROM job_events
WHERE job_id = %(job_id)s AND seq > %(after)s AND type = 'metrics' AND NOT superseded ORDER BY seq LIMIT %(limit)s"""

SUPERSEDE = """
UPDATE job_events SET superseded = true
WHERE job_id = %(job_id)s AND epoch < %(epoch)s AND step > %(step)s AND type = 'metrics' AND NOT superseded"""


@dataclass(frozen=True, slots=True)
class Entry:
    """An event to add. With `epoch` and `stream_seq` it comes from a worker's stream."""

    message: str | None
    level: Literal["info", "warn", "error"] = "info"
    type: Literal["message", "metrics"] = "message"
    data: Mapping[str, Any] | None = None
    epoch: int | None = None
    stream_seq: int | None = None
    step: int | None = None


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A row as it is read."""

    job_id: str
    seq: int
    created_at: Any
    level: Literal["info", "warn", "error"]
    type: Literal["message", "metrics"]
    message: str | None
    data: dict[str, Any] | None


def packed(entries: Sequence[Entry]) -> str:
    """The entries as INSERT takes them. Figures that are no number (a loss that left the rails) become null."""
    return orjson.dumps(list(entries)).decode()


async def append(connection: Connection, job_id: str, entries: Sequence[Entry]) -> None:
    """Adds events in the caller's transaction; the job's row must be locked. Readers are woken when it commits."""
    if entries:
        await connection.execute(APPEND, {"job_id": job_id, "entries": packed(entries)})


async def after(connection: Connection, job_id: str, seq: int, limit: int) -> list[StoredEvent]:
    """Events behind `seq`, oldest first."""
    return await _rows(connection, PAGE, job_id, seq, limit)


async def newest(
    connection: Connection, job_id: str, before_seq: int, limit: int, only: str | None = None
) -> list[StoredEvent]:
    """Events before `before_seq` (0: all), newest first; with `only` those of that type."""
    return await _rows(connection, PAGE_BACKWARDS, job_id, before_seq, limit, only)


async def series(connection: Connection, job_id: str, after_seq: int, limit: int) -> list[StoredEvent]:
    """Metric points that no later epoch trained again, oldest first."""
    return await _rows(connection, SERIES, job_id, after_seq, limit)


async def supersede(connection: Connection, job_id: str, epoch: int, step: int) -> None:
    """Marks points of epochs before `epoch` beyond `step`: that epoch trains those steps again."""
    await connection.execute(SUPERSEDE, {"job_id": job_id, "epoch": epoch, "step": step})


async def _rows(
    connection: Connection, sql: LiteralString, job_id: str, after_seq: int, limit: int, only: str | None = None
) -> list[StoredEvent]:
    async with connection.cursor(row_factory=class_row(StoredEvent)) as cursor:
        await cursor.execute(sql, {"job_id": job_id, "after": after_seq, "limit": limit, "type": only})
        return await cursor.fetchall()


def id_of(prefix: str, job_id: str, seq: int) -> str:
    """`ftevent-<the job's letters>-<seq>`: unique, opaque to clients, and its own cursor."""
    return f"{prefix}{job_id.removeprefix('ftjob-')}-{seq}"


def seq_of(prefix: str, job_id: str, public_id: str, *, param: str) -> int:
    """The seq in a public id of this job. Raises Invalid for any other text."""
    head, _, tail = public_id.rpartition("-")
    if f"{head}-" != f"{prefix}{job_id.removeprefix('ftjob-')}-" or not (tail.isascii() and tail.isdigit()):
        raise Invalid(f"Invalid '{param}': {public_id!r} is no id of this job's list.", param=param)
    return min(int(tail), 2**62)


def shown(row: StoredEvent) -> JobEvent:
    """The public shape; a metric point's sentence is made here."""
    return JobEvent(
        id=id_of("ftevent-", row.job_id, row.seq),
        created_at=epoch_s(row.created_at),
        level=row.level,
        message=row.message if row.message is not None else _sentence(row.data or {}),
        type=row.type,
        data=row.data,
    )


def shown_metric(row: StoredEvent) -> JobMetric:
    """The public shape of a metric point; figures that were no number are left out."""
    data = row.data or {}
    values = {k: float(v) for k, v in data.items() if v is not None and k not in ("step", "total_steps")}
    return JobMetric(
        id=id_of("ftmetric-", row.job_id, row.seq), created_at=epoch_s(row.created_at), step=data["step"], values=values
    )


_LOSSES = (
    ("train_loss", "training loss"),
    ("valid_loss", "validation loss"),
    ("full_valid_loss", "full validation loss"),
)


def _sentence(data: Mapping[str, Any]) -> str:
    """`Step 3/60: training loss=1.21, validation loss=1.30`, as OpenAI words it."""
    told = ", ".join(f"{words}={data[key]:.4g}" for key, words in _LOSSES if data.get(key) is not None)
    where = f"Step {data.get('step')}" + (f"/{data['total_steps']}" if data.get("total_steps") else "")
    return f"{where}: {told}" if told else where


__all__ = ["CHANNEL", "INSERT", "Entry", "JobEventRow", "StoredEvent", "after", "append", "newest", "series"]
