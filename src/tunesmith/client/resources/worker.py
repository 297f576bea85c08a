"""/worker/v1: the calls of a worker. Each after the claim carries the lease token in place of the key."""

from dataclasses import dataclass

import httpx

from tunesmith.client._call import Call, json_bytes, json_reader, post, raw, segment
from tunesmith.client._resource import Resource, S, endpoint
from tunesmith.client.errors import UnreadableReply
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

CALL_TIMEOUT_S = 30.0
CHUNK_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class NoWork:
    """204: nothing to do; ask again after `retry_after_s`, if it was said."""

    retry_after_s: float | None


@dataclass(frozen=True)
class Lease:
    """What each call of an attempt carries."""

    job_id: str
    epoch: int
    token: str

    def path(self, step: str) -> str:
        return f"/worker/v1/jobs/{segment(self.job_id)}/{step}"


class WorkerCalls(Resource[S]):
    """The worker protocol."""

    @endpoint
    def claim(self, request: ClaimRequest) -> Call[ClaimReply | NoWork]:
        """A leased job, or none after `wait_s`. The same claim_id again answers the same lease."""
        timeout_s = request.wait_s + CALL_TIMEOUT_S
        return Call(
            "POST", "/worker/v1/claim", _claimed, content=json_bytes(request), timeout_s=timeout_s
        ).with_headers(Idempotency_Key=str(request.claim_id))

    @endpoint
    def report(self, lease: Lease, request: ReportRequest, *, timeout_s: float = CALL_TIMEOUT_S) -> Call[ReportReply]:
        """Renews the lease; the answer says what the server has and wants."""
        return post(lease.path("report"), ReportReply, request, token=lease.token, timeout_s=timeout_s)

    @endpoint
    def uploads(self, lease: Lease, request: UploadRequest) -> Call[UploadReply]:
        """Places for the files that the server lacks."""
        return post(lease.path("uploads"), UploadReply, request, token=lease.token, timeout_s=CALL_TIMEOUT_S)

    @endpoint
    def upload_offset(self, url: str) -> Call[int]:
        """How many bytes of a target the server has."""
        return Call("HEAD", url, _offset, signed=True, timeout_s=CALL_TIMEOUT_S)

    @endpoint
    def upload_chunk(self, url: str, offset: int, chunk: bytes) -> Call[int]:
        """Sends bytes from `offset` on; answers the new offset. Raises OffsetMismatch with the true one."""
        headers = {"upload-offset": str(offset), "content-type": "application/octet-stream"}
        return Call("PATCH", url, _offset, content=chunk, headers=headers, signed=True, timeout_s=CHUNK_TIMEOUT_S)

    @endpoint
    def commit(self, lease: Lease, upload_id: str) -> Call[CommitReply]:
        """Makes an upload count. Raises Unprocessable when its bytes or format are not what was announced."""
        path = f"/worker/v1/uploads/{segment(upload_id)}/commit"
        # The server hashes and checks its copy before it answers: large weights take a while.
        return post(path, CommitReply, CommitRequest(epoch=lease.epoch), token=lease.token)

    @endpoint
    def complete(self, lease: Lease, request: CompleteRequest) -> Call[CompleteReply | MissingReply]:
        """Ends the job as succeeded; MissingReply asks for stream items that never arrived."""
        return Call(
            "POST",
            lease.path("complete"),
            _completed,
            content=json_bytes(request),
            token=lease.token,
            timeout_s=CALL_TIMEOUT_S,
        )

    @endpoint
    def fail(self, lease: Lease, request: FailRequest) -> Call[FailReply]:
        """Tells why the run ended; the server decides whether it is tried again."""
        return post(lease.path("fail"), FailReply, request, token=lease.token, timeout_s=CALL_TIMEOUT_S)

    @endpoint
    def release(
        self, lease: Lease, request: ReleaseRequest, *, timeout_s: float = CALL_TIMEOUT_S
    ) -> Call[ReleaseReply]:
        """Hands the job back."""
        return post(lease.path("release"), ReleaseReply, request, token=lease.token, timeout_s=timeout_s)

    @endpoint
    def fetch(self, url: str) -> Call[bytes]:
        """A small signed file's bytes; `download` of the sender takes large ones to disk."""
        return Call("GET", url, raw, signed=True)


def _claimed(response: httpx.Response) -> ClaimReply | NoWork:
    if response.status_code == 204:
        after = response.headers.get("retry-after", "")
        return NoWork(float(after) if after.replace(".", "", 1).isdigit() else None)
    return json_reader(ClaimReply)(response)


def _completed(response: httpx.Response) -> CompleteReply | MissingReply:
    return json_reader(MissingReply if response.status_code == 202 else CompleteReply)(response)


def _offset(response: httpx.Response) -> int:
    try:
        return int(response.headers["upload-offset"])
    except (KeyError, ValueError) as error:
        raise UnreadableReply.of(response, "no Upload-Offset header") from error
