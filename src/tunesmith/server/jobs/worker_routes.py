"""/worker/v1: claim, report, uploads and commit, complete, fail, release. Every call after the claim is fenced.

Errors are problem+json with the job and the epoch in them, so that a worker knows a stop order from a proxy's page.
"""

import random
from functools import partial

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy.ext.asyncio import AsyncSession

from tunesmith.schemas.errors import Forbidden, NotFound
from tunesmith.schemas.worker import (
    ClaimReply,
    ClaimRequest,
    CommitReply,
    CommitRequest,
    CompleteReply,
    CompleteRequest,
    FailReply,
    FailRequest,
    MissingReply,
    ReleaseReply,
    ReleaseRequest,
    ReportReply,
    ReportRequest,
    UploadReply,
    UploadRequest,
)
from tunesmith.server.accounts.auth import LeaseCaller, WaitingWorkerCaller
from tunesmith.server.db import driver
from tunesmith.server.jobs import arrivals, claims, outcome, protocol, queue
from tunesmith.server.jobs.claims import Lessor
from tunesmith.server.jobs.queue import LeaseToken
from tunesmith.server.storage import links, uploads, uses
from tunesmith.server.storage.tables import UploadRow

router = APIRouter(prefix="/worker/v1", tags=["workers"])


@router.post("/claim", response_model=ClaimReply, responses={204: {"description": "No work; ask again."}})
async def claim(body: ClaimRequest, request: Request, caller: WaitingWorkerCaller) -> Response:
    """Leases the oldest queued job that this worker can run, waiting up to `wait_s` for one.

    The lease ends unless the first report comes within 20 s. The same `claim_id` again answers the same lease.
    """
    state = request.app.state
    lessor = Lessor(
        db=state.db,
        hub=state.hub,
        settings=state.settings,
        lease_secret=state.secrets["lease"],
        sign=partial(links.sign, state.secrets["link"], life_s=state.settings.signed_url_life_s, now=state.clock.now()),
    )
    reply = await claims.claim(lessor, caller, body, request)
    if reply is None:
        return Response(status_code=204, headers={"retry-after": f"{random.uniform(0.2, 1.0):.2f}"})
    return Response(reply, media_type="application/json")


@router.post("/jobs/{job_id}/report")
async def report(job_id: str, body: ReportRequest, request: Request, bearer: LeaseCaller) -> ReportReply:
    """Renews the lease, tells progress and what is new in each stream, and hears what to do."""
    token = _token(request, job_id, body.epoch, bearer)
    async with request.app.state.db.lean() as connection:
        return await protocol.report(connection, request.app.state.settings, token, body)


@router.post("/jobs/{job_id}/uploads", status_code=201, responses={200: {"model": UploadReply}})
async def create_upload(
    job_id: str, body: UploadRequest, request: Request, response: Response, bearer: LeaseCaller
) -> UploadReply:
    """Signed places for the files that the server lacks; 200 when the upload is committed already."""
    state = request.app.state
    token = _token(request, job_id, body.epoch, bearer)
    async with state.db.session() as session:
        lease = await queue.hold_live(await driver(session), token)
        row = await uploads.create_upload(
            session,
            job_id=job_id,
            project_id=lease.project_id,
            epoch=body.epoch,
            kind=body.kind,
            step=body.step,
            manifest=body.manifest,
            metrics=arrivals.finite(body.metrics),
            limit_bytes=state.settings.max_artifact_bytes,
        )
    reply = await uploads.upload_reply(
        state.db, state.blobs, row, secret=state.secrets["link"], life_s=state.settings.signed_url_life_s
    )
    response.status_code = 200 if reply.committed else 201
    return reply


@router.post("/uploads/{upload_id}/commit")
async def commit_upload(upload_id: str, body: CommitRequest, request: Request, bearer: LeaseCaller) -> CommitReply:
    """Hashes and checks what was uploaded and makes it count: only what is committed can be resumed from or listed."""
    state = request.app.state
    token = queue.read_token(bearer, state.secrets["lease"])
    request.state.job_id, request.state.epoch = token.job_id, body.epoch
    _check_epoch(token, body.epoch)
    unused: list[str] = []

    async def fence(session: AsyncSession, row: UploadRow) -> None:
        if (row.job_id, row.epoch) != (token.job_id, token.epoch):
            raise NotFound(f"No such upload of this lease: {upload_id}.")
        await queue.hold_live(await driver(session), token)

    async def publish(session: AsyncSession, row: UploadRow) -> None:
        unused.extend(await arrivals.take(session, token, row))

    row = await uploads.commit_upload(state.db, state.blobs, upload_id, fence, publish)
    await uses.sweep(state.db, state.blobs, unused)
    return CommitReply.model_validate({"upload_id": row.id, "kind": row.kind, "step": row.step})


@router.post("/jobs/{job_id}/complete", response_model=CompleteReply, responses={202: {"model": MissingReply}})
async def complete(job_id: str, body: CompleteRequest, request: Request, bearer: LeaseCaller) -> Response:
    """Ends the job as succeeded and registers its model, all at once; 202 names stream items that never came."""
    state = request.app.state
    token = _token(request, job_id, body.epoch, bearer)
    reply = await outcome.complete(state.db, state.blobs, token, body)
    status = 202 if isinstance(reply, MissingReply) else 200
    return JSONResponse(reply.model_dump(mode="json"), status_code=status)


@router.post("/jobs/{job_id}/fail")
async def fail(job_id: str, body: FailRequest, request: Request, bearer: LeaseCaller) -> FailReply:
    """Tells why the run ended; the server decides whether it is tried again."""
    token = _token(request, job_id, body.epoch, bearer)
    async with request.app.state.db.lean() as connection:
        return await protocol.fail(connection, request.app.state.settings, token, body)


@router.post("/jobs/{job_id}/release")
async def release(job_id: str, body: ReleaseRequest, request: Request, bearer: LeaseCaller) -> ReleaseReply:
    """Hands the job back: queued again at once, or paused if that was asked."""
    token = _token(request, job_id, body.epoch, bearer)
    async with request.app.state.db.lean() as connection:
        return await protocol.release(connection, request.app.state.settings, token, body)


def _token(request: Request, job_id: str, epoch: int, bearer: str) -> LeaseToken:
    """The lease token, for this job and epoch. Raises Unauthenticated or Forbidden."""
    request.state.job_id, request.state.epoch = job_id, epoch
    token = queue.read_token(bearer, request.app.state.secrets["lease"])
    if token.job_id != job_id:
        raise Forbidden(f"The lease token is for another job than {job_id}.", code="wrong_job")
    _check_epoch(token, epoch)
    return token


def _check_epoch(token: LeaseToken, epoch: int) -> None:
    if token.epoch != epoch:
        raise Forbidden(f"The lease token is for epoch {token.epoch}, not {epoch}.", code="wrong_epoch")
