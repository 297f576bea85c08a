"""What nobody will ask for again: half-written bytes of killed processes, abandoned uploads, blobs without a user."""

import datetime as dt
from dataclasses import dataclass

import structlog
from sqlalchemy import select, update

from tunesmith.server.db import Database
from tunesmith.server.storage import uses
from tunesmith.server.storage.blobs import TEMPORARY, BlobStore
from tunesmith.server.storage.staging import Staging
from tunesmith.server.storage.store import Store
from tunesmith.server.storage.tables import BlobUseRow, UploadRow

log = structlog.get_logger()

SILENT_WRITE = dt.timedelta(hours=1)
"""A write that took no byte for this long has lost its writer."""
UNUSED_BLOB = dt.timedelta(hours=1)
"""A blob older than this that no row names was put by a request that never ended."""
ABANDONED_UPLOAD = dt.timedelta(days=7)
"""Staged bytes are kept this long: a worker that was cut off may come back."""
PAGE = 500


@dataclass(frozen=True)
class Collected:
    """How many of each were removed."""

    unfinished: int
    uploads: int
    blobs: int


async def collect_garbage(db: Database, blobs: BlobStore, *, now: dt.datetime | None = None) -> Collected:
    """Removes it. Safe at any time, beside any number of servers on the same store; `now` is for tests."""
    at = now or dt.datetime.now(dt.UTC)
    unfinished = await blobs.store.run(_drop_unfinished, blobs.store, at - SILENT_WRITE)
    uploads = await _drop_uploads(db, blobs, at - ABANDONED_UPLOAD)
    swept = await _sweep_unused(db, blobs, at - UNUSED_BLOB)
    collected = Collected(unfinished, uploads, swept)
    if collected != Collected(0, 0, 0):
        log.info("storage.cleaned", unfinished=unfinished, uploads=uploads, blobs=swept)
    return collected


def _drop_unfinished(store: Store, before: dt.datetime) -> int:
    n = 0
    for path, modified_at in list(store.half_written()):
        if modified_at < before:
            path.unlink(missing_ok=True)
            n += 1
    for entry in list(store.entries(TEMPORARY)):
        if entry.modified_at < before:
            store.delete(entry.key)
            n += 1
    return n


async def _drop_uploads(db: Database, blobs: BlobStore, before: dt.datetime) -> int:
    """Staged bytes of uploads that were silent too long, were committed or dropped, or have no row."""
    staging = Staging(blobs.store)
    staged = await staging.uploads()
    n = 0
    for upload_id, modified_at in staged.items():
        async with db.session() as session:
            state = await session.scalar(select(UploadRow.state).where(UploadRow.id == upload_id).with_for_update())
            if state == "open" and modified_at >= before:
                continue
            if state == "open":
                await session.execute(update(UploadRow).where(UploadRow.id == upload_id).values(state="dropped"))
        await staging.drop(upload_id)
        n += 1
    async with db.session() as session:
        await session.execute(
            update(UploadRow)
            .where(UploadRow.state == "open", UploadRow.created_at < before, UploadRow.id.not_in(staged))
            .values(state="dropped")
        )
    return n


async def _sweep_unused(db: Database, blobs: BlobStore, before: dt.datetime) -> int:
    n = 0
    page: list[str] = []
    async for entry in blobs.entries():
        if entry.modified_at < before:
            page.append(entry.key)
        if len(page) == PAGE:
            n += await _sweep_page(db, blobs, page)
            page = []
    return n + await _sweep_page(db, blobs, page)


async def _sweep_page(db: Database, blobs: BlobStore, page: list[str]) -> int:
    if not page:
        return 0
    async with db.session() as session:
        used = set(await session.scalars(select(BlobUseRow.sha256).where(BlobUseRow.sha256.in_(page)).distinct()))
    return await uses.sweep(db, blobs, [sha256 for sha256 in page if sha256 not in used])
