"""/v1/files: OpenAI's files whole, and ours: the report and a paged preview."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from tunesmith.schemas.datasets import UPLOAD_PURPOSES, FileObject, FileRecord, FileReport
from tunesmith.schemas.errors import TooLarge
from tunesmith.schemas.shape import Deleted, Page
from tunesmith.server.accounts.auth import Caller, SessionDep, UserCaller, WaitingUserCaller
from tunesmith.server.datasets import preview, service
from tunesmith.server.datasets.multipart import FormStream
from tunesmith.server.datasets.receive import LATE_BYTES, receive
from tunesmith.server.datasets.shapes import file_object
from tunesmith.server.datasets.tables import FileRow
from tunesmith.server.db import Database
from tunesmith.server.storage import uses
from tunesmith.server.storage.blobs import BlobStore
from tunesmith.server.storage.download import blob_response

router = APIRouter(prefix="/v1/files", tags=["files"])

_FORM = {
    "type": "object",
    "required": ["file", "purpose"],
    "properties": {
        "file": {"type": "string", "format": "binary"},
        "purpose": {"type": "string", "enum": list(UPLOAD_PURPOSES)},
        "expires_after[anchor]": {"type": "string", "enum": ["created_at"]},
        "expires_after[seconds]": {"type": "integer", "minimum": 3600, "maximum": 2592000},
    },
}
_FORM_SLACK_BYTES = 1024**2
"""What a form may have besides its file."""


@router.post("", openapi_extra={"requestBody": {"content": {"multipart/form-data": {"schema": _FORM}}}})
async def create_file(request: Request, caller: WaitingUserCaller) -> FileObject:
    """Uploads a file. A training file (`purpose=fine-tune`: .jsonl, .csv, .tsv, .fasta, .fa, .faa, each also with
    .gz) is checked line by line while it streams in; bad lines are in its report and fail a job on it, only an
    unreadable file is refused."""
    state = request.app.state
    db: Database = state.db
    blobs: BlobStore = state.blobs
    limit_bytes: int = state.settings.max_file_bytes
    form = FormStream(request.headers.get("content-type"), request.stream(), files=frozenset({"file"}))
    await _check_announced(request, form, limit_bytes)
    received = await receive(form, db, blobs, limit_bytes=limit_bytes)
    async with db.session() as session:
        row = await service.create_file(session, blobs, caller, received)
    return file_object(row)


@router.get("")
async def list_files(
    caller: UserCaller,
    session: SessionDep,
    purpose: str | None = None,
    after: str | None = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 10_000,
    order: service.Order = "desc",
) -> Page[FileObject]:
    """The project's files, newest first unless `order=asc`. `after` is the last id of the page before."""
    rows, has_more = await service.list_files(session, caller, purpose=purpose, after=after, limit=limit, order=order)
    data = [file_object(row) for row in rows]
    return Page(
        data=data, first_id=data[0].id if data else None, last_id=data[-1].id if data else None, has_more=has_more
    )


@router.get("/{file_id}")
async def retrieve_file(file_id: str, caller: UserCaller, session: SessionDep) -> FileObject:
    """One file's facts."""
    return file_object(await service.get_file(session, caller, file_id))


@router.delete("/{file_id}")
async def delete_file(file_id: str, request: Request, caller: WaitingUserCaller) -> Deleted:
    """Deletes the file. Jobs that train on it keep its bytes until they end."""
    db: Database = request.app.state.db
    async with db.session() as session:
        freed = await service.delete_file(session, caller, file_id)
    await uses.sweep(db, request.app.state.blobs, freed)
    return Deleted(id=file_id, object="file")


@router.head("/{file_id}/content", include_in_schema=False)
@router.get("/{file_id}/content", response_class=Response)
async def file_content(file_id: str, request: Request, caller: WaitingUserCaller) -> Response:
    """The file's bytes as they were uploaded, by Range if wished."""
    row = await _get(request, caller, file_id)
    return blob_response(request, request.app.state.blobs, row.sha256, row.size_bytes, row.filename)


@router.get("/{file_id}/report")
async def file_report(file_id: str, caller: UserCaller, session: SessionDep) -> FileReport:
    """What the line checks found: records, lengths, labels, bad lines with their reasons, and findings: hints such as
    duplicates, likely secrets or labels out of balance, each with what to do."""
    return service.report_of(await service.get_file(session, caller, file_id))


@router.get("/{file_id}/records")
async def file_records(
    file_id: str,
    request: Request,
    caller: WaitingUserCaller,
    after: str | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Page[FileRecord]:
    """A page of records as training reads them, in the file's order; a bad line carries its fault."""
    row = await _get(request, caller, file_id)
    data, has_more = await preview.read_page(request.app.state.blobs, row, after=after, limit=limit)
    return Page(
        data=data, first_id=data[0].id if data else None, last_id=data[-1].id if data else None, has_more=has_more
    )


async def _get(request: Request, caller: Caller, file_id: str) -> FileRow:
    """The file by a session that ends before its bytes are read."""
    db: Database = request.app.state.db
    async with db.session() as session:
        return await service.get_file(session, caller, file_id)


async def _check_announced(request: Request, form: FormStream, limit_bytes: int) -> None:
    """Raises TooLarge before anything is stored when the request says that it is too long."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit_bytes + _FORM_SLACK_BYTES:
        await form.drain(LATE_BYTES)
        raise TooLarge(
            f"The file is larger than the {limit_bytes:,} bytes that are allowed here. Split it, or ask the server's "
            "operator to raise max_file_bytes."
        )
