"""Talks HTTP to engines: sends a call, and hands back the reply while it still comes in."""

from collections import Counter
from collections.abc import AsyncGenerator
from functools import cached_property
from typing import Literal

import httpx
import structlog

from tunesmith.schemas.errors import Unavailable
from tunesmith.schemas.inference import EngineCall
from tunesmith.schemas.parity import ParityCall
from tunesmith.server.inference.router import Engine

log = structlog.get_logger()

Work = Literal["chat", "completions", "generate", "embeddings", "classify", "parity"]
CONNECT_TIMEOUT_S = 3.0
SILENCE_TIMEOUT_S = 600.0
"""An engine may load a model before its first byte; OpenAI's own clients wait as long."""


class EngineAway(Exception):
    """The engine cannot be reached or does not know our secret; nothing was asked of it, so another can be."""


class EngineReply:
    """An engine's reply whose body is still to come. `aclose` must be called; closing early ends the engine's work."""

    def __init__(self, engine: Engine, response: httpx.Response, busy: Counter[tuple[str, str]]) -> None:
        self.engine = engine
        self.status = response.status_code
        self.retry_after = response.headers.get("retry-after")
        self._response = response
        self._busy = busy
        self._open = True

    async def body(self) -> bytes:
        """All of it. Raises Unavailable when the engine goes away."""
        return b"".join([chunk async for chunk in self.chunks()])

    async def chunks(self) -> AsyncGenerator[bytes]:
        """The bytes as they come. Raises Unavailable when the engine goes away or is silent for too long."""
        try:
            async for chunk in self._response.aiter_raw():
                yield chunk
        except httpx.HTTPError as e:
            raise _lost(self.engine, e) from e

    async def aclose(self) -> None:
        if self._open:
            self._open = False
            self._busy[self.engine.key] -= 1
            await self._response.aclose()


class EngineClient:
    """One connection pool to all engines. `busy` counts the requests that each works on for this process."""

    def __init__(self) -> None:
        self.busy: Counter[tuple[str, str]] = Counter()

    @cached_property
    def _http(self) -> httpx.AsyncClient:
        # Made at the first call: the TLS context costs start-up time. Idle connections end before uvicorn's 5 s do,
        # so that none is used while the engine closes it; proxies of the environment are not for engines.
        return httpx.AsyncClient(
            timeout=httpx.Timeout(SILENCE_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=64, keepalive_expiry=2.0),
            trust_env=False,
            follow_redirects=False,
        )

    async def ask(self, engine: Engine, work: Work, call: EngineCall | ParityCall, *, request_id: str) -> EngineReply:
        """The engine's reply from its first header on.

        Raises EngineAway when nothing was asked of it, Unavailable when it went away while it worked.
        """
        request = self._http.build_request(
            "POST",
            f"{engine.url}/engine/v1/{work}",
            content=call.model_dump_json(exclude_none=True),
            headers={
                "authorization": f"Bearer {engine.secret}",
                "content-type": "application/json",
                "accept-encoding": "identity",
                "x-request-id": request_id,
            },
        )
        self.busy[engine.key] += 1
        try:
            response = await self._http.send(request, stream=True)
        except BaseException as e:
            self.busy[engine.key] -= 1
            if isinstance(e, httpx.ConnectError | httpx.ConnectTimeout | httpx.UnsupportedProtocol | httpx.InvalidURL):
                raise EngineAway(f"{type(e).__name__}: {e}") from e
            if isinstance(e, httpx.HTTPError):
                raise _lost(engine, e) from e
            raise
        reply = EngineReply(engine, response, self.busy)
        if reply.status in (401, 403):
            await reply.aclose()
            raise EngineAway(f"refused the server's secret with {reply.status}")
        return reply

    async def close(self) -> None:
        if "_http" in self.__dict__:
            await self._http.aclose()


def _lost(engine: Engine, error: httpx.HTTPError) -> Unavailable:
    log.warning("engine.lost", engine_id=engine.key[1], reason=f"{type(error).__name__}: {error}")
    if isinstance(error, httpx.TimeoutException):
        return Unavailable(f"The engine was silent for {SILENCE_TIMEOUT_S:.0f} s. Try again, or ask for fewer tokens.")
    return Unavailable("The engine went away while it answered. Try again; it is started anew by `tunesmith up`.")
