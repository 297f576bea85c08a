"""Real sockets for the server and for small engines of the tests' own that speak the engine protocol."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import uvicorn

SECRET = "engine-secret-0123456789"


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self):
        yield


async def until(true: Callable[[], bool]) -> None:
    """Returns once `true()` is."""
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 -- what is waited for has no event
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def serving(app: Any) -> AsyncIterator[str]:
    """The app on a loopback port for the length of a block; its lifespan is the caller's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(
            app, lifespan="off", log_config=None, access_log=False, ws="none", timeout_graceful_shutdown=1
        )
        running = _Server(config)
        task = asyncio.create_task(running.serve(sockets=[listener]))
        await until(lambda: running.started)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            running.should_exit = True
            await task


@dataclass
class ToyEngine:
    """Keeps the calls it got and answers each by `reply`, a function of (call, send JSON or frames)."""

    engine_id: str = "toy"
    secret: str = SECRET
    url: str = ""
    calls: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the caller of a waiting or streaming reply went away."""
    reply: Callable[["Conversation"], Awaitable[None]] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = dict(scope["headers"])
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        talk = Conversation(self, scope, receive, send, json.loads(body))
        if headers.get(b"authorization") != f"Bearer {self.secret}".encode():
            await talk.json({"error": {"message": "no", "type": "x", "param": None, "code": None}}, 401)
            return
        self.calls.append(talk.call)
        self.paths.append(scope["path"])
        assert self.reply is not None
        await self.reply(talk)

    def registration(self, **changes: Any) -> dict[str, Any]:
        told = {"engine_id": self.engine_id, "url": self.url, "secret": SECRET, "loaded": [], "version": "1"}
        return {**told, **changes}


@dataclass
class Conversation:
    engine: ToyEngine
    scope: Any
    receive: Any
    send: Any
    call: dict[str, Any]

    async def json(self, body: Any, status: int = 200) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": content})

    async def start_stream(self) -> None:
        headers = [(b"content-type", b"text/event-stream")]
        await self.send({"type": "http.response.start", "status": 200, "headers": headers})

    async def frame(self, data: str) -> None:
        await self.bytes(f"data: {data}\n\n".encode())

    async def bytes(self, content: bytes) -> None:
        await self.send({"type": "http.response.body", "body": content, "more_body": True})

    async def end(self) -> None:
        await self.send({"type": "http.response.body", "body": b""})

    async def until_gone(self) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            pass
        self.engine.gone.set()


@pytest.fixture
async def live(server) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the server over a real socket, so that it can stream and leave; with the admin key."""
    async with (
        serving(server.app) as url,
        httpx.AsyncClient(base_url=url, headers=server.bearer(), trust_env=False, timeout=20) as http,
    ):
        yield http


@pytest.fixture
async def make_engine(server) -> AsyncIterator[Callable[..., Awaitable[ToyEngine]]]:
    """Starts toy engines and registers them: `await make_engine(reply, engine_id="b", loaded=["x"])`."""
    async with contextlib.AsyncExitStack() as stack:

        async def make(reply: Any, *, engine_id: str = "toy", secret: str = SECRET, **told: Any) -> ToyEngine:
            engine = ToyEngine(engine_id, secret, reply=reply)
            engine.url = await stack.enter_async_context(serving(engine))
            await register(server, engine.registration(**told))
            return engine

        yield make


async def register(server: Any, told: dict[str, Any], key: str | None = None) -> httpx.Response:
    reply = await server.http.post("/worker/v1/engines", json=told, headers=server.bearer(key or server.worker_key))
    assert reply.status_code == 200, reply.text
    return reply


@pytest.fixture
def register_engine(server) -> Callable[..., Awaitable[httpx.Response]]:
    async def call(told: dict[str, Any], key: str | None = None) -> httpx.Response:
        return await register(server, told, key)

    return call


@pytest.fixture(name="until")
def until_fixture() -> Callable[[Callable[[], bool]], Awaitable[None]]:
    return until


@pytest.fixture
def serve() -> Callable[[Any], contextlib.AbstractAsyncContextManager[str]]:
    """An app on a loopback port for the length of a block."""
    return serving


@pytest.fixture
def register_at() -> Callable[..., Awaitable[httpx.Response]]:
    """Tells a server of an engine."""
    return register
