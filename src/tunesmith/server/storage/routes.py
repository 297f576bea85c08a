"""Bytes over HTTP by signed links: downloads of blobs, and what workers upload."""

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response

from tunesmith.schemas.errors import Invalid, NotFound, Unprocessable
from tunesmith.schemas.models import ArtifactFile
from tunesmith.server.accounts import auth
from tunesmith.server.db import Database
from tunesmith.server.storage import links, uploads
from tunesmith.server.storage.blobs import BlobStore
from tunesmith.server.storage.download import blob_response
from tunesmith.server.storage.staging import Place, Staging

router = APIRouter(tags=["storage"])

Sha256Path = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
_OFFSET = re.compile(r"\d{1,15}")


@router.head("/storage/v1/{sha256}", include_in_schema=False, dependencies=[Depends(auth.public)])
@router.get("/storage/v1/{sha256}", response_class=Response, dependencies=[Depends(auth.public)])
async def download(sha256: Sha256Path, request: Request) -> Response:
    """The bytes of a signed link, by Range if wished."""
    query = _checked(request, "GET")
    blobs: BlobStore = request.app.state.blobs
    size_bytes = await blobs.size(sha256)
    if size_bytes is None:
        raise NotFound("The bytes of this link were deleted.", code="blob_not_found")
    return blob_response(request, blobs, sha256, size_bytes, query.get("name") or sha256)


@router.head("/worker/v1/uploads/{upload_id}/{sha256}", dependencies=[Depends(auth.public)])
async def upload_offset(upload_id: str, sha256: Sha256Path, request: Request) -> Response:
    """`Upload-Offset`: how many bytes are stored; `Upload-Length`: how many were announced."""
    file = await _target(request, upload_id, sha256)
    offset = await _staging(request).offset(Place(upload_id, sha256))
    return Response(headers={**_offset(offset), "upload-length": str(file.size_bytes), "cache-control": "no-store"})


@router.patch("/worker/v1/uploads/{upload_id}/{sha256}", status_code=204, dependencies=[Depends(auth.public)])
async def upload_bytes(upload_id: str, sha256: Sha256Path, request: Request) -> Response:
    """Stores the body from `Upload-Offset` on and answers the new one. What was stored stays through a restart.

    409 `offset_mismatch` carries the true offset; 413 when more comes than was announced.
    """
    file = await _target(request, upload_id, sha256)
    given = request.headers.get("upload-offset", "")
    if not _OFFSET.fullmatch(given):
        raise Invalid("Send the header Upload-Offset: the number of bytes that are stored.", param="upload-offset")
    place = Place(upload_id, sha256)
    stored = await _staging(request).append(place, int(given), request.stream(), size_bytes=file.size_bytes)
    return Response(status_code=204, headers=_offset(stored))


async def _target(request: Request, upload_id: str, sha256: str) -> ArtifactFile:
    """The file that the signed link allows to send. Raises Unprocessable when the upload has ended."""
    _checked(request, "PATCH")
    db: Database = request.app.state.db
    async with db.session() as session:
        row = await uploads.get_upload(session, upload_id)
    request.state.job_id, request.state.epoch = row.job_id, row.epoch
    if row.state != "open":
        raise Unprocessable(f"The upload {upload_id} is {row.state} and takes no more bytes.", code="upload_closed")
    return uploads.file_of(row, sha256)


def _checked(request: Request, method: str) -> dict[str, str]:
    """The link's parameters. Raises Forbidden."""
    query = dict(request.query_params)
    links.check(
        request.app.state.secrets["link"], method, request.scope["path"], query, now=request.app.state.clock.now()
    )
    return query


def _staging(request: Request) -> Staging:
    blobs: BlobStore = request.app.state.blobs
    return Staging(blobs.store)


def _offset(offset: int) -> dict[str, str]:
    return {"upload-offset": str(offset)}
