"""Answers as the classes of `schemas/errors.py`, and what only a client can meet.

ServerUnreachable        no answer at all
└─ UnreadableReply       an answer that is not Tunesmith's: a proxy's page, a captive portal, another program
"""

import json
from typing import Any, cast

import httpx
from pydantic import ValidationError

from tunesmith.schemas.errors import (
    Forbidden,
    Gone,
    Internal,
    Invalid,
    LimitReached,
    MethodNotAllowed,
    NotFound,
    OffsetMismatch,
    StorageFull,
    TooLarge,
    TunesmithError,
    Unauthenticated,
    Unavailable,
    Unprocessable,
    WorkerConflict,
    WorkerTooOld,
    error_classes,
)
from tunesmith.schemas.worker import Problem

PROBLEM_TYPE = "application/problem+json"


class ServerUnreachable(Unavailable):
    """The server could not be reached, or the connection broke."""

    code = "server_unreachable"

    @classmethod
    def of(cls, url: str, reason: str) -> "ServerUnreachable":
        return cls(
            f"No answer from {url}: {reason}. Is the server running? "
            "Start one with `tunesmith up`, or set TUNESMITH_URL to where it runs."
        )


class UnreadableReply(ServerUnreachable):
    """Something answered that does not speak this API."""

    code = "unreadable_reply"

    @classmethod
    def of(cls, response: httpx.Response, reason: str) -> "UnreadableReply":  # pyright: ignore[reportIncompatibleMethodOverride]
        return cls(
            f"{_asked(response)} answered {response.status_code} in a form that is not Tunesmith's "
            f"({reason.splitlines()[0] if reason else 'empty'}). Check TUNESMITH_URL and any proxy in between."
        )


BY_STATUS: dict[int, type[TunesmithError]] = {
    400: Invalid,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    405: MethodNotAllowed,
    408: Unavailable,
    409: WorkerConflict,
    410: Gone,
    413: TooLarge,
    422: Unprocessable,
    426: WorkerTooOld,
    429: LimitReached,
    500: Internal,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
    507: StorageFull,
}


def raise_for(response: httpx.Response) -> None:
    """Raises the class of the tree that an answer of 300 or above means; its cause carries the response."""
    if response.is_success:
        return
    cause = httpx.HTTPStatusError(f"status {response.status_code}", request=response.request, response=response)
    raise error_from(response) from cause


def error_from(response: httpx.Response) -> TunesmithError:
    """The error of an answer: by its code, else by its status."""
    problem = read_problem(response)
    if problem is not None:
        error = build(response.status_code, problem.code, problem.detail, None)
        if isinstance(error, OffsetMismatch):
            error.offset = problem.offset or 0
        return error
    body = _openai_error(response)
    if body is not None:
        return build(response.status_code, _text(body.get("code")), str(body["message"]), _text(body.get("param")))
    message = f"{_asked(response)} answered {response.status_code} {response.reason_phrase}"
    return build(response.status_code, None, message, None)


def build(status: int, code: str | None, message: str, param: str | None) -> TunesmithError:
    """An error of the class that owns `code`, else of the status's class, carrying the code as it came."""
    owner = next((c for c in error_classes() if code and c.__dict__.get("code") == code), None)
    found = owner or BY_STATUS.get(status) or (Invalid if status < 500 else Internal)
    # Some classes build their own sentence from an id; here the sentence is the server's.
    error = found.__new__(found)
    TunesmithError.__init__(error, message, param=param, code=code)
    if isinstance(error, OffsetMismatch):
        error.offset = 0
    return error


def problem_of(error: BaseException) -> Problem | None:
    """The problem+json body behind an error of a worker's call; None when the answer had none."""
    response = response_of(error)
    return None if response is None else read_problem(response)


def response_of(error: BaseException) -> httpx.Response | None:
    """The answer behind an error; None when there was no answer."""
    return error.__cause__.response if isinstance(error.__cause__, httpx.HTTPStatusError) else None


def retry_after_s(error: BaseException) -> float | None:
    """How long the server asked to wait, in seconds; None when it did not say."""
    response = response_of(error)
    if response is None:
        return None
    for header, scale in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            return max(0.0, float(response.headers[header]) / scale)
        except (KeyError, ValueError):
            continue
    return None


def read_problem(response: httpx.Response) -> Problem | None:
    """The answer's problem+json body; None for any other type or shape."""
    if response.headers.get("content-type", "").split(";")[0].strip().lower() != PROBLEM_TYPE:
        return None
    try:
        return Problem.model_validate_json(response.content, extra="ignore")
    except (ValidationError, httpx.ResponseNotRead):
        return None


def _asked(response: httpx.Response) -> str:
    """Method and address, without the query: a signed link's signature belongs in no message."""
    return f"{response.request.method} {response.request.url.copy_with(query=None)}"


def _openai_error(response: httpx.Response) -> dict[str, Any] | None:
    try:
        parsed: Any = json.loads(response.content)
    except (ValueError, httpx.ResponseNotRead):
        return None
    found: Any = cast("dict[str, Any]", parsed).get("error") if isinstance(parsed, dict) else None
    return cast("dict[str, Any]", found) if isinstance(found, dict) and "message" in found else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
