"""The server as a process: its database started or re-attached, migrated, served until told to stop."""

import fcntl
import gc
import signal
import socket
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import structlog
import uvicorn

from tunesmith.server import embedded, logs, migrate
from tunesmith.server.app import create_app
from tunesmith.server.settings import Settings

log = structlog.get_logger()

GRACE_S = 1
"""Time that running requests get when the server is told to stop; long polls and streams end at once."""
KEEP_ALIVE_S = 75
"""Longer than the usual proxy's, so that it is the proxy who closes an idle connection."""


class CannotStart(OSError):
    """The server cannot start here; the message names what to change."""


class _ToldToStop(SystemExit):
    """SIGTERM or SIGINT came."""


def run(settings: Settings, *, ready: Callable[[str], None]) -> None:
    """Serves until SIGTERM or SIGINT, then stops within 5 s and takes the embedded PostgreSQL with it.

    `ready` gets the address once the server answers there. Raises CannotStart when the port is taken or another server
    holds the data folder, before anything else is started.
    """
    logs.configure(json_lines=settings.log_json)
    try:
        with ExitStack() as stack:
            listeners = stack.enter_context(_listeners(settings.host, settings.port))
            stack.enter_context(_end_by_signal())
            settings.data_dir.mkdir(parents=True, exist_ok=True)
            url = settings.database_url or stack.enter_context(_embedded_database(settings.data_dir))
            migrate.upgrade(url)
            _serve(settings, url, listeners, ready)
    except _ToldToStop:
        log.info("server.ended")


@contextmanager
def _listeners(host: str, port: int) -> Generator[list[socket.socket]]:
    """A socket for each address of `host`, bound and not yet listening, so that early callers are refused at once."""
    found: list[socket.socket] = []
    try:
        for family, kind, proto, _, address in _addresses(host, port):
            bound = socket.socket(family, kind, proto)
            found.append(bound)
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                bound.bind(address)
            except OSError as e:
                raise CannotStart(
                    f"Cannot listen on {host}:{port}: {e.strerror or e}. Is another server running there? "
                    "Choose another port with --port, or another address with --host."
                ) from e
        yield found
    finally:
        for bound in found:
            bound.close()


def _addresses(host: str, port: int) -> list[Any]:
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as e:
        raise CannotStart(f"The address '{host}' is not known here. Name another with --host.") from e
    return found[:1] if port == 0 else found


@contextmanager
def _end_by_signal() -> Generator[None]:
    """SIGTERM and SIGINT end the block; a second one while it cleans up changes nothing."""

    def stop(number: int, frame: object) -> None:
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, signal.SIG_IGN)
        raise _ToldToStop(0)

    before = {each: signal.signal(each, stop) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextmanager
def _embedded_database(data_dir: Path) -> Generator[str]:
    """The URL of the folder's own PostgreSQL, which ends with the block. One server holds the folder."""
    with (data_dir / "server.lock").open("a+") as lock:
        _hold(lock, data_dir)
        with embedded.running(data_dir) as postgres:
            yield postgres.url


def _hold(lock: IO[str], data_dir: Path) -> None:
    """The system takes the lock away with this process, however that ends."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as e:
        raise CannotStart(
            f"Another server runs on {data_dir}. Stop it, choose another folder with --data-dir, or share one "
            "PostgreSQL between servers with TUNESMITH_DATABASE_URL."
        ) from e


def _serve(settings: Settings, url: str, listeners: list[socket.socket], ready: Callable[[str], None]) -> None:
    app = create_app(settings, url)
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
        timeout_keep_alive=KEEP_ALIVE_S,
    )
    address = _url(settings.host, listeners[0].getsockname()[1])
    # What start-up made lives as long as the process: the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    _Server(config, stopping=app.state.stopping, ready=lambda: ready(address)).run(sockets=listeners)


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host or '127.0.0.1'}:{port}"


class _Server(uvicorn.Server):
    """uvicorn that tells when it answers, and tells waiting requests when it stops."""

    def __init__(self, config: uvicorn.Config, *, stopping: Any, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._stopping = stopping
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stopping.set()
        await super().shutdown(sockets)
