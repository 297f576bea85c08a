"""Who uses a blob. A blob is deleted only under the lock that every new user takes, when nobody uses it."""

from collections.abc import Iterable
from typing import LiteralString

import structlog
from sqlalchemy import delete, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from tunesmith.schemas.errors import Unavailable
from tunesmith.server.db import Database
from tunesmith.server.storage.blobs import BlobStore, Stored
from tunesmith.server.storage.tables import BlobUseRow

log = structlog.get_logger()

# A part of a statement whose part `job` has a row: the lock that `_lock` takes, and the use. Once committed, nobody
# sweeps the blob any more; what was swept just before, the caller puts again.
HOLD_PART: LiteralString = """,
  locked AS MATERIALIZED (SELECT pg_advisory_xact_lock(hashtextextended(%(sha256)s::text, 7)) FROM job),
  use AS (
    INSERT INTO blob_uses (sha256, holder, project_id, size_bytes)
    SELECT %(sha256)s::text, %(holder)s::text, project_id, %(size_bytes)s::bigint FROM job, locked
  )"""


async def hold(
    session: AsyncSession, blobs: BlobStore, stored: Iterable[Stored], *, project_id: str, holder: str
) -> None:
    """Keeps the blobs for `holder` (an id) from now on; holding twice changes nothing.

    Raises Unavailable when one was swept away since it was put: the caller sends it again.
    """
    wanted = {blob.sha256: blob for blob in stored}
    if not wanted:
        return
    await _lock(session, wanted)
    for blob in wanted.values():
        if await blobs.size(blob.sha256) is None:
            raise _swept(blob.sha256)
    rows = [
        {"sha256": blob.sha256, "holder": holder, "project_id": project_id, "size_bytes": blob.size_bytes}
        for blob in wanted.values()
    ]
    await session.execute(insert(BlobUseRow).on_conflict_do_nothing(), rows)


async def let_go(session: AsyncSession, holder: str) -> list[str]:
    """The sha256 of what `holder` kept. Sweep them once the transaction is committed."""
    gone = await session.scalars(delete(BlobUseRow).where(BlobUseRow.holder == holder).returning(BlobUseRow.sha256))
    return sorted(gone)


async def sweep(db: Database, blobs: BlobStore, candidates: Iterable[str]) -> int:
    """Deletes those blobs that nobody uses; how many. Each in a transaction of its own that writes nothing,
    so that no failure can leave a row whose bytes are gone."""
    n = 0
    for sha256 in candidates:
        async with db.session() as session:
            await _lock(session, [sha256])
            if await session.scalar(select(BlobUseRow.sha256).where(BlobUseRow.sha256 == sha256).limit(1)):
                continue
            await blobs.delete(sha256)
            n += 1
    if n:
        log.info("blobs.swept", count=n)
    return n


async def of_project(session: AsyncSession, project_id: str, candidates: Iterable[str]) -> set[str]:
    """Those that the project itself uses: what others have stored is not told."""
    found = await session.scalars(
        select(BlobUseRow.sha256).where(BlobUseRow.project_id == project_id, BlobUseRow.sha256.in_(list(candidates)))
    )
    return set(found)


def _swept(sha256: str) -> Unavailable:
    return Unavailable(f"The bytes {sha256} were just deleted with another file. Send them again.")


async def _lock(session: AsyncSession, sha256s: Iterable[str]) -> None:
    """Locks the names until the transaction ends, in one order everywhere."""
    await session.execute(
        text(
            "SELECT pg_advisory_xact_lock(k) FROM "
            "(SELECT DISTINCT hashtextextended(s, 7) AS k FROM unnest(CAST(:names AS text[])) s ORDER BY 1) AS ordered"
        ),
        {"names": list(sha256s)},
    )
