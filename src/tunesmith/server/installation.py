"""GET /v1/server: what runs here, and for admins where its data lies."""

import asyncio
import platform
import shutil
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import psutil
from fastapi import APIRouter, Request
from sqlalchemy import case, func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from tunesmith import __version__
from tunesmith.schemas.accounts import KeyKind
from tunesmith.schemas.operations import DatabaseFacts, ServerFacts, StorageFacts, WorkerFacts
from tunesmith.server.accounts.acting import Caller
from tunesmith.server.accounts.auth import SessionDep, UserCaller
from tunesmith.server.accounts.browser import base_url
from tunesmith.server.accounts.scope import at_service
from tunesmith.server.inference import router as engines
from tunesmith.server.jobs.tables import CONNECTED, JobRow, WorkerRow
from tunesmith.server.settings import Settings
from tunesmith.server.storage.tables import BlobUseRow

router = APIRouter(tags=["operations"])

Kind = Literal["folder", "s3", "gcs", "azure", "http", "memory"]
_BY_SCHEME: dict[str, Kind] = {
    "file": "folder", "memory": "memory", "s3": "s3", "s3a": "s3", "gs": "gcs", "az": "azure", "azure": "azure",
    "adl": "azure", "abfs": "azure", "abfss": "azure",
}  # fmt: skip
_BY_HOST: dict[str, Kind] = {
    "amazonaws.com": "s3", "r2.cloudflarestorage.com": "s3", "core.windows.net": "azure",
    "fabric.microsoft.com": "azure",
}  # fmt: skip
"""The hosts that obstore tells from other https ones."""
_DATABASE = text("""
SELECT current_setting('server_version') AS version, pg_database_size(current_database()) AS size_bytes,
  (SELECT version_num FROM alembic_version) AS revision,
  (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()) AS connections""")


@router.get("/v1/server")
async def retrieve_server(request: Request, caller: UserCaller, session: SessionDep) -> ServerFacts:
    """Version, address, workers and engines; for an admin also the database, the storage and the data folder."""
    settings: Settings = request.app.state.settings
    facts = ServerFacts(
        version=__version__,
        python=platform.python_version(),
        started_at=int(psutil.Process().create_time()),
        url=f"{base_url(request)}/v1",
        workers=await _workers(session, caller),
        engines=await engines.count(session, timeout_s=settings.engine_timeout_s),
        price_per_hour=settings.worker_price_per_hour,
    )
    if caller.kind is not KeyKind.ADMIN:
        return facts
    facts.database = await _database(session, settings)
    facts.storage = await _storage(session, settings)
    facts.data_dir = str(settings.data_dir)
    return facts


def location_of(url: str) -> tuple[Kind, str]:
    """A store's kind and its address without what may be secret in it: user, password, query."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2].partition(":")[0]
    port = f":{parts.port}" if parts.port else ""
    return _kind_of(parts.scheme.lower(), host.lower()), f"{parts.scheme}://{host}{port}{parts.path}"


def _kind_of(scheme: str, host: str) -> Kind:
    if scheme in _BY_SCHEME:
        return _BY_SCHEME[scheme]
    for ending, kind in _BY_HOST.items():
        if host == ending or host.endswith(f".{ending}"):
            return kind
    return "http"


async def _workers(session: AsyncSession, caller: Caller) -> WorkerFacts:
    """Those that would work for the caller; one at work may be silent for longer than a waiting one."""
    at_work = WorkerRow.id.in_(select(JobRow.worker_id).where(JobRow.claim_id.is_not(None)))
    there = or_(at_work, WorkerRow.last_seen_at > func.tunesmith_now() - CONNECTED)
    counts = select(
        func.coalesce(func.sum(case((there, 1), else_=0)), 0), func.coalesce(func.sum(case((at_work, 1), else_=0)), 0)
    ).select_from(WorkerRow)
    connected, busy = (await session.execute(at_service(counts, WorkerRow, caller))).one()
    return WorkerFacts(connected=connected, busy=busy)


async def _database(session: AsyncSession, settings: Settings) -> DatabaseFacts:
    found = (await session.execute(_DATABASE)).mappings().one()
    return DatabaseFacts(embedded=settings.database_url is None, **found)


async def _storage(session: AsyncSession, settings: Settings) -> StorageFacts:
    each = select(BlobUseRow.sha256, func.max(BlobUseRow.size_bytes).label("size_bytes")).group_by(BlobUseRow.sha256)
    blobs = each.subquery()
    n_blobs, size_bytes = (
        await session.execute(select(func.count(), func.coalesce(func.sum(blobs.c.size_bytes), 0)).select_from(blobs))
    ).one()
    if settings.blob_url:
        kind, location = location_of(settings.blob_url)
        folder = Path(urlsplit(settings.blob_url).path) if kind == "folder" else None
    else:
        kind, folder = "folder", settings.data_dir / "blobs"
        location = str(folder)
    free = (await asyncio.to_thread(shutil.disk_usage, folder)).free if folder and folder.is_dir() else None
    return StorageFacts(kind=kind, location=location, n_blobs=n_blobs, size_bytes=size_bytes, free_bytes=free)
