"""Joins everything: the one file that knows all domains."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import structlog
from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse

from tunesmith import __version__
from tunesmith.base_models.catalog import load_catalog
from tunesmith.server import error_handler, ids
from tunesmith.server.accounts import auth
from tunesmith.server.accounts import routes as account_routes
from tunesmith.server.accounts import service as accounts
from tunesmith.server.clock import Clock
from tunesmith.server.db import Database
from tunesmith.server.settings import Settings

log = structlog.get_logger()

ROUTERS = (account_routes.router,)
OPEN_PATHS = frozenset({"/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc"})
SECRET_LABELS = ("lease", "link", "cursor")


def create_app(settings: Settings, database_url: str, *, clock: Clock | None = None) -> FastAPI:
    """The whole server over a migrated database. Raises RuntimeError when a route declares no policy."""
    app = FastAPI(title="Tunesmith", version=__version__, lifespan=_lifespan, docs_url="/docs", redoc_url=None)
    app.state.settings = settings
    app.state.clock = clock or Clock()
    app.state.db = Database(database_url, pool_size=settings.database_pool, clock=app.state.clock)
    app.state.catalog = load_catalog(settings.catalog)
    error_handler.install(app)
    app.middleware("http")(_headers)
    for router in ROUTERS:
        app.include_router(router)
    _health_routes(app)
    auth.check_policies(app, open_paths=OPEN_PATHS)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        db: Database = app.state.db
        stack.push_async_callback(db.close)
        async with db.session() as session:
            await accounts.ensure_first_start(session, app.state.settings.data_dir)
            app.state.secrets = {label: await accounts.secret(session, label) for label in SECRET_LABELS}
        log.info("server.started", version=__version__)
        yield
    log.info("server.stopped")


async def _headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    started = time.perf_counter()
    request_id = ids.new_id("request")
    with structlog.contextvars.bound_contextvars(request_id=request_id):
        response = await call_next(request)
    response.headers["x-request-id"] = request_id
    response.headers["openai-processing-ms"] = str(int((time.perf_counter() - started) * 1000))
    response.headers["openai-version"] = "2020-10-01"
    return response


def _health_routes(app: FastAPI) -> None:
    @app.get("/health", tags=["operations"], dependencies=[Depends(auth.public)])
    @app.get("/healthz", tags=["operations"], dependencies=[Depends(auth.public)])
    async def health() -> dict[str, str]:  # pyright: ignore[reportUnusedFunction]
        """The process answers."""
        return {"status": "ok"}

    @app.get("/readyz", tags=["operations"], dependencies=[Depends(auth.public)])
    async def ready(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        """The database answers too; 503 when it does not."""
        if await request.app.state.db.ping():
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "database away"}, status_code=503)
