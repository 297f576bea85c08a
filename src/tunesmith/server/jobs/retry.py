"""What becomes of a job whose attempt ended without a result: queued again, paused, or failed for good.

A worker that leaves of its own will costs nothing. One that vanished, or whose machine failed, sends the job back with
a growing pause, MAX_REQUEUES times. Runs that die again and again at one step are the job's own fault: poison.
"""

import datetime as dt
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tunesmith.schemas.jobs import JobError, JobStatus
from tunesmith.server.db import Connection
from tunesmith.server.events.service import Entry
from tunesmith.server.jobs import states
from tunesmith.server.jobs.fence import Locked
from tunesmith.server.jobs.states import FAILED, PAUSED, QUEUED, Ended

MAX_REQUEUES = 50
MAX_BACK_OFF_S = 300.0
MAX_OOM_RETRIES = 1
"""Times that a job is tried again because memory ran out."""
DRAIN_S = 60.0
"""How long the worker of a job that has ended may still ask, and hear `cancel`."""

Charge = Literal["nothing", "requeue", "death"]
"""nothing: the worker left in order; requeue: its machine failed; death: the run itself may be at fault."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Where the job goes, with the event that says so and the columns written along."""

    to: JobStatus
    entry: Entry
    columns: Mapping[str, Any] = field(default_factory=dict[str, Any])


def decide(job: Locked, why: str, charge: Charge, *, max_deaths: int, code: str = "worker_lost") -> Decision:
    """Queued again, paused (if that was asked), or failed once `max_deaths` or MAX_REQUEUES are used up.

    `why` is a whole sentence for the event and the error; `code` is the error's when the requeues are used up.
    """
    if job.pause_requested:
        return Decision(PAUSED, Entry(f"{why} The job is paused, as was asked."))
    if charge == "nothing":
        return Decision(QUEUED, Entry(f"{why} {_what_next(job)}"), {"not_before": job.now})
    back_off_s = min(2.0**job.requeues, MAX_BACK_OFF_S) * random.uniform(0.5, 1.0)
    columns: dict[str, Any] = {"requeues": job.requeues + 1, "not_before": job.now + dt.timedelta(seconds=back_off_s)}
    if charge == "death":
        deaths = job.failed_there + 1 if job.failed_step == job.step else 1
        columns |= {"failed_step": job.step, "failed_there": deaths}
        if deaths >= max_deaths:
            return failed(_poison(job, why, deaths))
    if job.requeues >= MAX_REQUEUES:
        return failed(_worn_out(job, why, code))
    return Decision(QUEUED, Entry(f"{why} {_what_next(job)}", level="warn"), columns)


def out_of_memory(job: Locked, message: str) -> Decision:
    """Queued again once, at once; failed when memory runs out again.

    The next claim's spec makes micro-batches smaller by `oom_retries`; the batch of a step stays as it was.
    """
    if job.oom_retries >= MAX_OOM_RETRIES:
        again = "Memory ran out again, with micro-batches a quarter the size, so start a new job with changed settings."
        return failed(JobError(code="out_of_memory", message=f"{again} {message}"))
    why = "Memory ran out; trying once more with micro-batches a quarter the size, as many more of them a step."
    columns: dict[str, Any] = {"oom_retries": job.oom_retries + 1}
    if job.pause_requested:
        return Decision(PAUSED, Entry(f"{why} The job is paused first, as was asked.", level="warn"), columns)
    entry = Entry(why, level="warn", data={"reason": message})
    return Decision(QUEUED, entry, columns | {"not_before": job.now})


def failed(error: JobError) -> Decision:
    """Failed for good."""
    entry = Entry(f"The job failed: {error.message}", level="error", data={"code": error.code})
    return Decision(FAILED, entry, {"error": error.model_dump()})


async def carry_out(connection: Connection, job: Locked, decision: Decision, ended: Ended | None) -> None:
    """Writes the decision and ends the live attempt by `ended`; without it, an attempt of a failed job drains."""
    columns = dict(decision.columns)
    if ended is None and job.claim_id is not None:
        columns |= draining(job)
    if decision.to is job.status:
        await states.keep(connection, job.job_id, [decision.entry], ended=ended, **columns)
    else:
        await states.change(connection, job.job_id, job.status, decision.to, [decision.entry], ended=ended, **columns)


def draining(job: Locked) -> Mapping[str, Any]:
    """Columns that keep the lease of a job that ends for DRAIN_S."""
    return {"lease_expires_at": job.now + dt.timedelta(seconds=DRAIN_S)}


def _what_next(job: Locked) -> str:
    if job.status is QUEUED:
        return "The job waits for another worker."
    return "The job is queued again and goes on from its last checkpoint."


def _poison(job: Locked, why: str, deaths: int) -> JobError:
    return JobError(
        code="poison",
        message=f"The run ended {deaths} times in a row at step {job.step}, the last time so: {why} "
        "Read the job's logs around that step, then start a new job with a smaller batch or other data.",
    )


def _worn_out(job: Locked, why: str, code: str) -> JobError:
    return JobError(
        code=code,
        message=f"{why} The job went back to the queue {job.requeues} times before. "
        "See to the workers, then start a new job.",
    )
