"""A report's write: the lease goes on, and what the worker told of its run is kept."""

import datetime as dt
from dataclasses import dataclass
from typing import Any, LiteralString

from tunesmith.server.db import Connection
from tunesmith.server.events import service as events
from tunesmith.server.jobs import phases
from tunesmith.server.jobs.fence import LeaseToken

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


@dataclass(frozen=True, slots=True)
class Renewed:
    """What a report that came in order is answered by."""

    next_metric: int
    next_log: int
    next_event: int
    pause_requested: bool
    watched: bool


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
