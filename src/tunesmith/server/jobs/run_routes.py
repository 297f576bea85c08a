"""/v1/fine_tuning/jobs/{id}/...: what is read of one job and of its run."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response, StreamingResponse

from tunesmith.schemas.datasets import Checkup
from tunesmith.schemas.jobs import (
    JobCheckpoint,
    JobConfig,
    JobEvent,
    JobLog,
    JobMetrics,
    JobScript,
    JobTimeline,
)
from tunesmith.schemas.shape import Page
from tunesmith.server.accounts.auth import SessionDep, UserCaller, WaitingUserCaller
from tunesmith.server.db import Database, driver
from tunesmith.server.events import service as events
from tunesmith.server.jobs import config, downsampling, facts, phases, script, service, shapes
from tunesmith.server.jobs.follow import follow
from tunesmith.server.jobs.queries import Text

router = APIRouter(prefix="/v1/fine_tuning/jobs", tags=["fine-tuning"])

Limit = Annotated[int, Query(ge=1, le=1000)]
LongLimit = Annotated[int, Query(ge=1, le=10_000)]


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
    only: Annotated[Literal["message", "metrics"] | None, Query(alias="type")] = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Page[JobEvent] | Response:
    """What happened to the job, newest first; with `stream=true` as server-sent events, oldest first, until it ends.

    `type=message` leaves out the figures, of which there are as many as steps; a page's only, a stream tells all.
    A stream goes on behind `Last-Event-ID`, closes after some minutes with a `retry` hint, and ends with [DONE].
    """
    state = request.app.state
    db: Database = state.db
    async with db.session() as session:
        if not stream:
            rows, more = await service.event_page(session, caller, job_id, after=after, limit=limit, only=only)
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


@router.get("/{job_id}/timeline")
async def retrieve_timeline(job_id: str, caller: UserCaller, session: SessionDep) -> JobTimeline:
    """Where the job's time went: waiting, starting, each phase of its run, pauses; from first to last without gaps."""
    return await phases.timeline(session, await service.get(session, caller, job_id))


@router.get("/{job_id}/metrics")
async def list_metrics(
    job_id: str,
    caller: UserCaller,
    session: SessionDep,
    after: str | None = None,
    limit: LongLimit = 1000,
    points: Annotated[int | None, Query(ge=4, le=10_000)] = None,
) -> JobMetrics:
    """The run's figures, oldest first. Steps that were trained again after a resume stand once.

    With `points=N` the whole run in one answer, thinned to at most N points of each figure, its lowest and highest
    ones among them; a point then has only those of its figures that were kept.
    """
    if points is not None:
        job = await service.get(session, caller, job_id)
        found = await downsampling.thinned(await driver(session), job.id, points)
        page = _page(found.points, more=False)
        return JobMetrics(**dict(page), n_points=found.n_points)
    rows, more = await service.metric_page(session, caller, job_id, after=after, limit=limit)
    return JobMetrics(**dict(_page([events.shown_metric(row) for row in rows], more)))


@router.get("/{job_id}/logs")
async def list_logs(
    job_id: str,
    caller: UserCaller,
    session: SessionDep,
    after: str | None = None,
    limit: LongLimit = 1000,
    order: Literal["asc", "desc"] = "asc",
    search: Text = None,
) -> Page[JobLog]:
    """Lines that the run wrote, oldest first or, with `order=desc`, newest; `search` keeps those with that text."""
    rows, more = await service.log_page(
        session, caller, job_id, after=after, limit=limit, newest_first=order == "desc", search=search
    )
    return _page([shapes.shown_log(row) for row in rows], more)


@router.get("/{job_id}/config")
async def retrieve_config(job_id: str, caller: UserCaller, session: SessionDep) -> JobConfig:
    """A body that makes the same job again, and every number that the run used, once it has told them."""
    row = await service.get(session, caller, job_id)
    return config.config_of(row, await facts.project_of(session, row))


@router.get("/{job_id}/script")
async def retrieve_script(job_id: str, request: Request, caller: UserCaller, session: SessionDep) -> JobScript:
    """The same job again, as curl, Python, a command line and YAML."""
    row = await service.get(session, caller, job_id)
    slug = await facts.project_of(session, row)
    body = config.asked_of(row, project=None if slug == caller.project_slug else slug)
    return script.script_of(body, str(request.base_url).rstrip("/"))


def _page(data: list[Any], more: bool) -> Page[Any]:
    return Page(data=data, first_id=data[0].id if data else None, last_id=data[-1].id if data else None, has_more=more)
