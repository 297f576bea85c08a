"""The outermost layer of the app, in plain ASGI: who is addressed, how much may come in, and what every answer carries.

Everything goes through here, errors too, so that each answer has its `x-request-id` and nothing leaves in another
shape. It neither buffers answers nor stands between a stream and its client's going away.
"""

import ipaddress
import re
import time
from collections.abc import Iterable
from typing import Any

import structlog
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tunesmith.schemas.errors import Invalid, TooLarge, TunesmithError
from tunesmith.schemas.worker import MAX_BODY_BYTES
from tunesmith.server import error_handler, ids
from tunesmith.server.metrics import Metrics
from tunesmith.server.settings import Settings

log = structlog.get_logger()

JSON_DEPTH = 64
"""Nested arrays and objects of a JSON body; deeper ones only ever come from an attack on the parser."""
_VERSION = (b"openai-version", b"2020-10-01")
_UNLESS_GIVEN = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
)
_TEXT = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_AS_SQUARE = bytes.maketrans(b"{}", b"[]")


class Edge:
    """ASGI middleware; `streamed` names (method, path prefix) whose bodies a route reads piece by piece itself."""

    def __init__(
        self, app: ASGIApp, *, settings: Settings, metrics: Metrics, streamed: Iterable[tuple[str, str]] = ()
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._streamed = tuple(streamed)
        self._hosts = Hosts(settings)
        self._body_bytes = settings.max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(scope, send, ids.new_id("request"))
        with structlog.contextvars.bound_contextvars(request_id=answer.request_id):
            try:
                body = await self._admit(scope, receive)
                await self._app(scope, _replayed(body, receive) if body is not None else receive, answer.send)
            except ClientDisconnect:
                log.info("request.abandoned", path=scope["path"])
            except TunesmithError as e:
                await answer.fail(error_handler.response_for(Request(scope), e), receive, e)
            except Exception as e:  # noqa: BLE001 -- told to the caller with an incident id, and logged
                await answer.fail(error_handler.unexpected(Request(scope), e), receive, e)
            finally:
                self._metrics.observe(scope, answer.status, time.perf_counter() - answer.started)

    async def _admit(self, scope: Scope, receive: Receive) -> bytes | None:
        """The body, read and measured; None where the route streams it. Raises Invalid or TooLarge."""
        headers = Headers(scope=scope)
        self._hosts.check(headers.get("host", ""))
        given_id = headers.get("x-client-request-id")
        if given_id is not None and (len(given_id) > 512 or not given_id.isascii()):
            raise Invalid("Invalid header 'X-Client-Request-Id': send at most 512 ASCII characters, or leave it out.")
        method, path = scope["method"], scope["path"]
        if any(method == m and path.startswith(prefix) for m, prefix in self._streamed):
            return None
        announced = headers.get("content-length", "0")
        if announced == "0" and "transfer-encoding" not in headers:
            return None
        limit = min(MAX_BODY_BYTES, self._body_bytes) if path.startswith("/worker/v1") else self._body_bytes
        if announced.isdigit() and int(announced) > limit:
            raise _too_large(limit)
        body = await _read(receive, limit)
        _check_depth(body)
        return body


class Hosts:
    """Which names the Host header may carry: a page elsewhere that points its own name here is refused.

    An address is no such name, so any is taken when the server listens on all addresses.
    """

    def __init__(self, settings: Settings) -> None:
        self._any = "*" in settings.public_hosts
        self._names = {"localhost", "127.0.0.1", "::1", settings.host.lower(), *map(str.lower, settings.public_hosts)}
        self._any_address = settings.host in ("0.0.0.0", "::", "")

    def check(self, header: str) -> None:
        """Raises Invalid for a Host that is not served here."""
        name = header.lower()
        name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
        if self._any or name in self._names or (self._any_address and _is_address(name)):
            return
        raise Invalid(
            f"This server does not answer to the host '{header[:100]}'. Call it as localhost, "
            f"""or name the host in its settings: TUNESMITH_PUBLIC_HOSTS='["{name[:100]}"]'.""",
            code="unknown_host",
        )


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


async def _read(receive: Receive, limit: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        piece: bytes = message.get("body", b"")
        size += len(piece)
        if size > limit:
            raise _too_large(limit)
        pieces.append(piece)
        if not message.get("more_body", False):
            return b"".join(pieces)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The body is larger than {limit:,} bytes. Upload large data as a file: POST /v1/files.")


def _check_depth(body: bytes) -> None:
    """Raises Invalid when brackets nest deeper than JSON_DEPTH; what is no JSON is left to the parser.

    Texts are taken out and braces made brackets; taking out "[]" once then takes off exactly one level.
    """
    if body.count(b"[") + body.count(b"{") <= JSON_DEPTH:
        return
    brackets = _TEXT.sub(b"", body).translate(_AS_SQUARE, delete=_NOT_BRACKETS)
    for _ in range(JSON_DEPTH):
        if not brackets:
            return
        brackets = brackets.replace(b"[]", b"")
    if len(brackets) > JSON_DEPTH or b"[]" in brackets:
        raise Invalid(f"The body nests arrays or objects deeper than {JSON_DEPTH} levels. Flatten it.")


def _replayed(body: bytes, receive: Receive) -> Receive:
    """The body once, as one message; after it whatever the connection says, such as that the client has gone."""
    told = False

    async def again() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


class _Answer:
    """What goes out: adds the headers to its start and knows whether it has begun."""

    def __init__(self, scope: Scope, send: Send, request_id: str) -> None:
        self.request_id = request_id
        self.status = 499
        """499 until an answer begins: the client went away."""
        self.started = time.perf_counter()
        self._state: dict[str, Any] = scope.setdefault("state", {})
        self._state["request_id"] = request_id
        self._scope = scope
        self._send = send
        self._begun = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._begun = True
            self.status = message["status"]
            self._add_headers(message)
        await self._send(message)

    async def fail(self, response: ASGIApp, receive: Receive, error: Exception) -> None:
        """Sends the error's answer. One that comes after the answer began is raised: the connection must break."""
        if self._begun:
            raise error
        await response(self._scope, receive, self.send)

    def _add_headers(self, message: Message) -> None:
        """In one go: a search through all headers for each one of ours took longer than the rest of this layer."""
        ms = int((time.perf_counter() - self.started) * 1000)
        ours = [(b"x-request-id", self.request_id.encode()), (b"openai-processing-ms", b"%d" % ms), _VERSION]
        caller = self._state.get("caller")
        if caller is not None:
            ours.append((b"openai-organization", caller.project_slug.encode("latin-1")))
        names = {name for name, _ in ours}
        given = [header for header in message["headers"] if header[0] not in names]
        names = {name for name, _ in given}
        message["headers"] = [*given, *ours, *(header for header in _UNLESS_GIVEN if header[0] not in names)]
