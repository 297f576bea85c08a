"""Shared parts: a real PostgreSQL, a fresh database a test, the app over it, and keys."""

import os
import socket
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
import pytest
from fastapi import FastAPI

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that train share one of xdist's processes: two trainings at a time would starve each other. So do those
    with a browser: while Playwright runs, asyncio's tests cannot run in the same process."""
    for item in items:
        if "browser" in item.path.parts:
            item.add_marker(pytest.mark.xdist_group("browser"))
        elif item.get_closest_marker("training"):
            item.add_marker(pytest.mark.xdist_group("training"))


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """An embedded PostgreSQL of this test process; speed over safety, since nothing here must outlive it."""
    from tunesmith.server import embedded, migrate

    with tempfile.TemporaryDirectory(prefix="ts-pg-") as folder, embedded.running(Path(folder)) as postgres:
        with psycopg.connect(postgres.url, autocommit=True) as c:
            for setting in ("fsync = off", "synchronous_commit = off", "full_page_writes = off"):
                c.execute(f"ALTER SYSTEM SET {setting}")
            c.execute("SELECT pg_reload_conf()")
            c.execute("CREATE DATABASE template_tunesmith")
        migrate.upgrade(_with_database(postgres.url, "template_tunesmith"))
        yield postgres.url


@pytest.fixture
def database_url(postgres_url: str) -> Iterator[str]:
    """A migrated database of the test's own."""
    with fresh_database(postgres_url) as url:
        yield url


def _with_database(url: str, name: str) -> str:
    head, _, query = url.partition("?")
    return f"{head.rsplit('/', 1)[0]}/{name}?{query}"


@dataclass
class Server:
    """The app in this process with its lifespan running, an HTTP client to it, and a key of each kind."""

    app: FastAPI
    http: httpx.AsyncClient
    data_dir: Path
    admin_key: str
    worker_key: str

    def bearer(self, key: str | None = None) -> dict[str, str]:
        """Headers with `key`, or the admin key."""
        return {"Authorization": f"Bearer {key or self.admin_key}"}

    async def new_user(self, name: str) -> str:
        """A user key of a fresh user in a project of its own."""
        reply = await self.http.post("/v1/keys", json={"name": "t", "user": name}, headers=self.bearer())
        assert reply.status_code == 200, reply.text
        return reply.json()["key"]


@pytest.fixture
async def server(database_url: str, tmp_path: Path) -> AsyncIterator[Server]:
    """A server with default settings over a fresh database and data folder."""
    async with running_server(database_url, tmp_path / "data") as started:
        yield started


@pytest.fixture
def make_server(database_url: str, tmp_path: Path):
    """Starts servers with settings of the test's choice: `async with make_server(lease_ttl_s=4) as server:`."""

    def make(**settings: object):
        return running_server(database_url, tmp_path / "data", **settings)

    return make


@asynccontextmanager
async def running_server(database_url: str, data_dir: Path, **settings: object) -> AsyncIterator[Server]:
    from tunesmith.server.app import create_app
    from tunesmith.server.settings import Settings

    data_dir.mkdir(parents=True, exist_ok=True)
    app = create_app(Settings(data_dir=data_dir, **settings), database_url)  # type: ignore[arg-type]
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as http,
    ):
        yield Server(
            app,
            http,
            data_dir,
            (data_dir / "admin.key").read_text().strip(),
            (data_dir / "worker.key").read_text().strip(),
        )


@dataclass
class LiveServer:
    """The app behind a real socket, in a thread with a loop of its own: for clients that block."""

    base_url: str
    data_dir: Path
    admin_key: str
    worker_key: str

    def new_user(self, name: str) -> str:
        """A user key of a fresh user in a project of its own."""
        reply = httpx.post(
            f"{self.base_url}/v1/keys",
            json={"name": "t", "user": name},
            headers={"Authorization": f"Bearer {self.admin_key}"},
        )
        assert reply.status_code == 200, reply.text
        return reply.json()["key"]


@pytest.fixture
def live_server(database_url: str, tmp_path: Path) -> Iterator[LiveServer]:
    """A server on a loopback port with default settings. `base_url` has no /v1 at its end."""
    with serving(database_url, tmp_path / "data") as server:
        yield server


@contextmanager
def fresh_database(postgres_url: str) -> Iterator[str]:
    """URL of a migrated database for the length of a block."""
    name = f"t{uuid4().hex}"
    with psycopg.connect(postgres_url, autocommit=True) as c:
        c.execute(f"CREATE DATABASE {name} TEMPLATE template_tunesmith")
        yield _with_database(postgres_url, name)
        c.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def serving(database_url: str, data_dir: Path) -> Iterator[LiveServer]:
    """A server behind a real socket for the length of a block."""
    import uvicorn

    from tunesmith.server.app import create_app
    from tunesmith.server.settings import Settings

    data_dir.mkdir(parents=True, exist_ok=True)
    app = create_app(Settings(data_dir=data_dir), database_url)
    listener = socket.create_server(("127.0.0.1", 0))
    running = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=5))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    deadline = time.monotonic() + 30
    while not running.started:  # uvicorn has no other word for it
        assert thread.is_alive(), "the server did not start"
        assert time.monotonic() < deadline, "the server did not start in time"
        time.sleep(0.01)
    yield LiveServer(
        base_url,
        data_dir,
        (data_dir / "admin.key").read_text().strip(),
        (data_dir / "worker.key").read_text().strip(),
    )
    running.should_exit = True
    thread.join(15)
    listener.close()
