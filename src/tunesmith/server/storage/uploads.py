"""Uploads of workers: places for what is lacking, bytes staged by offset, and the commit that makes them count."""

import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog
from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from tunesmith.base_models import weights
from tunesmith.schemas.errors import ChecksumMismatch, Invalid, NotFound, TooLarge, Unprocessable, UnsafeWeights
from tunesmith.schemas.models import ArtifactFile
from tunesmith.schemas.worker import UploadKind, UploadReply, UploadTarget
from tunesmith.server import ids
from tunesmith.server.db import Database
from tunesmith.server.storage import links, uses
from tunesmith.server.storage.blobs import BlobStore, Stored
from tunesmith.server.storage.staging import Place, Staging
from tunesmith.server.storage.tables import UploadRow

log = structlog.get_logger()

Fence = Callable[[AsyncSession, UploadRow], Awaitable[None]]
"""Raises when the worker no longer holds the job; asked early, and again in the transaction that commits the upload."""
Publish = Callable[[AsyncSession, UploadRow], Awaitable[None]]
"""What else comes to be in the transaction that commits the upload; not called for one that was committed before."""


async def create_upload(
    session: AsyncSession,
    *,
    job_id: str,
    project_id: str,
    epoch: int,
    kind: UploadKind,
    step: int,
    manifest: Sequence[ArtifactFile],
    metrics: dict[str, float],
    answers: Sequence[dict[str, Any]],
    limit_bytes: int,
) -> UploadRow:
    """The upload of (job, epoch, kind, step); asked for again, the same one with the manifest as it is now.

    Raises TooLarge for a file above `limit_bytes`, Unprocessable for other files under one that is committed.
    """
    _check_manifest(manifest, limit_bytes)
    files = [file.model_dump() for file in manifest]
    await session.execute(
        insert(UploadRow)
        .values(
            id=ids.new_id("upload"), project_id=project_id, job_id=job_id, epoch=epoch, kind=kind, step=step,
            manifest=files, metrics=metrics, answers=list(answers),
        )
        .on_conflict_do_nothing(index_elements=["job_id", "epoch", "kind", "step"])
    )  # fmt: skip
    row = (
        await session.scalars(
            select(UploadRow)
            .where(UploadRow.job_id == job_id, UploadRow.epoch == epoch, UploadRow.kind == kind, UploadRow.step == step)
            .with_for_update()
        )
    ).one()
    if row.manifest != files:
        if row.state != "open":
            raise Unprocessable(f"The {kind} upload of step {step} is {row.state} with other files. Use another step.")
        row.manifest, row.metrics, row.answers = files, metrics, list(answers)
    return row


async def upload_reply(
    db: Database, blobs: BlobStore, row: UploadRow, *, secret: bytes, life_s: float, now: dt.datetime | None = None
) -> UploadReply:
    """Signed places for the files that are neither staged whole nor stored by this project already.

    Call it outside a session. What other projects have stored is not told: their bytes must be sent again.
    """
    if row.state == "committed":
        return UploadReply(upload_id=row.id, committed=True, targets=[])
    staging = Staging(blobs.store)
    targets: list[UploadTarget] = []
    for file in await _lacking(db, row):
        offset = await staging.offset(Place(row.id, file.sha256))
        if offset < file.size_bytes:
            path = f"/worker/v1/uploads/{row.id}/{file.sha256}"
            url = links.sign(secret, path, life_s=life_s, method="PATCH", now=now)
            targets.append(UploadTarget(sha256=file.sha256, size_bytes=file.size_bytes, offset=offset, url=url))
    return UploadReply(upload_id=row.id, committed=False, targets=targets)


async def commit_upload(
    db: Database, blobs: BlobStore, upload_id: str, fence: Fence, publish: Publish | None = None
) -> UploadRow:
    """Makes the upload count: its bytes hashed and checked outside a session, then one fenced transaction.

    Again on a committed one: the same row, the fence still asked. Raises ChecksumMismatch, UnsafeWeights,
    Unprocessable when bytes are missing or it was dropped, and whatever `fence` raises; then nothing is committed.
    """
    async with db.session() as session:
        row = await get_upload(session, upload_id)
        await fence(session, row)
    await _assemble(db, blobs, row)
    async with db.session() as session:
        row = await get_upload(session, upload_id, lock=True)
        await fence(session, row)
        if row.state == "dropped":
            raise Unprocessable(f"The upload {upload_id} was dropped. Ask for a new one.")
        if row.state == "open":
            stored = [Stored(file.sha256, file.size_bytes) for file in files_of(row)]
            await uses.hold(session, blobs, stored, project_id=row.project_id, holder=row.id)
            row.state = "committed"
            row.committed_at = await session.scalar(text("SELECT tunesmith_now()"))
            if publish is not None:
                await publish(session, row)
    await Staging(blobs.store).drop(upload_id)
    log.info("upload.committed", upload_id=upload_id, job_id=row.job_id, kind=row.kind, step=row.step)
    return row


