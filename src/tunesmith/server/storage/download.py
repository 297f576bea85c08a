"""A blob as an HTTP answer: whole, or one range of it (RFC 9110, section 14)."""

import re
from collections.abc import AsyncIterator
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from tunesmith.schemas.errors import Invalid
from tunesmith.server.storage.blobs import BlobStore

_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.IGNORECASE)


def blob_response(request: Request, blobs: BlobStore, sha256: str, size_bytes: int, filename: str) -> Response:
    """The bytes as an attachment: 200, 206 for a Range, 416 for one beyond the end, headers alone for HEAD.

    The sha256 is its ETag, so a client that resumes with If-Range gets the same bytes or all of them.
    """
    headers = {
        "accept-ranges": "bytes",
        "etag": f'"{sha256}"',
        "content-disposition": _attachment(filename),
        "x-content-type-options": "nosniff",
        "cache-control": "private, no-transform",
    }
    wanted = _wanted(request, sha256, size_bytes)
    if wanted is None:
        error = Invalid(f"The range asked for lies beyond the end: there are {size_bytes:,} bytes.")
        return JSONResponse(error.body(), 416, {"content-range": f"bytes */{size_bytes}", "accept-ranges": "bytes"})
    start, end = wanted
    status = 200
    if (start, end) != (0, size_bytes):
        status = 206
        headers["content-range"] = f"bytes {start}-{end - 1}/{size_bytes}"
    headers["content-length"] = str(end - start)
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type="application/octet-stream")
    body: AsyncIterator[bytes] = blobs.open(sha256, start, end)
    return StreamingResponse(body, status, headers, "application/octet-stream")


def _wanted(request: Request, sha256: str, size_bytes: int) -> tuple[int, int] | None:
    """First byte and the one after the last; all when no single Range was asked for; None when beyond the end."""
    found = _RANGE.fullmatch(request.headers.get("range", "").replace(" ", ""))
    same = request.headers.get("if-range", f'"{sha256}"') == f'"{sha256}"'
    if found is None or not same or found.group(1) == found.group(2) == "":
        return 0, size_bytes
    first, last = found.groups()
    if not first:
        start, end = max(0, size_bytes - int(last)), size_bytes
    else:
        start, end = int(first), min(size_bytes, int(last) + 1 if last else size_bytes)
        if last and int(last) < start:
            return 0, size_bytes
    return (start, end) if start < end else None


def _attachment(filename: str) -> str:
    """Content-Disposition with an ASCII name for old clients and the whole name for the others (RFC 6266)."""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in filename)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"
