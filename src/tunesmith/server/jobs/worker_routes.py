"""/worker/v1: claim, report, uploads and commit, complete, fail, release. Every call after the claim is fenced.

Errors are problem+json with the job and the epoch in them, so that a worker knows a stop order from a proxy's page.
"""

import random
from functools import partial
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel
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
from tunesmith.server.accounts.auth import LeaseCaller, worker_key_inside
from tunesmith.server.db import driver
from tunesmith.server.jobs import arrivals, claims, fence, outcome, protocol, streams
from tunesmith.server.jobs.bodies import body_of, documented
from tunesmith.server.jobs.claims import Lessor
from tunesmith.server.jobs.fence import LeaseToken
from tunesmith.server.jobs.lean_route import LeanRoute
from tunesmith.server.storage import links, uploads, uses
from tunesmith.server.storage.tables import UploadRow

router = APIRouter(prefix="/worker/v1", tags=["workers"], route_class=LeanRoute)

Told = TypeVar(
    "Told",
    ReportRequest,
    UploadRequest,
    CommitRequest,
    CompleteRequest,
    FailRequest,
    ReleaseRequest,
)


@router.post(
    "/claim",
    response_model=ClaimReply,
    responses={204: {"description": "No work; ask again."}},
    openapi_extra=documented(ClaimRequest),
)
async def claim(request: Request, key: Annotated[str, Depends(worker_key_inside)]) -> Response:
    """Leases the next queued job that this worker can run, by priority and then age, waiting up to `wait_s` for one.

    The lease ends unless the first report comes within 20 s. The same `claim_id` again answers the same lease.
    """
    state = request.app.state
    link_secret, life_s = state.secrets["link"], state.settings.signed_url_life_s
    sign = partial(links.sign, link_secret, life_s=life_s, now=state.clock.now())
    reply = await claims.claim(Lessor(state.db, state.hub, state.settings, state.secrets["lease"], sign), key, request)
    if reply is None:
        return Response(status_code=204, headers={"retry-after": f"{random.uniform(0.2, 1.0):.2f}"})
    return Response(reply, media_type="application/json")


@router.post("/jobs/{job_id}/report", response_model=ReportReply, openapi_extra=documented(ReportRequest))
async def report(job_id: str, request: Request, bearer: LeaseCaller) -> Response:
    """Renews the lease, tells progress and what is new in each stream, and hears what to do."""
    token, body = await _told(request, job_id, bearer, ReportRequest)
    return _json(await protocol.report(request.app.state.db, request.app.state.settings, token, body))


@router.post(
    "/jobs/{job_id}/uploads",
    status_code=201,
    response_model=UploadReply,
    responses={200: {"model": UploadReply}},
    openapi_extra=documented(UploadRequest),
)
async def create_upload(job_id: str, request: Request, bearer: LeaseCaller) -> Response:
    """Signed places for the files that the server lacks; 200 when the upload is committed already."""
    state = request.app.state
    token, body = await _told(request, job_id, bearer, UploadRequest)
    async with state.db.session() as session:
        lease = await fence.hold_live(await driver(session), token)
        row = await uploads.create_upload(
            session,
            job_id=job_id,
            project_id=lease.project_id,
            epoch=body.epoch,
            kind=body.kind,
            step=body.step,
            manifest=body.manifest,
            metrics=arrivals.finite(body.metrics),
            answers=[streams.storable_json(answer.model_dump()) for answer in body.answers],
            limit_bytes=state.settings.max_artifact_bytes,
        )
    secret, life_s = state.secrets["link"], state.settings.signed_url_life_s
    reply = await uploads.upload_reply(state.db, state.blobs, row, secret=secret, life_s=life_s, now=state.clock.now())
    return _json(reply, status_code=200 if reply.committed else 201)


@router.post("/uploads/{upload_id}/commit", response_model=CommitReply, openapi_extra=documented(CommitRequest))
async def commit_upload(upload_id: str, request: Request, bearer: LeaseCaller) -> Response:
    """Hashes and checks what was uploaded and makes it count: only what is committed can be resumed from or listed."""
    state = request.app.state
    token, _ = await _told(request, None, bearer, CommitRequest)
    unused: list[str] = []

    async def hold(session: AsyncSession, row: UploadRow) -> None:
        if (row.job_id, row.epoch) != (token.job_id, token.epoch):
            raise NotFound(f"No such upload of this lease: {upload_id}.")
        await fence.hold_live(await driver(session), token)

    async def publish(session: AsyncSession, row: UploadRow) -> None:
        unused.extend(await arrivals.take(session, token, row))

    row = await uploads.commit_upload(state.db, state.blobs, upload_id, hold, publish)
    await uses.sweep(state.db, state.blobs, unused)
    return _json(CommitReply.model_validate({"upload_id": row.id, "kind": row.kind, "step": row.step}))


@router.post(
    "/jobs/{job_id}/complete",
    response_model=CompleteReply,
    responses={202: {"model": MissingReply}},
    openapi_extra=documented(CompleteRequest),
)
async def complete(job_id: str, request: Request, bearer: LeaseCaller) -> Response:
    """Ends the job as succeeded and registers its model, all at once; 202 names stream items that never came."""
    state = request.app.state
    token, body = await _told(request, job_id, bearer, CompleteRequest)
    reply = await outcome.complete(state.db, state.blobs, token, body)
    return _json(reply, status_code=202 if isinstance(reply, MissingReply) else 200)


@router.post("/jobs/{job_id}/fail", response_model=FailReply, openapi_extra=documented(FailRequest))
async def fail(job_id: str, request: Request, bearer: LeaseCaller) -> Response:
    """Tells why the run ended; the server decides whether it is tried again."""
    token, body = await _told(request, job_id, bearer, FailRequest)
    async with request.app.state.db.lean() as connection:
        return _json(await protocol.fail(connection, request.app.state.settings, token, body))


@router.post("/jobs/{job_id}/release", response_model=ReleaseReply, openapi_extra=documented(ReleaseRequest))
async def release(job_id: str, request: Request, bearer: LeaseCaller) -> Response:
    """Hands the job back: queued again at once, or paused if that was asked."""
    token, body = await _told(request, job_id, bearer, ReleaseRequest)
    async with request.app.state.db.lean() as connection:
        return _json(await protocol.release(connection, request.app.state.settings, token, body))


async def _told(request: Request, job_id: str | None, bearer: str, shape: type[Told]) -> tuple[LeaseToken, Told]:
    """The lease token, for this job and the body's epoch, and the body. Raises Unauthenticated or Forbidden.

    The job and the epoch that refusals echo are those of the token.
    """
    token = fence.read_token(bearer, request.app.state.secrets["lease"])
    request.state.job_id, request.state.epoch = token.job_id, token.epoch
    if job_id is not None and token.job_id != job_id:
        raise Forbidden(f"The lease token is for another job than {job_id}.", code="wrong_job")
    body = await body_of(request, shape)
    if token.epoch != body.epoch:
        raise Forbidden(f"The lease token is for epoch {token.epoch}, not {body.epoch}.", code="wrong_epoch")
    return token, body


def _json(reply: BaseModel, status_code: int = 200) -> Response:
    return Response(reply.model_dump_json(), status_code=status_code, media_type="application/json")
