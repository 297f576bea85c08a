"""The sweep: leases that ran out, runs that hang or take too long, jobs that nobody wants.

Each job is handled in a transaction of its own, with its row locked and its case looked at again.
"""

import datetime as dt
from dataclasses import dataclass
from typing import LiteralString

import structlog

from tunesmith.schemas.jobs import JobError
from tunesmith.server.db import Connection, Database
from tunesmith.server.jobs import fence, retry, states
from tunesmith.server.jobs.fence import Locked
from tunesmith.server.jobs.states import QUEUED, Ended
from tunesmith.server.settings import Settings

log = structlog.get_logger()

SWEEP_LOCK = 7_268_502
BEAT_S = 5.0
"""How often a server notes that it is alive."""
MIN_LEASES_FOR_BRAKE = 10

TRY_LOCK: LiteralString = "SELECT pg_try_advisory_xact_lock(%(lock)s)"

COUNT_LEASES: LiteralString = """
SELECT count(*) FILTER (WHERE status IN ('queued', 'running')),
  count(*) FILTER (WHERE status IN ('queued', 'running') AND lease_expires_at <= tunesmith_now()),
  (SELECT hold_until > tunesmith_now() FROM clockwork) AS held,
  (SELECT hold_until > tunesmith_now() - %(ttl)s FROM clockwork) AS held_lately
FROM jobs WHERE claim_id IS NOT NULL"""

DUE: LiteralString = """
SELECT id, why FROM (
  SELECT id, CASE
      WHEN lease_expires_at <= tunesmith_now() AND (NOT %(held)s OR status NOT IN ('queued', 'running')) THEN 'expired'
      WHEN status = 'running' AND (SELECT sum(COALESCE(ended_at, tunesmith_now()) - started_at) FROM attempts
        WHERE job_id = jobs.id) > %(max_runtime)s THEN 'too_long'
      WHEN status = 'running' AND progress_at <= tunesmith_now() - %(no_progress)s THEN 'stuck'
    END AS why
  FROM jobs WHERE claim_id IS NOT NULL
  UNION ALL
  SELECT id, 'unclaimed' FROM jobs
  WHERE status = 'queued' AND claim_id IS NULL AND queued_at <= tunesmith_now() - %(queue_deadline)s
) AS cases WHERE why IS NOT NULL AND (%(job_id)s::text IS NULL OR id = %(job_id)s)
ORDER BY id LIMIT 1000"""

HOLD: LiteralString = """
INSERT INTO clockwork (id, alive_at, hold_until) VALUES (1, tunesmith_now(), tunesmith_now() + %(ttl)s)
ON CONFLICT (id) DO UPDATE SET hold_until = EXCLUDED.hold_until"""

BEAT: LiteralString = """
INSERT INTO clockwork (id, alive_at) VALUES (1, tunesmith_now())
ON CONFLICT (id) DO UPDATE SET alive_at = GREATEST(clockwork.alive_at, EXCLUDED.alive_at)"""

LAST_ALIVE: LiteralString = """
SELECT GREATEST(tunesmith_now() - alive_at, interval '0') FROM clockwork WHERE id = 1 FOR UPDATE"""

FORGIVE: LiteralString = """
UPDATE jobs SET lease_expires_at = lease_expires_at + %(downtime)s, progress_at = progress_at + %(downtime)s,
  queued_at = queued_at + %(downtime)s
WHERE claim_id IS NOT NULL OR status = 'queued'"""

