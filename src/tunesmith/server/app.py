"""Joins everything: the one file that knows all domains."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

import structlog
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from tunesmith import __version__
from tunesmith.base_models.catalog import load_catalog
from tunesmith.server import error_handler, installation, openapi, operations, search, ui
from tunesmith.server.accounts import auth, project_routes, session_routes
from tunesmith.server.accounts import routes as account_routes
from tunesmith.server.accounts import service as accounts
from tunesmith.server.clock import Clock
from tunesmith.server.datasets import dataset_routes
from tunesmith.server.datasets import routes as file_routes
from tunesmith.server.db import Database
from tunesmith.server.edge import Edge
from tunesmith.server.events import service as events
from tunesmith.server.events.stream import Hub
from tunesmith.server.examples import routes as example_routes
from tunesmith.server.inference import classify_routes, generate_routes, openai_routes
from tunesmith.server.inference import worker_routes as engine_routes
from tunesmith.server.inference.engine_client import EngineClient
from tunesmith.server.inference.parity import ParityCheck
from tunesmith.server.jobs import live_routes, run_routes, states
from tunesmith.server.jobs import routes as job_routes
from tunesmith.server.jobs import worker_routes as job_worker_routes
from tunesmith.server.maintenance import Clockwork
from tunesmith.server.metrics import Metrics
from tunesmith.server.models import routes as model_routes
from tunesmith.server.settings import Settings
from tunesmith.server.storage import routes as storage_routes
from tunesmith.server.storage.blobs import BlobStore

log = structlog.get_logger()

ROUTERS = (
    job_worker_routes.router,
    job_routes.router,
    run_routes.router,
    job_routes.before,
    openai_routes.router,
    generate_routes.router,
    classify_routes.router,
    engine_routes.router,
    storage_routes.router,
    file_routes.router,
    dataset_routes.router,
    example_routes.router,
    model_routes.router,
    live_routes.router,
    account_routes.router,
    session_routes.router,
    project_routes.router,
    installation.router,
    search.router,
    operations.router,
)
"""A request is matched against their routes one after the other: the most often called come first."""
STREAMED = (("POST", "/v1/files"), ("PATCH", "/worker/v1/uploads/"))
"""Routes that read their bodies piece by piece, with limits of their own."""
OPEN_PATHS = frozenset({"/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc"})
SECRET_LABELS = ("lease", "link", "cursor")


def create_app(settings: Settings, database_url: str, *, clock: Clock | None = None) -> FastAPI:
    """The whole server over a migrated database. Raises RuntimeError when a route declares no policy.

    `app.state.stopping` is set when the process is told to end: whoever waits or streams then ends at once.
    """
    app = FastAPI(
        title="Tunesmith",
        version=__version__,
        description="Self-hosted fine-tuning that speaks the OpenAI API.",
        lifespan=_lifespan,
        docs_url="/docs",
        redoc_url=None,
    )
    app.state.settings = settings
    app.state.clock = clock or Clock()
    app.state.db = Database(database_url, pool_size=settings.database_pool, clock=app.state.clock)
    app.state.catalog = load_catalog(settings.catalog)
    app.state.metrics = Metrics()
    app.state.engines = EngineClient()
    app.state.stopping = asyncio.Event()
    error_handler.install(app)
    _add_layers(app, settings)
    for router in ROUTERS:
        # Not include_router, which nests them: each request then searches the tree twice (40 us of 150).
        app.router.routes.extend(router.routes)
    openapi.install(app)
    ui.install(app)
    auth.check_policies(app, open_paths=OPEN_PATHS)
    return app


def _add_layers(app: FastAPI, settings: Settings) -> None:
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["x-request-id", "retry-after"],
        )
    app.add_middleware(Edge, settings=settings, metrics=app.state.metrics, streamed=STREAMED)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncGenerator[None]:
    async with AsyncExitStack() as stack:
        db: Database = app.state.db
        stack.push_async_callback(db.close)
        stack.push_async_callback(app.state.engines.close)
        settings: Settings = app.state.settings
        app.state.blobs = BlobStore(settings.blob_url or settings.data_dir / "blobs")
        stack.callback(app.state.blobs.close)
        async with db.session() as session:
            await accounts.ensure_first_start(session, settings.data_dir)
            app.state.secrets = {label: await accounts.secret(session, label) for label in SECRET_LABELS}
        app.state.hub = Hub(db.url, (events.CHANNEL, states.QUEUE_CHANNEL), app.state.stopping)
        await stack.enter_async_context(app.state.hub.running())
        parity = ParityCheck(db, settings, app.state.engines, app.state.secrets["link"])
        app.state.clockwork = Clockwork(db, app.state.blobs, settings, parity)
        await stack.enter_async_context(app.state.clockwork.running())
        log.info("server.started", version=__version__)
        yield
    log.info("server.stopped")
