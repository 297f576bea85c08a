"""/v1/fine_tuning/jobs as OpenAI has it, with series of metrics, logs, and events as a stream."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import Response, StreamingResponse
from sqlalchemy.ext.asyncio import AsyncSession

from tunesmith.schemas.datasets import Checkup
from tunesmith.schemas.estimates import JobEstimate
from tunesmith.schemas.jobs import Job, JobCheckpoint, JobCreate, JobEvent, JobLog, JobMetric
from tunesmith.schemas.shape import Page
from tunesmith.server.accounts import idempotency
from tunesmith.server.accounts.auth import Caller, SessionDep, UserCaller, WaitingUserCaller
from tunesmith.server.db import Database
from tunesmith.server.events import service as events
from tunesmith.server.jobs import facts, service, shapes, submission
from tunesmith.server.jobs.estimate import estimate
from tunesmith.server.jobs.follow import follow
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
            job = await _submit(session, shelves, caller, body)
        else:
            this = idempotency.attempt(caller, "POST /v1/fine_tuning/jobs", idempotency_key, await request.body())
            reply = await idempotency.earlier(session, this)
            if reply is not None:
                return Job.model_validate(reply)
            job = await _submit(session, shelves, caller, body)
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


async def _submit(session: AsyncSession, shelves: Shelves, caller: Caller, body: JobCreate) -> Job:
    return await _shown(session, await submission.submit(session, shelves, caller, body))


@router.get("")
async def list_jobs(
    request: Request, caller: UserCaller, session: SessionDep, after: str | None = None, limit: Limit = 20
) -> Page[Job]:
    """Jobs, newest first. `metadata[k]=v` keeps those with that pair, `metadata=null` those without metadata."""
    metadata = service.metadata_filter(request.query_params)
    rows, more = await service.page(session, caller, after=after, limit=limit, metadata=metadata)
    known = await facts.gather(session, rows)
    return _page([shapes.shown(row, known) for row in rows], more)


@router.get("/{job_id}")
async def retrieve_job(job_id: str, caller: UserCaller, session: SessionDep) -> Job:
    """The job."""
    return await _shown(session, await service.get(session, caller, job_id))


@router.post("/{job_id}/cancel")
async def cancel_job(job_id: str, caller: UserCaller, session: SessionDep) -> Job:
    """Cancels the job, final at once; its worker hears it with its next report."""
    return await _shown(session, await service.cancel(session, caller, job_id))


@router.post("/{job_id}/pause")
async def pause_job(job_id: str, caller: UserCaller, session: SessionDep) -> Job:
    """Pauses the job; a running one goes on until its worker has put down a checkpoint."""
    return await _shown(session, await service.pause(session, caller, job_id))


@router.post("/{job_id}/resume")
async def resume_job(job_id: str, caller: UserCaller, session: SessionDep) -> Job:
    """Queues a paused job again; it goes on from its last checkpoint."""
    return await _shown(session, await service.resume(session, caller, job_id))


@router.get(
    "/{job_id}/events",
    response_model=Page[JobEvent],
    responses={200: {"content": {"text/event-stream": {}}, "description": "A page, or with stream=true a stream."}},
)
async def list_events(
    job_id: str,
    request: Request,
    caller: WaitingUserCaller,
    after: str | None = None,
    limit: Limit = 20,
    stream: bool = False,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Page[JobEvent] | Response:
    """What happened to the job, newest first; with `stream=true` as server-sent events, oldest first, until it ends.

    A stream goes on behind `Last-Event-ID`, closes after some minutes with a `retry` hint, and ends with [DONE].
    """
    state = request.app.state
    db: Database = state.db
    async with db.session() as session:
        if not stream:
            rows, more = await service.event_page(session, caller, job_id, after=after, limit=limit)
            return _page([events.shown(row) for row in rows], more)
        await service.get(session, caller, job_id)
    seen = last_event_id or after
    seq = events.seq_of("ftevent-", job_id, seen, param="Last-Event-ID") if seen else 0
    frames = follow(db, state.hub, job_id, seq, state.settings.event_stream_life_s)
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(frames, media_type="text/event-stream", headers=headers)


@router.get("/{job_id}/checkpoints")
async def list_checkpoints(
    job_id: str, caller: UserCaller, session: SessionDep, after: str | None = None, limit: Limit = 10
) -> Page[JobCheckpoint]:
    """Published checkpoints, newest first; each is usable as a model."""
    rows, more = await service.checkpoint_page(session, caller, job_id, after=after, limit=limit)
    return _page([shapes.shown_checkpoint(row) for row in rows], more)


@router.get("/{job_id}/checkup")
async def retrieve_checkup(job_id: str, caller: UserCaller, session: SessionDep) -> Checkup:
    """What the run found in its data before it trained: counts, token lengths, and findings with what to do.

    404 until the run has told it.
    """
    return await service.checkup(session, caller, job_id)


@router.get("/{job_id}/metrics")
async def list_metrics(
    job_id: str,
    caller: UserCaller,
    session: SessionDep,
    after: str | None = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> Page[JobMetric]:
    """The run's figures, oldest first. Steps that were trained again after a resume stand once."""
    rows, more = await service.metric_page(session, caller, job_id, after=after, limit=limit)
    return _page([events.shown_metric(row) for row in rows], more)


@router.get("/{job_id}/logs")
async def list_logs(
    job_id: str,
    caller: UserCaller,
    session: SessionDep,
    after: str | None = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> Page[JobLog]:
    """Lines that the run wrote, oldest first."""
    rows, more = await service.log_page(session, caller, job_id, after=after, limit=limit)
    return _page([shapes.shown_log(row) for row in rows], more)


async def _shown(session: AsyncSession, row: JobRow) -> Job:
    return shapes.shown(row, await facts.gather(session, [row]))


def _page(data: list[Any], more: bool) -> Page[Any]:
    return Page(data=data, first_id=data[0].id if data else None, last_id=data[-1].id if data else None, has_more=more)