# No server was alive, so none reads the files of these any more.
UNREAD: LiteralString = "UPDATE jobs SET checking_until = NULL WHERE status = 'validating_files'"


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep did: jobs handled, and whether expiry was on hold."""

    handled: int
    on_hold: bool


async def beat(db: Database) -> None:
    """Notes that a server is alive now."""
    async with db.lean() as connection:
        await connection.execute(BEAT)


async def forgive_downtime(db: Database, settings: Settings) -> float:
    """At start: the time that no server was alive is added to every deadline, and after more than two missed beats no
    lease expires for one ttl, so that a restart never costs the fleet its leases. Returns that time in seconds."""
    async with db.lean() as connection:
        row = await (await connection.execute(LAST_ALIVE)).fetchone()
        downtime: dt.timedelta = row[0] if row is not None else dt.timedelta(0)
        await connection.execute(FORGIVE, {"downtime": downtime})
        if downtime.total_seconds() > 2 * BEAT_S:
            await connection.execute(HOLD, {"ttl": dt.timedelta(seconds=settings.lease_ttl_s)})
            await connection.execute(UNREAD)
        await connection.execute(BEAT)
    return downtime.total_seconds()


async def sweep(db: Database, settings: Settings) -> Swept:
    """Handles what is due now; nothing when another server sweeps at this moment."""
    async with db.lean() as guard:
        row = await (await guard.execute(TRY_LOCK, {"lock": SWEEP_LOCK})).fetchone()
        if row is None or not row[0]:
            return Swept(0, on_hold=False)
        on_hold = await _on_hold(guard, settings)
        due = await _due(guard, settings, on_hold, None)
        for job_id in due:
            async with db.lean() as connection:
                await _handle(connection, settings, on_hold, job_id)
    return Swept(len(due), on_hold)


async def _on_hold(connection: Connection, settings: Settings) -> bool:
    """True while leases may not expire. When more than half of them would at once, the fault is likely the network's or
    ours, not the workers': the sweep holds for one ttl, raises an alarm, and only then goes on."""
    ttl = dt.timedelta(seconds=settings.lease_ttl_s)
    row = await (await connection.execute(COUNT_LEASES, {"ttl": ttl})).fetchone()
    live, expired, held, held_lately = row or (0, 0, False, False)
    if held:
        return True
    if live >= MIN_LEASES_FOR_BRAKE and 2 * expired > live and not held_lately:
        await connection.execute(HOLD, {"ttl": ttl})
        log.error("leases.mass_expiry_held", live=live, expired=expired, hold_s=settings.lease_ttl_s)
        return True
    return False


async def _due(connection: Connection, settings: Settings, on_hold: bool, job_id: str | None) -> dict[str, str]:
    parameters = {
        "held": on_hold,
        "max_runtime": dt.timedelta(seconds=settings.max_runtime_s),
        "no_progress": dt.timedelta(seconds=settings.no_progress_s),
        "queue_deadline": dt.timedelta(seconds=settings.queue_deadline_s),
        "job_id": job_id,
    }
    return dict(await (await connection.execute(DUE, parameters)).fetchall())


async def _handle(connection: Connection, settings: Settings, on_hold: bool, job_id: str) -> None:
    job = await fence.lock(connection, job_id)
    why = (await _due(connection, settings, on_hold, job_id)).get(job_id)
    if job is None or why is None:
        return
    ended = Ended(job.epoch, "lost") if job.claim_id is not None else None
    if job.status.terminal:
        await states.keep(connection, job_id, [], ended=Ended(job.epoch, "cancelled"))
    elif why == "expired":
        await retry.carry_out(connection, job, _expired(job, settings), ended)
    elif why == "stuck":
        reason = f"Worker {job.worker_id} reports, but step {job.step} has not moved for {settings.no_progress_s:g} s."
        decision = retry.decide(job, reason, "death", max_deaths=settings.max_attempts)
        await retry.carry_out(connection, job, decision, ended)
    else:
        await retry.carry_out(connection, job, retry.failed(_overdue(job, why, settings)), None)
    log.info("job.swept", job_id=job_id, why=why, epoch=job.epoch, worker_id=job.worker_id)


def _expired(job: Locked, settings: Settings) -> retry.Decision:
    if job.status is QUEUED:
        why = f"Worker {job.worker_id} took the job and did not start it."
        return retry.decide(job, why, "nothing", max_deaths=settings.max_attempts)
    why = f"Worker {job.worker_id} was not heard from for {settings.lease_ttl_s:g} s."
    return retry.decide(job, why, "death", max_deaths=settings.max_attempts)


def _overdue(job: Locked, why: str, settings: Settings) -> JobError:
    if why == "too_long":
        return JobError(
            code="max_runtime",
            message=f"The job ran for more than {settings.max_runtime_s / 3600:g} h in all (setting max_runtime_s). "
            "Start a new job with fewer epochs or less data, or raise the setting.",
        )
    return JobError(
        code="queue_deadline",
        message=f"No worker took the job within {settings.queue_deadline_s / 3600:g} h. "
        f"Start a worker (`tunesmith worker`) that can run it, then create the job again.",
    )
