"""Tells the server where this engine is, and that it lives, until it stops; a server that is away is tried again."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx
import structlog

from tunesmith import __version__
from tunesmith.engines.base import Engine
from tunesmith.schemas.worker import EngineRegistered, EngineRegistration

log = structlog.get_logger()
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 15.0


@dataclass
class Registration:
    """The engine's entry on the server."""

    http: httpx.AsyncClient
    """With the server's address and the worker key."""
    engine: Engine
    engine_id: str
    url: str
    secret: str
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    failures: int = 0
    """In a row."""
    known: bool = False
    """Whether the server has answered once."""

    async def keep(self) -> None:
        """Registers, then again at each heartbeat, without end."""
        while True:
            await self.sleep(await self.once())

    async def once(self) -> float:
        """One try; the answer is how many seconds to wait before the next."""
        body = EngineRegistration(
            engine_id=self.engine_id, url=self.url, secret=self.secret, loaded=self.engine.loaded(), version=__version__
        )
        try:
            reply = await self.http.post("/worker/v1/engines", json=body.model_dump(mode="json"))
            reply.raise_for_status()
            registered = EngineRegistered.model_validate_json(reply.content)
        except (httpx.HTTPError, ValueError) as e:
            return self._failed(e)
        if self.failures or not self.known:
            log.info("engine.registered", engine_id=registered.engine_id, url=self.url, after_failures=self.failures)
        self.known = True
        self.failures = 0
        return registered.heartbeat_s

    async def end(self) -> None:
        """Takes the entry off, so that no caller is sent here any more; a server that is away finds out by itself."""
        with contextlib.suppress(httpx.HTTPError):
            await self.http.delete(f"/worker/v1/engines/{self.engine_id}", timeout=3.0)

    def _failed(self, error: Exception) -> float:
        self.failures += 1
        if isinstance(error, httpx.HTTPStatusError) and error.response.status_code in (401, 403):
            advice = (
                "the worker key is refused: set FINETUNE_WORKER_KEY to one from `tunesmith keys create --kind worker`"
            )
        else:
            advice = "trying again"
        if self.failures in (1, 10) or self.failures % 100 == 0:
            log.warning("engine.registration_failed", failures=self.failures, error=str(error), advice=advice)
        return random.uniform(0.5, 1.0) * min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(self.failures, 10))
