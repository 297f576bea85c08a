"""/worker/v1/engines: an engine tells that it is there, and that it leaves."""

from urllib.parse import urlsplit

import structlog
from fastapi import APIRouter, Request
from sqlalchemy import delete, func, text
from sqlalchemy.dialects.postgresql import insert

from tunesmith.schemas.errors import NotFound, SpecInvalid
from tunesmith.schemas.shape import Deleted
from tunesmith.schemas.worker import EngineRegistered, EngineRegistration
from tunesmith.server.accounts.auth import SessionDep, WorkerCaller
from tunesmith.server.inference.tables import EngineRow

log = structlog.get_logger()
router = APIRouter(prefix="/worker/v1/engines", tags=["workers"])

_NOW = func.tunesmith_now()


@router.post("")
async def register_engine(
    body: EngineRegistration, request: Request, caller: WorkerCaller, session: SessionDep
) -> EngineRegistered:
    """The engine is asked from now on, until it was silent for `engine_timeout_s`. Sent again as a sign of life."""
    _check_url(body.url)
    told = {"url": body.url.rstrip("/"), "secret": body.secret, "loaded": body.loaded, "version": body.version}
    statement = insert(EngineRow).values(project_id=caller.project_id, id=body.engine_id, **told)
    is_new = await session.scalar(
        statement.on_conflict_do_update(
            index_elements=["project_id", "id"], set_={**told, "last_seen": _NOW, "away_since": None}
        ).returning(text("xmax = 0"))
    )
    if is_new:
        await session.execute(delete(EngineRow).where(EngineRow.last_seen < _NOW - text("interval '1 day'")))
        log.info("engine.connected", engine_id=body.engine_id, url=body.url, version=body.version)
    return EngineRegistered(engine_id=body.engine_id, heartbeat_s=request.app.state.settings.engine_timeout_s / 4)


@router.delete("/{engine_id}")
async def remove_engine(engine_id: str, caller: WorkerCaller, session: SessionDep) -> Deleted:
    """The engine is asked no more: for a clean stop."""
    gone = await session.execute(
        delete(EngineRow).where(EngineRow.project_id == caller.project_id, EngineRow.id == engine_id)
        .returning(EngineRow.id)
    )  # fmt: skip
    if gone.first() is None:
        raise NotFound(f"No such engine: {engine_id}. It may have been removed before.", param="engine_id")
    log.info("engine.left", engine_id=engine_id)
    return Deleted(id=engine_id, object="engine")


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        good, parts = False, None
    if not good or parts is None or parts.username or parts.query or parts.fragment:
        raise SpecInvalid(
            f"Invalid 'url': expected http(s)://host:port that this server can reach, but got {url!r}.", param="url"
        )
