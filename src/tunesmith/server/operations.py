"""Routes for operators and probes: is it there, does it work, which version, how busy."""

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import Field
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from tunesmith import __version__
from tunesmith.schemas.jobs import JobStatus
from tunesmith.schemas.shape import Shape
from tunesmith.server.accounts import auth
from tunesmith.server.accounts.auth import AdminCaller, SessionDep
from tunesmith.server.inference import router as engines
from tunesmith.server.jobs.tables import JobRow
from tunesmith.server.metrics import Metrics

router = APIRouter(tags=["operations"])


class Health(Shape):
    status: str = Field(examples=["ok"])


class Version(Shape):
    version: str = Field(examples=["0.1.0"])


@router.get("/health", dependencies=[Depends(auth.public)])
async def health() -> Health:
    """The process answers. Tools that look for an OpenAI-compatible server ask here."""
    return Health(status="ok")


@router.get("/healthz", dependencies=[Depends(auth.public)])
async def healthz() -> Health:
    """The process answers: for a liveness probe."""
    return Health(status="ok")


@router.get("/readyz", response_model=Health, dependencies=[Depends(auth.public)])
async def readyz(request: Request) -> Response:
    """The database answers too; 503 when it does not, or while the server stops: for a readiness probe."""
    if request.app.state.stopping.is_set():
        return JSONResponse({"status": "stopping"}, status_code=503)
    if await request.app.state.db.ping():
        return JSONResponse({"status": "ready"})
    return JSONResponse({"status": "database away"}, status_code=503)


@router.get("/version", dependencies=[Depends(auth.public)])
async def version() -> Version:
    """The version of this server."""
    return Version(version=__version__)


@router.get("/metrics", response_class=Response)
async def metrics(request: Request, caller: AdminCaller, session: SessionDep) -> Response:
    """Figures in Prometheus' text format. It takes an admin key, also from this machine: behind a proxy every
    caller looks local, and the figures tell who does how much."""
    figures: Metrics = request.app.state.metrics
    figures.count(
        jobs=await _live_jobs(session),
        engines=await engines.count(session, timeout_s=request.app.state.settings.engine_timeout_s),
    )
    return Response(figures.text(), media_type=CONTENT_TYPE_LATEST)


async def _live_jobs(session: AsyncSession) -> dict[str, int]:
    """How many jobs are in each state that is not final; those that ended are too many to count at each scrape."""
    live = [status.value for status in JobStatus if not status.terminal]
    found = await session.execute(
        select(JobRow.status, func.count()).where(JobRow.status.in_(live)).group_by(JobRow.status)
    )
    counts = dict.fromkeys(live, 0)
    for status, n in found:
        counts[status] = n
    return counts
