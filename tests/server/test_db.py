"""Transactions: committed at the block's end, undone by an error, and a database that is away is told as such."""

import asyncio
import contextlib

import pytest
from sqlalchemy import text

from tunesmith.schemas.errors import Unavailable
from tunesmith.server import migrate
from tunesmith.server.db import Base, Database, driver, driver_url, libpq_url


@pytest.fixture
async def db(database_url):
    database = Database(database_url, pool_size=2)
    yield database
    await database.close()


async def labels(db: Database) -> list[str]:
    async with db.session() as session:
        return list(await session.scalars(text("SELECT label FROM secrets ORDER BY label")))


async def put(session, label: str) -> None:
    await session.execute(text("INSERT INTO secrets VALUES (:label, 'x')"), {"label": label})


async def test_a_block_that_ends_is_kept_and_one_that_raises_leaves_nothing(db):
    async with db.session() as session:
        await put(session, "kept")
    with contextlib.suppress(KeyError):
        async with db.session() as session:
            await put(session, "undone")
            raise KeyError
    assert await labels(db) == ["kept"]


async def test_a_lean_transaction_does_the_same(db):
    async with db.lean() as connection:
        await connection.execute("INSERT INTO secrets VALUES ('kept', 'x')")
    with contextlib.suppress(KeyError):
        async with db.lean() as connection:
            await connection.execute("INSERT INTO secrets VALUES ('undone', 'x')")
            raise KeyError
    assert await labels(db) == ["kept"]


async def test_a_session_and_its_drivers_connection_are_one_transaction(db):
    with contextlib.suppress(KeyError):
        async with db.session() as session:
            await put(session, "a")
            await (await driver(session)).execute("INSERT INTO secrets VALUES ('b', 'x')")
            raise KeyError
    assert await labels(db) == []


async def test_a_clock_that_was_advanced_holds_in_both_kinds_of_transaction(db):
    async def both() -> list[float]:
        statement = "SELECT extract(epoch FROM tunesmith_now() - now())::float"
        async with db.session() as session, db.lean() as connection:
            cursor = await connection.execute(statement)
            return [await session.scalar(text(statement)), (await cursor.fetchone())[0]]

    assert await both() == [0, 0]
    db.clock.advance(90)
    assert await both() == [90, 90]


async def test_a_database_that_is_away_is_unavailable_and_not_a_traceback():
    away = Database("postgresql://nobody@127.0.0.1:1/nothing?connect_timeout=2")
    assert await away.ping() is False
    with pytest.raises(Unavailable):
        async with away.session() as session:
            await session.execute(text("SELECT 1"))
    await away.close()


async def test_a_connection_that_breaks_is_unavailable_and_the_next_one_works(db):
    async def broken_off() -> None:
        async with db.session() as session:
            await session.execute(text("SELECT 1"))
            async with db.session() as other:
                await other.execute(text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                ))  # fmt: skip
            await session.execute(text("SELECT 1"))

    with pytest.raises(Unavailable):
        await broken_off()
    assert await db.ping()


async def test_a_heartbeat_finds_a_connection_when_users_hold_all_of_theirs(db):
    async with db.session() as one, db.session() as two:
        await asyncio.gather(one.execute(text("SELECT 1")), two.execute(text("SELECT 1")))
        async with db.lean() as connection:
            assert (await (await connection.execute("SELECT 7")).fetchone())[0] == 7


@pytest.mark.parametrize("url", ["postgres://u:p@h/d", "postgresql://u:p@h/d", "postgresql+psycopg://u:p@h/d"])
def test_every_form_of_a_url_is_understood(url):
    assert driver_url(url) == "postgresql+psycopg://u:p@h/d"
    assert libpq_url(url) == "postgresql://u:p@h/d"


def test_the_metadata_holds_every_domains_tables():
    migrate.import_tables()
    assert {"projects", "users", "api_keys", "secrets", "engines"} <= set(Base.metadata.tables)


async def test_a_connection_serves_transactions_and_lone_statements_in_turn(db):
    for _ in range(2):
        with contextlib.suppress(KeyError):
            async with db.lean() as connection:
                await connection.execute("INSERT INTO secrets VALUES ('undone', 'x')")
                raise KeyError
        async with db.lean(each_alone=True) as connection:
            await connection.execute("INSERT INTO secrets VALUES ('lone', 'x')")
            assert await labels(db) == ["lone"]
            await connection.execute("DELETE FROM secrets")
    assert await labels(db) == []