async def drop_uploads(session: AsyncSession, upload_ids: Sequence[str]) -> list[str]:
    """Ends uploads that nobody needs any more, old checkpoints say; the sha256s to `uses.sweep` after the commit."""
    await session.execute(update(UploadRow).where(UploadRow.id.in_(upload_ids)).values(state="dropped"))
    return sorted({sha256 for upload_id in upload_ids for sha256 in await uses.let_go(session, upload_id)})


async def get_upload(session: AsyncSession, upload_id: str, *, lock: bool = False) -> UploadRow:
    """The row, locked until the transaction ends if wished. Raises NotFound."""
    row = await session.get(UploadRow, upload_id, with_for_update=lock or None, populate_existing=lock)
    if row is None:
        raise NotFound(f"No such upload: {upload_id}. Ask for one with POST /worker/v1/jobs/JOB/uploads.")
    return row


def files_of(row: UploadRow) -> list[ArtifactFile]:
    """The upload's manifest."""
    return [ArtifactFile.model_validate(file) for file in row.manifest]


def file_of(row: UploadRow, sha256: str) -> ArtifactFile:
    """The file of the manifest with that sha256. Raises NotFound."""
    for file in files_of(row):
        if file.sha256 == sha256:
            return file
    raise NotFound(f"The upload {row.id} names no file with the sha256 {sha256}.")


def _check_manifest(manifest: Sequence[ArtifactFile], limit_bytes: int) -> None:
    sizes: dict[str, int] = {}
    paths: set[str] = set()
    for file in manifest:
        if file.size_bytes > limit_bytes:
            raise TooLarge(
                f"{file.path} has {file.size_bytes:,} bytes, more than the {limit_bytes:,} of max_artifact_bytes."
            )
        if file.path in paths:
            raise Invalid(f"The manifest names {file.path} twice.", param="manifest")
        if sizes.setdefault(file.sha256, file.size_bytes) != file.size_bytes:
            raise Invalid(f"The manifest gives {file.sha256} two sizes.", param="manifest")
        paths.add(file.path)


async def _lacking(db: Database, row: UploadRow) -> list[ArtifactFile]:
    """One file for each sha256 that the project does not store yet."""
    unique = {file.sha256: file for file in files_of(row)}
    async with db.session() as session:
        known = await uses.of_project(session, row.project_id, unique)
    return [file for sha256, file in unique.items() if sha256 not in known]


async def _assemble(db: Database, blobs: BlobStore, row: UploadRow) -> None:
    """Every file of an open upload as a checked blob. Raises as commit_upload says."""
    if row.state != "open":
        return
    try:
        await _assemble_files(db, blobs, row)
    except Unprocessable:
        # The same commit sent twice: the first may have finished and cleared the staged bytes meanwhile.
        async with db.session() as session:
            if (await get_upload(session, row.id)).state != "committed":
                raise


async def _assemble_files(db: Database, blobs: BlobStore, row: UploadRow) -> None:
    staging = Staging(blobs.store)
    lacking = {file.sha256 for file in await _lacking(db, row)}
    for file in files_of(row):
        head = await _head(blobs, staging, Place(row.id, file.sha256), lacking)
        weights.check_file(file.path, head, file.size_bytes)
        if file.path.rpartition("/")[2] == "config.json" and b'"auto_map"' in head:
            raise UnsafeWeights(
                f'{file.path} has "auto_map": the model wants to run its own code, which is never done here.'
            )
    for file in {file.sha256: file for file in files_of(row) if file.sha256 in lacking}.values():
        place = Place(row.id, file.sha256)
        offset = await staging.offset(place)
        if offset < file.size_bytes:
            raise Unprocessable(
                f"{file.path} has {offset:,} of its {file.size_bytes:,} bytes. Send the rest, then commit again.",
                code="incomplete_upload",
            )
        if not await staging.assemble(place, file.size_bytes):
            raise ChecksumMismatch(
                f"The bytes of {file.path} do not have the sha256 {file.sha256} that was announced. They were dropped: "
                "ask for the upload again and send them anew."
            )


async def _head(blobs: BlobStore, staging: Staging, place: Place, lacking: set[str]) -> bytes:
    if place.sha256 in lacking:
        return await staging.head(place, weights.HEAD_BYTES)
    head = [piece async for piece in blobs.open(place.sha256, 0, weights.HEAD_BYTES)]
    return b"".join(head)
