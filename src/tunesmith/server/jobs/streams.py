"""A worker's streams (metrics, logs, events): each item has a number, is stored once, and in order.

What comes again is compared and dropped, a gap is told so that the worker goes back to it, and what exceeds the quota
is counted and not kept. A stream's trouble never costs the lease.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, LiteralString, cast

import orjson

from tunesmith.schemas.errors import TooLarge
from tunesmith.schemas.training import LogLine, MetricPoint, RunEvent
from tunesmith.schemas.worker import MAX_ITEMS, ReportRequest, StreamPositions
from tunesmith.server.db import Connection
from tunesmith.server.events import service as events
from tunesmith.server.events.service import Entry
from tunesmith.server.jobs.fence import Locked

Item = MetricPoint | LogLine | RunEvent
StreamName = Literal["metrics", "logs", "events"]

QUOTA = {"metrics": 500_000, "logs": 200_000, "events": 10_000}
"""Items kept of one epoch."""
MAX_FIGURES = 64
"""Of one metric point."""
MAX_STEP = 2**31 - 1
_PLURALS: Mapping[str, StreamName] = {"metric": "metrics", "log": "logs", "event": "events"}


STORED_EVENTS: LiteralString = """
SELECT stream_seq, CASE WHEN type = 'metrics' THEN data - 'total_steps'
  ELSE jsonb_build_object('level', level, 'message', message) END
FROM job_events WHERE job_id = %(job_id)s AND epoch = %(epoch)s AND type = %(type)s
  AND stream_seq >= %(first)s AND stream_seq < %(end)s"""

STORED_LOGS: LiteralString = """
SELECT seq, jsonb_build_object('stream', stream, 'text', text)
FROM job_logs WHERE job_id = %(job_id)s AND epoch = %(epoch)s AND seq >= %(first)s AND seq < %(end)s"""

_LOGS: LiteralString = """
INSERT INTO job_logs (job_id, epoch, seq, created_at, stream, text)
SELECT job.id, %(epoch)s::bigint, %(first_log)s::bigint + n - 1, tunesmith_now(), line->>'stream', line->>'text'
FROM job, jsonb_array_elements(%(lines)s::jsonb) WITH ORDINALITY AS given(line, n)"""
INSERT_LOGS: LiteralString = f"""
WITH job AS (SELECT id FROM jobs WHERE id = %(job_id)s) {_LOGS}"""
LOGS_PART: LiteralString = f""",
  log AS ({_LOGS})"""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a report's items."""

    positions: StreamPositions
    conflicts: list[str]
    truncated: bool


@dataclass(frozen=True, slots=True)
class _Slice:
    """The items of one stream that are new, and the number of the first of them."""

    name: StreamName
    first: int
    new: Sequence[Item]
    end: int
    """The next number that is expected."""
    conflict: bool = False


async def take(connection: Connection, lease: Locked, body: ReportRequest, total_steps: int | None) -> Taken:
    """Stores what is new in each stream of the report. Raises TooLarge for more than MAX_ITEMS items in all."""
    given = {"metrics": body.metrics, "logs": body.logs, "events": body.events}
    if sum(len(stream.items) for stream in given.values() if stream is not None) > MAX_ITEMS:
        raise TooLarge(f"A report carries at most {MAX_ITEMS} items. Send the rest with the next one.")
    metrics = await _sorted_out(connection, lease, "metrics", body.metrics, lease.next_metric)
    logs = await _sorted_out(connection, lease, "logs", body.logs, lease.next_log)
    told = await _sorted_out(connection, lease, "events", body.events, lease.next_event)
    await events.append(connection, lease.job_id, _entries(lease.epoch, told, metrics, total_steps))
    await _store_logs(connection, lease, logs)
    return Taken(
        StreamPositions(metrics=metrics.end, logs=logs.end, events=told.end),
        [s.name for s in (metrics, logs, told) if s.conflict],
        any(s.end > QUOTA[s.name] for s in (metrics, logs, told)),
    )


@dataclass(frozen=True, slots=True)
class InOrder:
    """A report's items, if the streams go on with them exactly where they were left."""

    parts: LiteralString
    columns: dict[str, Any]
    """Of RENEW_IN_ORDER, and of `parts`."""


