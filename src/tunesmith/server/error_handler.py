"""Every failure as the body its caller expects: OpenAI's under /v1, problem+json under /worker/v1."""

from collections.abc import Mapping
from typing import Any, cast

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from tunesmith.schemas.errors import (
    Internal,
    Invalid,
    MethodNotAllowed,
    NotFound,
    OffsetMismatch,
    SpecInvalid,
    TunesmithError,
    Unavailable,
)
from tunesmith.schemas.worker import Problem
from tunesmith.server import ids

log = structlog.get_logger()

_PYDANTIC_CODES = {
    "missing": "missing_required_parameter",
    "extra_forbidden": "unknown_parameter",
    "greater_than_equal": "{kind}_below_min_value",
    "greater_than": "{kind}_below_min_value",
    "less_than_equal": "{kind}_above_max_value",
    "less_than": "{kind}_above_max_value",
    "string_too_long": "string_above_max_length",
    "string_too_short": "string_below_min_length",
    "too_short": "array_below_min_length",
    "too_long": "array_above_max_length",
    "literal_error": "invalid_value",
    "enum": "invalid_value",
}


def install(app: FastAPI) -> None:
    """Registers the handlers; nothing leaves the server in another shape."""
    app.add_exception_handler(TunesmithError, _ours)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _starlette)
    app.add_exception_handler(Exception, _unexpected)


def response_for(request: Request, error: TunesmithError, headers: Mapping[str, str] | None = None) -> Response:
    """The error as the path's readers expect it."""
    extra = dict(headers or {})
    if error.retryable and error.status in (429, 503):
        extra.setdefault("retry-after", "2")
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
    return response_for(request, invalid_from(cast("RequestValidationError", error).errors()))


def invalid_from(problems: Any) -> Invalid:
    """pydantic's first problem as one sentence that names the parameter, what was expected and what came."""
    first: dict[str, Any] = problems[0]
    kind: str = first["type"]
    where = [str(part) for part in first["loc"] if part not in ("body", "query", "path", "header")]
    param = _param(where)
    if kind == "json_invalid":
        return Invalid("The body is not valid JSON. Send one JSON object.", code="invalid_json")
    if kind == "missing":
        if not param:
            return Invalid("The request has no body. Send one JSON object.", code="missing_required_parameter")
        return SpecInvalid(f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter")
    if kind == "extra_forbidden":
        return SpecInvalid(f"Unknown parameter: '{param}'.", param=param, code="unknown_parameter")
    code = _PYDANTIC_CODES.get(
        kind, "invalid_type" if kind.endswith("_type") or kind.endswith("_parsing") else "invalid_value"
    )
    number = "integer" if isinstance(first.get("input"), int) else "decimal"
    bound = first.get("ctx", {})
    if "_min_value" in code or "_max_value" in code:
        low = "min" in code
        side = "below minimum value" if low else "above maximum value"
        limit = bound.get("ge", bound.get("gt")) if low else bound.get("le", bound.get("lt"))
        message = f"Invalid '{param}': {number} {side}. Expected a value {'>' if low else '<'}= {limit}, but got {_shown(first)} instead."
        return SpecInvalid(message, param=param, code=code.format(kind=number))
    return SpecInvalid(f"Invalid '{param}': {first['msg']}; got {_shown(first)}.", param=param, code=code)


def _param(where: list[str]) -> str:
    """`messages[0].role` from pydantic's location; names of union branches are left out."""
    text = ""
    for part in where:
        if part.isdigit():
            text += f"[{part}]"
        elif (
            part.replace("_", "").isalnum()
            and part.islower()
            and part not in ("int", "float", "str", "auto", "literal")
        ):
            text += f".{part}" if text else part
    return text


def _shown(problem: dict[str, Any]) -> str:
    text = repr(problem.get("input"))
    return text if len(text) <= 80 else text[:77] + "..."


async def _starlette(request: Request, error: Exception) -> Response:
    http = cast("HTTPException", error)
    if http.status_code == 404:
        ours: TunesmithError = NotFound(f"Invalid URL ({request.method} {request.scope['path']})")
        ours.error_code = "unknown_url"
    elif http.status_code == 405:
        ours = MethodNotAllowed(f"Not allowed to {request.method} on {request.scope['path']}.")
    else:
        ours = Invalid(str(http.detail))
        response = response_for(request, ours, http.headers)
        response.status_code = http.status_code
        return response
    return response_for(request, ours, http.headers)


async def _unexpected(request: Request, error: Exception) -> Response:
    from sqlalchemy.exc import InterfaceError, OperationalError

    if isinstance(error, (OperationalError, InterfaceError)):
        return response_for(request, Unavailable("The database is busy or away. Try again in a moment."))
    incident = ids.new_id("request")
    log.error("request.failed", incident=incident, method=request.method, path=request.scope["path"], exc_info=error)
    return response_for(request, Internal(f"The server had an error. Incident {incident} is in its log."))
