"""/v1/fine_tuning/jobs as OpenAI has it: making, listing and steering jobs; run_routes.py has what is read of one."""

from dataclasses import replace
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Body, Depends, Header, Query, Request
from sqlalchemy.ext.asyncio import AsyncSession

from tunesmith.schemas.estimates import JobEstimate
from tunesmith.schemas.jobs import Job, JobCounts, JobCreate, JobsCancel, JobsCancelled, JobScript, JobUpdate
from tunesmith.schemas.shape import Page
from tunesmith.server.accounts import idempotency
from tunesmith.server.accounts.auth import Caller, SessionDep, UserCaller, WaitingUserCaller
from tunesmith.server.db import Database
from tunesmith.server.jobs import facts, listing, script, service, shapes, submission
from tunesmith.server.jobs.estimate import estimate
from tunesmith.server.jobs.listing import Wanted
from tunesmith.server.jobs.queries import FiltersDep, OrderDep, Several
from tunesmith.server.jobs.submission import Shelves
from tunesmith.server.jobs.tables import JobRow

router = APIRouter(prefix="/v1/fine_tuning/jobs", tags=["fine-tuning"])
before = APIRouter(prefix="/v1/fine_tuning", tags=["fine-tuning"])

Limit = Annotated[int, Query(ge=1, le=1000)]


async def refuse_unsupported(request: Request) -> None:
    """Before the body's shape is checked: what is not offered is told as that, not as a wrong value."""
    try:
        body: Any = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        return  # the body's own check says so
    submission.refuse_unsupported(body)


@router.post("", dependencies=[Depends(refuse_unsupported)])
async def create_job(
    body: JobCreate,
    request: Request,
    caller: WaitingUserCaller,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> Job:
    """Makes a job. It reads the files next, then waits for a worker.

    400 names the parameter at fault. What is wrong inside a file fails the job later, with the lines.
    With an `Idempotency-Key` the same request again answers the same job.
    """
    state = request.app.state
    db: Database = state.db
    shelves = Shelves(state.catalog, state.blobs)
    async with db.session() as session:
        if idempotency_key is None:
            job = await _submit(request, session, shelves, caller, body)
        else:
            this = idempotency.attempt(caller, "POST /v1/fine_tuning/jobs", idempotency_key, await request.body())
            reply = await idempotency.earlier(session, this)
            if reply is not None:
                return Job.model_validate(reply)
            job = await _submit(request, session, shelves, caller, body)
            await idempotency.remember(session, this, job.model_dump(mode="json"))
    state.clockwork.hand(job.id)
    return job


@before.post("/estimate", dependencies=[Depends(refuse_unsupported)])
async def estimate_job(body: JobCreate, request: Request, caller: WaitingUserCaller) -> JobEstimate:
    """What the job of this body would need: memory, time, price, and which workers could run it. Nothing is made.

    The errors are those of making the job.
    """
    state = request.app.state
    return await estimate(state.db, state.catalog, state.blobs, state.settings, caller, body)


async def _submit(request: Request, session: AsyncSession, shelves: Shelves, caller: Caller, body: JobCreate) -> Job:
    return await _shown(request, session, await submission.submit(session, shelves, caller, body))


@before.post("/script", dependencies=[Depends(refuse_unsupported)])
async def script_of_a_body(body: JobCreate, request: Request, caller: WaitingUserCaller) -> JobScript:
    """The job of this body as curl, Python, a command line and YAML. Nothing is made, and no file is looked at."""
    submission.check(body)
    return script.script_of(body, _base_url(request))


@router.get("")
async def list_jobs(
    request: Request,
    caller: UserCaller,
    session: SessionDep,
    filters: FiltersDep,
    order: OrderDep,
    status: Several = None,
    after: str | None = None,
    limit: Limit = 20,
    include: Annotated[list[Literal["sparkline"]] | None, Query()] = None,
) -> Page[Job]:
    """Jobs, newest first unless told. `metadata[k]=v` keeps those with that pair, `metadata=null` those without any.

    `include=sparkline` adds up to 24 training losses to each job that has some.
    """
    wanted = Wanted(after, limit, replace(filters, statuses=tuple(status or ())), order)
    rows, more = await listing.page(session, caller, wanted)
    known = await facts.gather(session, rows, _price(request), sparklines=bool(include))
    data = [shapes.shown(row, known) for row in rows]
    return Page(data=data, first_id=data[0].id if data else None, last_id=data[-1].id if data else None, has_more=more)


@router.get("/counts")
async def count_jobs(caller: UserCaller, session: SessionDep, filters: FiltersDep) -> JobCounts:
    """How many jobs are in each state, of those that the filters keep: the list's, but for `status`."""
    return await listing.counts(session, caller, filters)


@router.post("/cancel")
async def cancel_jobs(body: JobsCancel, caller: UserCaller, session: SessionDep) -> JobsCancelled:
    """Cancels up to 100 jobs and says of each id what became of it; one that has ended or is not there stops none."""
    return await service.cancel_all(session, caller, body.ids)


@router.get("/{job_id}")
async def retrieve_job(
    job_id: str,
    request: Request,
    caller: UserCaller,
    session: SessionDep,
    include: Annotated[list[Literal["sparkline"]] | None, Query()] = None,
) -> Job:
    """The job."""
    row = await service.get(session, caller, job_id)
    return await _shown(request, session, row, sparkline=bool(include))


@router.post("/{job_id}")
async def update_job(
    job_id: str,
    request: Request,
    caller: UserCaller,
    session: SessionDep,
    body: Annotated[JobUpdate | None, Body()] = None,
) -> Job:
    """Changes the job's name or priority; what is left out stays. A job that has ended keeps its priority."""
    row = await service.update(session, caller, job_id, body or JobUpdate())
    return await _shown(request, session, row)


@router.post("/{job_id}/cancel")
async def cancel_job(job_id: str, request: Request, caller: UserCaller, session: SessionDep) -> Job:
    """Cancels the job, final at once; its worker hears it with its next report."""
    return await _shown(request, session, await service.cancel(session, caller, job_id))


@router.post("/{job_id}/pause")
async def pause_job(job_id: str, request: Request, caller: UserCaller, session: SessionDep) -> Job:
    """Pauses the job; a running one goes on until its worker has put down a checkpoint."""
    return await _shown(request, session, await service.pause(session, caller, job_id))


@router.post("/{job_id}/resume")
async def resume_job(job_id: str, request: Request, caller: UserCaller, session: SessionDep) -> Job:
    """Queues a paused job again; it goes on from its last checkpoint."""
    return await _shown(request, session, await service.resume(session, caller, job_id))


async def _shown(request: Request, session: AsyncSession, row: JobRow, *, sparkline: bool = False) -> Job:
    return shapes.shown(row, await facts.gather(session, [row], _price(request), sparklines=sparkline))


def _price(request: Request) -> float:
    return request.app.state.settings.worker_price_per_hour


def _base_url(request: Request) -> str:
    return str(request.base_url).rstrip("/")