def in_order(body: ReportRequest, total_steps: int | None) -> InOrder | None:
    """The report's items to be stored without a look; None when they need one: too many of them, or a point whose
    run's length is not told."""
    given = {"metric": body.metrics, "log": body.logs, "event": body.events}
    slices = {
        name: _Slice(_PLURALS[name], stream.first_seq, stream.items, stream.first_seq + len(stream.items))
        for name, stream in given.items()
        if stream is not None and stream.items
    }
    over = any(s.end > QUOTA[s.name] for s in slices.values())
    if over or sum(len(s.new) for s in slices.values()) > MAX_ITEMS or ("metric" in slices and total_steps is None):
        return None
    metrics, logs, told = (slices.get(name) for name in given)
    columns: dict[str, Any] = {"entries": events.packed(_entries(body.epoch, told, metrics, total_steps))}
    for name in given:
        part = slices.get(name)
        columns |= {f"first_{name}": part.first if part else None, f"next_{name}": part.end if part else None}
    if logs is None:
        return InOrder("", columns)
    return InOrder(LOGS_PART, columns | {"lines": _lines(logs)})


def _entries(epoch: int, told: _Slice | None, metrics: _Slice | None, total_steps: int | None) -> list[Entry]:
    entries = [_event(epoch, seq, item) for seq, item in _kept(told)]
    return entries + [_point(epoch, seq, item, total_steps) for seq, item in _kept(metrics)]


async def _sorted_out(
    connection: Connection, lease: Locked, name: Literal["metrics", "logs", "events"], given: Any, expected: int
) -> _Slice:
    if given is None or not given.items or given.first_seq > expected:
        return _Slice(name, expected, (), expected)
    items: Sequence[Item] = given.items
    overlap = min(expected - given.first_seq, len(items))
    conflict = overlap > 0 and await _differs(connection, lease, name, given.first_seq, items[:overlap])
    new = items[overlap:]
    return _Slice(name, expected, new, expected + len(new), conflict)


async def _differs(connection: Connection, lease: Locked, name: str, first: int, items: Sequence[Item]) -> bool:
    sql = STORED_LOGS if name == "logs" else STORED_EVENTS
    parameters = {
        "job_id": lease.job_id,
        "epoch": lease.epoch,
        "type": "metrics" if name == "metrics" else "message",
        "first": first,
        "end": first + len(items),
    }
    async with connection.cursor() as cursor:
        await cursor.execute(sql, parameters)
        stored = dict(await cursor.fetchall())
    return any(first + n in stored and stored[first + n] != _content(item) for n, item in enumerate(items))


def _content(item: Item) -> dict[str, Any]:
    """What an item says, as it is stored."""
    if isinstance(item, MetricPoint):
        return _figures(item)
    if isinstance(item, LogLine):
        return {"stream": item.stream, "text": storable(item.text)}
    return {"level": item.level, "message": storable(item.message)}


def _figures(point: MetricPoint) -> dict[str, Any]:
    named = [(k, v) for k, v in point.values.items() if k.isascii() and k.isprintable() and len(k) <= 64]
    figures = {k: v if math.isfinite(v) else None for k, v in named[:MAX_FIGURES]}
    return figures | {"step": within(point.step)}


def within(step: int) -> int:
    """The step, kept within what a run can have."""
    return min(max(step, 0), MAX_STEP)


def storable(text: str) -> str:
    """The text without NULs, which PostgreSQL cannot hold and some programs print."""
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}")


def storable_json(value: Any) -> Any:
    """The value without NULs in its texts and with 0 for figures that are no numbers: JSONB has neither."""
    match value:
        case str():
            return storable(value)
        case float():
            return value if math.isfinite(value) else 0.0
        case dict():
            return {storable(str(k)): storable_json(v) for k, v in cast("dict[Any, Any]", value).items()}
        case list():
            return [storable_json(v) for v in cast("list[Any]", value)]
        case _:
            return value


def _kept(given: _Slice | None) -> list[tuple[int, Item]]:
    if given is None:
        return []
    return [(given.first + n, item) for n, item in enumerate(given.new) if given.first + n < QUOTA[given.name]]


def _event(epoch: int, seq: int, item: Item) -> Entry:
    said = _content(item)
    return Entry(said["message"], level=said["level"], epoch=epoch, stream_seq=seq)


def _point(epoch: int, seq: int, item: Item, total_steps: int | None) -> Entry:
    data = _content(item) | {"total_steps": total_steps}
    return Entry(None, type="metrics", data=data, epoch=epoch, stream_seq=seq, step=data["step"])


async def _store_logs(connection: Connection, lease: Locked, logs: _Slice) -> None:
    if _kept(logs):
        parameters = {
            "job_id": lease.job_id,
            "epoch": lease.epoch,
            "first_log": logs.first,
            "lines": _lines(logs),
        }
        await connection.execute(INSERT_LOGS, parameters)


def _lines(logs: _Slice) -> str:
    return orjson.dumps([_content(item) for _, item in _kept(logs)]).decode()
