"""The engine process: listens on loopback, registers with the server, answers until it is told to stop."""

import asyncio
import contextlib
import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import httpx
import structlog
import torch
import uvicorn
from fastapi import FastAPI
from transformers.utils.logging import disable_progress_bar

from tunesmith.base_models.fetch import local_folder
from tunesmith.engines.app import create_app
from tunesmith.engines.artifacts import Artifacts
from tunesmith.engines.logs import configure
from tunesmith.engines.registration import Registration
from tunesmith.engines.settings import EngineSettings
from tunesmith.engines.transformers import TransformersEngine

log = structlog.get_logger()
GRACE_S = 4
"""For answers that are under way when the process is told to stop."""


def run(settings: EngineSettings) -> None:
    """Serves until SIGINT or SIGTERM; returns when everything is stopped, within 10 s. Raises OSError: port busy."""
    configure(json_lines=settings.log_json)
    torch.set_num_threads(settings.threads)
    disable_progress_bar()
    with _listen(settings) as listener:
        asyncio.run(_serve(settings, listener))


def _listen(settings: EngineSettings) -> socket.socket:
    """A bound socket: with port 0 the number is known before the first registration."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as e:
        listener.close()
        raise OSError(e.errno, f"port {settings.port} of {settings.host} is taken; choose another with --port") from e
    return listener


async def _serve(settings: EngineSettings, listener: socket.socket) -> None:
    secret = settings.secret.get_secret_value() if settings.secret else secrets.token_urlsafe(32)
    hub_token = settings.hub_token.get_secret_value() if settings.hub_token else None
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = settings.public_url or f"http://{host}:{listener.getsockname()[1]}"
    async with _client(settings) as files, _client(settings, key=settings.worker_key.get_secret_value()) as http:
        artifacts = Artifacts(settings.models_dir / "engine-cache", files, limit_bytes=settings.cache_bytes)
        engine = TransformersEngine(
            settings, artifacts, lambda entry: local_folder(entry, settings.models_dir, hub_token=hub_token)
        )
        registration = Registration(http, engine, f"engine-{secrets.token_hex(8)}", url, secret)
        app = create_app(engine, secret)
        app.router.lifespan_context = _lifespan(registration, engine)
        config = uvicorn.Config(
            app, log_config=None, access_log=False, timeout_graceful_shutdown=GRACE_S, lifespan="on"
        )
        log.info("engine.listening", url=url, threads=settings.threads, memory_bytes=settings.memory_bytes)
        await uvicorn.Server(config).serve(sockets=[listener])


def _client(settings: EngineSettings, key: str | None = None) -> httpx.AsyncClient:
    """Calls to the server, with the key or, for signed links, without one: those may lead to a bucket elsewhere."""
    return httpx.AsyncClient(
        base_url=settings.server_url,
        headers={"Authorization": f"Bearer {key}"} if key else {},
        timeout=httpx.Timeout(30.0, connect=5.0),
        # Loopback and private servers are not to be asked for through a proxy of the environment.
        trust_env=False,
    )


def _lifespan(
    registration: Registration, engine: TransformersEngine
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        keeping = asyncio.create_task(registration.keep())
        try:
            yield
        finally:
            keeping.cancel()
            await registration.end()
            idle = await engine.close()
            log.info("engine.stopped")
            if not idle:  # Python would wait for the thread, and a download may take minutes; its files are atomic
                os._exit(0)

    return lifespan
