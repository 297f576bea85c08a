"""The engine's HTTP side, called by the server alone: one route for each kind of work, health and unload."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, Protocol, TypeVar

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from tunesmith import __version__
from tunesmith.engines.base import Engine, Model
from tunesmith.engines.chat import Chat
from tunesmith.engines.classify import classify
from tunesmith.engines.completions import Completion
from tunesmith.engines.embeddings import embed
from tunesmith.engines.generate import generate
from tunesmith.engines.parity import repeat
from tunesmith.engines.sse import guarded, unexpected
from tunesmith.schemas.errors import Invalid, NotFound, TunesmithError, Unauthenticated
from tunesmith.schemas.inference import EngineCall
from tunesmith.schemas.parity import ParityCall

Result = TypeVar("Result")


class UnloadRequest(BaseModel):
    name: str


class Answer(Protocol):
    """A chat or completion that has begun."""

    async def answer(self) -> dict[str, Any]: ...
    def frames(self) -> AsyncGenerator[bytes]: ...


def create_app(engine: Engine, secret: str) -> FastAPI:
    """The routes over this engine; every call must carry the secret as Bearer."""

    def check(request: Request) -> None:
        sent = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not secrets.compare_digest(sent.encode(), secret.encode()):
            raise Unauthenticated("The engine answers its server only. Register again to tell the server a new secret.")

    app = FastAPI(title="Tunesmith engine", version=__version__, openapi_url=None, dependencies=[Depends(check)])
    _translate_errors(app)

    @app.post("/engine/v1/chat")
    async def chat(call: EngineCall, request: Request) -> Response:
        wanted = call.chat
        if wanted is None:
            raise Invalid("The call has no 'chat'.", param="chat")
        return await _reply(
            engine, call, request, lambda model: Chat.begin(wanted, model, call.served.name), stream=wanted.stream
        )

    @app.post("/engine/v1/completions")
    async def completions(call: EngineCall, request: Request) -> Response:
        wanted = call.completion
        if wanted is None:
            raise Invalid("The call has no 'completion'.", param="completion")
        return await _reply(
            engine, call, request, lambda model: Completion.begin(wanted, model, call.served.name), stream=wanted.stream
        )

    @app.post("/engine/v1/generate")
    async def sequences(call: EngineCall, request: Request) -> Response:
        wanted = call.generate
        if wanted is None:
            raise Invalid("The call has no 'generate'.", param="generate")

        async def work() -> Response:
            async with engine.lease(call.served) as model:
                reply = await generate(wanted, call.served, model)
            return Response(reply.model_dump_json(), media_type="application/json")

        return await _unless_gone(request, work)

    @app.post("/engine/v1/embeddings")
    async def embeddings(call: EngineCall, request: Request) -> Response:
        wanted = call.embedding
        if wanted is None:
            raise Invalid("The call has no 'embedding'.", param="embedding")

        async def work() -> Response:
            async with engine.lease_encoder(call.served) as model:
                return Response(await embed(wanted, call.served, model), media_type="application/json")

        return await _unless_gone(request, work)

    @app.post("/engine/v1/classify")
    async def classes(call: EngineCall, request: Request) -> Response:
        wanted = call.classify
        if wanted is None:
            raise Invalid("The call has no 'classify'.", param="classify")

        async def work() -> Response:
            async with engine.lease_encoder(call.served) as model:
                reply = await classify(wanted, call.served, model)
            return Response(reply.model_dump_json(), media_type="application/json")

        return await _unless_gone(request, work)

    @app.post("/engine/v1/parity")
    async def parity(call: ParityCall, request: Request) -> Response:
        async def work() -> Response:
            return Response((await repeat(call, engine)).model_dump_json(), media_type="application/json")

        return await _unless_gone(request, work)

    @app.get("/engine/v1/health")
    async def health() -> dict[str, Any]:
        return {"status": "ok", "version": __version__, "loaded": engine.loaded()}

    @app.post("/engine/v1/unload")
    async def unload(body: UnloadRequest) -> dict[str, Any]:
        return {"name": body.name, "unloaded": await engine.unload(body.name)}

    return app


async def _reply(
    engine: Engine, call: EngineCall, request: Request, begin: Callable[[Model], Answer], *, stream: bool
) -> Response:
    """The whole answer, or its frames with the first one already there, so that an early failure has its status."""
    holding = AsyncExitStack()

    async def work() -> Response:
        model = await holding.enter_async_context(engine.lease(call.served))
        answer = begin(model)
        if not stream:
            return JSONResponse(await answer.answer())
        frames = answer.frames()
        return FrameResponse(await anext(frames), frames, holding.pop_all())

    async with holding:
        return await _unless_gone(request, work)


class FrameResponse(StreamingResponse):
    """Server-sent events that give the model back, and end the generation, when the last is sent or the client goes."""

    def __init__(self, first: bytes, rest: AsyncGenerator[bytes], holding: AsyncExitStack) -> None:
        self._rest = rest
        self._holding = holding
        super().__init__(
            self._all(first),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
        )

    async def _all(self, first: bytes) -> AsyncIterator[bytes]:
        yield first
        async for each in guarded(self._rest):
            yield each

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._rest.aclose()
            await self._holding.aclose()


async def _unless_gone(request: Request, work: Callable[[], Awaitable[Response]]) -> Response:
    """What `work` answers. When the client goes first, the work is cancelled, which frees its place."""
    task = asyncio.ensure_future(work())
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        return Response(status_code=499)
    finally:
        for each in (task, gone):
            each.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _translate_errors(app: FastAPI) -> None:
    """OpenAI's error body for everything that can go wrong."""

    @app.exception_handler(TunesmithError)
    async def ours(_: Request, error: TunesmithError) -> Response:
        return JSONResponse(error.body(), status_code=error.status)

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"] if part != "body")
        found = Invalid(f"'{field}': {first['msg']}.", param=field or None)
        return JSONResponse(found.body(), status_code=found.status)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        found = NotFound(f"Invalid URL ({request.method} {request.url.path})", code="unknown_url")
        return JSONResponse(found.body(), status_code=error.status_code)

    @app.exception_handler(Exception)
    async def rest(_: Request, error: Exception) -> Response:
        return JSONResponse(unexpected(error).body(), status_code=500)
