"""The database: one async engine over psycopg, one session a request, one commit at its edge."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeAlias, cast

import orjson
import psycopg
import psycopg_pool
from psycopg.types.json import set_json_dumps, set_json_loads
from psycopg.types.numeric import Int8Dumper
from sqlalchemy import MetaData, event, text
from sqlalchemy.engine import Connection as SyncConnection
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Session

from tunesmith.schemas.errors import Unavailable
from tunesmith.server.clock import Clock

Connection: TypeAlias = psycopg.AsyncConnection[Any]
"""psycopg's own connection: statements written by hand run on it, inside somebody's transaction."""
BUSY = "The database is busy or away. Try again in a moment."


class Base(DeclarativeBase):
    """Root of every table; names of constraints follow one rule so that migrations can find them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Database:
    """Sessions over one pool; `lean` transactions over a small second one that only the worker protocol uses."""

    def __init__(self, url: str, *, pool_size: int = 10, clock: Clock | None = None) -> None:
        self.url = driver_url(url)
        self.clock = clock or Clock()
        self._engine = create_async_engine(
            self.url, pool_size=pool_size, max_overflow=0, pool_timeout=5, pool_pre_ping=True, pool_recycle=1800
        )
        self._lean = psycopg_pool.AsyncConnectionPool(
            libpq_url(url),
            # One plan a statement for the connection's life: planning anew took more than running.
            kwargs={"options": "-c plan_cache_mode=force_generic_plan -c jit=off", "autocommit": True},
            configure=_configure,
            min_size=1,
            max_size=4,
            timeout=5,
            max_lifetime=1800,
            open=False,
            name="lean",
        )
        self._make = async_sessionmaker(self._engine, expire_on_commit=False)
        self._install_clock(self._make)

    def _install_clock(self, maker: async_sessionmaker[AsyncSession]) -> None:
        class ClockedSession(Session):
            pass

        maker.configure(sync_session_class=ClockedSession)

        @event.listens_for(ClockedSession, "after_begin")
        def _set_offset(session: Session, transaction: Any, connection: SyncConnection) -> None:  # pyright: ignore[reportUnusedFunction]
            seconds = self.clock.offset.total_seconds()
            if seconds:
                connection.execute(text("SELECT set_config('tunesmith.clock_offset', :o, true)"), {"o": f"{seconds} s"})

    @asynccontextmanager
    async def session(self) -> AsyncGenerator[AsyncSession]:
        """A transaction: committed when the block ends, rolled back when it raises.

        Raises Unavailable when no connection can be had or the one in use broke.
        """
        try:
            async with self._make() as session, session.begin():
                yield session
        except (PoolTimeout, InterfaceError) as e:
            raise Unavailable(BUSY) from e
        except OperationalError as e:
            if e.connection_invalidated or "connection" in str(e).lower():
                raise Unavailable(BUSY) from e
            raise
        except (psycopg.OperationalError, psycopg.InterfaceError) as e:
            raise Unavailable(BUSY) from e

    @asynccontextmanager
    async def lean(self, *, each_alone: bool = False) -> AsyncGenerator[Connection]:
        """A transaction on psycopg alone, for the worker protocol: a third of a session's CPU, and a pool that
        users' requests cannot exhaust, so that a heartbeat always finds a connection.

        Statements travel together until a result is asked for, the last of them with the commit; so an error may be
        raised by a later call. With `each_alone` each statement is a transaction of its own and travels at once.
        Raises Unavailable as `session` does.
        """
        try:
            if self._lean.closed:
                await self._lean.open()
            async with self._lean.connection() as connection:
                seconds = self.clock.offset.total_seconds()
                alone = each_alone and not seconds
                if connection.autocommit is not alone:  # as the last one left it: a pool that resets takes a task more
                    await connection.set_autocommit(alone)
                if alone:
                    yield connection
                    return
                async with AsyncExitStack() as stack:
                    if not each_alone:
                        await stack.enter_async_context(connection.pipeline())
                    if seconds:  # a test's clock: it is set for one transaction, so there must be one
                        offset = [f"{seconds} s"]
                        await connection.execute("SELECT set_config('tunesmith.clock_offset', %s, true)", offset)
                    yield connection
                    await connection.commit()
        except (psycopg_pool.PoolTimeout, psycopg.OperationalError, psycopg.InterfaceError) as e:
            raise Unavailable(BUSY) from e

    async def ping(self) -> bool:
        """True when the database answers."""
        try:
            async with self.session() as session:
                await session.execute(text("SELECT 1"))
        except (Unavailable, DBAPIError):
            return False
        return True

    async def close(self) -> None:
        await self._engine.dispose()
        await self._lean.close()


async def _configure(connection: Connection) -> None:
    set_json_dumps(orjson.dumps, connection)
    set_json_loads(orjson.loads, connection)
    # Or each size of number is a type of its own, and a statement is planned for each.
    connection.adapters.register_dumper(int, Int8Dumper)


async def driver(session: AsyncSession) -> Connection:
    """psycopg's connection of the session's transaction. What the session holds unsaved is written out first."""
    await session.flush()
    raw = await (await session.connection()).get_raw_connection()
    return cast("Connection", raw.driver_connection)


def driver_url(url: str) -> str:
    """The URL with psycopg 3 as its driver, whatever form the operator wrote."""
    return make_url(url).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def libpq_url(url: str) -> str:
    """The URL as psycopg itself takes it, for LISTEN and COPY."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
