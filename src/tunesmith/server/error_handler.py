"""Every failure as the body its caller expects: OpenAI's under /v1, problem+json under /worker/v1."""

from collections.abc import Mapping
from typing import cast

import psycopg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from starlette.exceptions import HTTPException

from tunesmith.schemas.errors import (
    Internal,
    Invalid,
    MethodNotAllowed,
    NotFound,
    OffsetMismatch,
    StorageFull,
    TunesmithError,
    Unavailable,
)
from tunesmith.schemas.worker import Problem
from tunesmith.server import ids
from tunesmith.server.invalid_input import invalid_from

__all__ = ["install", "invalid_from", "request_id", "response_for", "unexpected"]

log = structlog.get_logger()

_AWAY = (OperationalError, InterfaceError)
_PARSING = "The body could not be read. Send UTF-8 JSON, or multipart/form-data where a file is wanted."


def install(app: FastAPI) -> None:
    """Registers the handlers; nothing leaves the server in another shape. What they do not know, the edge catches."""
    app.add_exception_handler(TunesmithError, _ours)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _starlette)


def response_for(request: Request, error: TunesmithError, headers: Mapping[str, str] | None = None) -> Response:
    """The error as the path's readers expect it."""
    extra = dict(headers or {})
    if error.retryable and error.status in (409, 429, 503):
        extra.setdefault("retry-after", "2")
    if error.status == 401:
        extra.setdefault("www-authenticate", "Bearer")
    if request.scope["path"].startswith("/worker/v1"):
        return _problem(request, error, extra)
    return JSONResponse(error.body(), status_code=error.status, headers=extra)


def _problem(request: Request, error: TunesmithError, headers: dict[str, str]) -> Response:
    problem = Problem(
        title=type(error).__name__,
        status=error.status,
        code=error.error_code,
        detail=error.message,
        job_id=cast("str | None", request.path_params.get("job_id") or getattr(request.state, "job_id", None)),
        epoch=cast("int | None", getattr(request.state, "epoch", None)),
        offset=error.offset if isinstance(error, OffsetMismatch) else None,
    )
    return Response(
        problem.model_dump_json(exclude_none=True),
        status_code=error.status,
        media_type="application/problem+json",
        headers=headers,
    )


async def _ours(request: Request, error: Exception) -> Response:
    return response_for(request, cast("TunesmithError", error))


async def _validation(request: Request, error: Exception) -> Response:
    problem = cast("RequestValidationError", error)
    return response_for(request, invalid_from(problem.errors(), problem.body))


async def _starlette(request: Request, error: Exception) -> Response:
    http = cast("HTTPException", error)
    if http.status_code == 404:
        ours: TunesmithError = NotFound(f"Invalid URL ({request.method} {request.scope['path']})")
        ours.error_code = "unknown_url"
    elif http.status_code == 405:
        ours = MethodNotAllowed(f"Not allowed to {request.method} on {request.scope['path']}.")
    else:
        ours = Invalid(_PARSING if str(http.detail).startswith("There was an error parsing") else str(http.detail))
        response = response_for(request, ours, http.headers)
        response.status_code = http.status_code
        return response
    return response_for(request, ours, http.headers)


def unexpected(request: Request, error: Exception) -> Response:
    """What nobody foresaw: a fault of the input or the database where it is one, else 500 with an incident id."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    path = request.scope["path"]
    if isinstance(cause, psycopg.errors.DiskFull):
        log.error("database.disk_full", path=path)
        return response_for(request, StorageFull("The database's disk is full. Free some space, then try again."))
    if isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError) or isinstance(error, _AWAY):
        log.warning("database.away", path=path, reason=type(cause).__name__)
        return response_for(request, Unavailable("The database is busy or away. Try again in a moment."))
    if isinstance(cause, psycopg.DataError | UnicodeEncodeError):
        log.warning("request.unstorable", path=path, exc_info=error)
        return response_for(
            request, Invalid("A value of the request cannot be stored: a NUL or broken character, or a number too big.")
        )
    incident = f"inc_{request_id(request).removeprefix('req_')}"
    log.error("request.failed", incident=incident, method=request.method, path=path, exc_info=error)
    return response_for(request, Internal(f"The server had an error. Incident {incident} is in its log; report it."))


def request_id(request: Request) -> str:
    """The id that the answer carries as `x-request-id`."""
    given = getattr(request.state, "request_id", None)
    return given if isinstance(given, str) else ids.new_id("request")
