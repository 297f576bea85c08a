"""Hands an engine's reply on to the client: whole, or frame by frame as it comes. Ends the engine's work when the
client goes away."""

import asyncio
import json
from collections.abc import AsyncGenerator, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

import structlog
from fastapi import Request
from fastapi.responses import Response, StreamingResponse
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from tunesmith.schemas.errors import Unavailable
from tunesmith.server import tasks
from tunesmith.server.inference.engine_client import EngineReply

log = structlog.get_logger()
Result = TypeVar("Result")

_FRAME_END = b"\n\n"
_STREAM_HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}
"""The second keeps nginx from gathering frames."""


async def while_connected(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """What `work` returns; when the client goes away first, work is cancelled and ClientDisconnect raised."""
    working = asyncio.create_task(work)
    gone = asyncio.create_task(_gone(request.receive))
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        await tasks.end(working, gone)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def whole(reply: EngineReply) -> bytes:
    """The reply's body; the reply is closed."""
    try:
        return await reply.body()
    finally:
        await reply.aclose()


async def stream(reply: EngineReply) -> Response:
    """An answer that passes the frames on. It comes back with the first bytes, so a failure before them is still a
    plain error with a status. Raises Unavailable when the engine goes away before."""
    chunks = reply.chunks()
    try:
        first = await anext(chunks, b"")
        if not first:
            raise Unavailable("The engine ended its answer before it began. Try again.")
    except BaseException:
        await reply.aclose()
        raise
    return _EngineStream(reply, _frames(reply, first, chunks))


class _EngineStream(StreamingResponse):
    """Closes the engine's stream in every end, also when the client leaves before the first frame."""

    def __init__(self, reply: EngineReply, frames: AsyncGenerator[bytes]) -> None:
        super().__init__(frames, media_type="text/event-stream", headers=_STREAM_HEADERS)
        self._reply = reply
        self._frames = frames

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            with suppress(RuntimeError):  # the generator may still be inside a cancelled step
                await self._frames.aclose()
            await self._reply.aclose()


async def _frames(reply: EngineReply, first: bytes, chunks: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """Whole frames at once as their last byte comes: a client never sees half of one that an engine left behind."""
    held = first
    try:
        while True:
            end = held.rfind(_FRAME_END) + len(_FRAME_END)
            if end >= len(_FRAME_END):
                yield held[:end]
                held = held[end:]
            held += await anext(chunks)
    except StopAsyncIteration:
        if held:
            yield held + _FRAME_END
    except Unavailable as e:
        log.warning("stream.broken", engine_id=reply.engine.key[1])
        yield b"data: " + json.dumps(e.body()).encode() + _FRAME_END
