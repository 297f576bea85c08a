"""The migrated schema is the tables' schema, however often and by however many processes it is made."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from tunesmith.server import migrate
from tunesmith.server.db import Base, driver_url
from tunesmith.server.migrations import HEAD

REGENERATE = (
    "The tables and the migrations differ. Before the first release: delete versions/0001_initial.py, run "
    "`python -m tunesmith.server.migrations initial`; after it: run that for a new revision, and set HEAD."
)
CATALOGUE = (
    "SELECT 'column', table_name, column_name, data_type, character_maximum_length, is_nullable, column_default "
    "FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 2, 3",
    "SELECT 'index', tablename, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 2, 3",
    "SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
    "WHERE connamespace = 'public'::regnamespace AND contype <> 'n' ORDER BY 2, 3",
    "SELECT 'trigger', tgrelid::regclass::text, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal "
    "ORDER BY 2, 3",
    "SELECT 'function', proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 2",
)


@pytest.fixture
def empty_url(postgres_url) -> Iterator[str]:
    yield from empty_database(postgres_url)


@pytest.fixture
def other_empty_url(postgres_url) -> Iterator[str]:
    yield from empty_database(postgres_url)


def empty_database(postgres_url: str) -> Iterator[str]:
    name = f"e{uuid4().hex}"
    with psycopg.connect(postgres_url, autocommit=True) as c:
        c.execute(f"CREATE DATABASE {name}")
        yield postgres_url.replace("/postgres?", f"/{name}?")
        c.execute(f"DROP DATABASE {name} WITH (FORCE)")


def catalogue(url: str) -> list[Any]:
    """All that PostgreSQL knows of the schema, but for Alembic's own table."""
    with psycopg.connect(url) as c:
        return [row for query in CATALOGUE for row in c.execute(query).fetchall() if row[1] != "alembic_version"]


def test_the_migrated_schema_is_exactly_that_of_the_tables(empty_url, other_empty_url):
    migrate.upgrade(empty_url)
    engine = create_engine(driver_url(other_empty_url), poolclass=NullPool)
    with engine.begin() as connection:
        migrate.import_tables()
        migrate.run_file(connection, "functions.sql")
        Base.metadata.create_all(connection)
        migrate.run_file(connection, "triggers.sql")
    assert catalogue(empty_url) == catalogue(other_empty_url), REGENERATE


def test_alembic_finds_no_difference(empty_url):
    migrate.upgrade(empty_url)
    migrate.import_tables()
    with create_engine(driver_url(empty_url), poolclass=NullPool).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == [], REGENERATE


def test_head_is_the_newest_revision_and_the_history_is_one_line(empty_url):
    with create_engine(driver_url(empty_url), poolclass=NullPool).connect() as connection:
        script = ScriptDirectory.from_config(migrate.alembic_config(connection))
    assert script.get_heads() == [HEAD]


def test_upgrading_again_changes_nothing(empty_url):
    migrate.upgrade(empty_url)
    before = catalogue(empty_url)
    migrate.upgrade(empty_url)
    assert catalogue(empty_url) == before


def test_servers_that_start_together_on_an_empty_database_all_find_it_ready(empty_url):
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(_upgrade_in_a_process, empty_url) for _ in range(4)]:
            done.result()
    with psycopg.connect(empty_url) as c:
        assert c.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]


def _upgrade_in_a_process(url: str) -> None:
    program = f"from tunesmith.server import migrate; migrate.upgrade({url!r})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_an_upgrade_that_fails_leaves_nothing_behind(empty_url, monkeypatch):
    run_file = migrate.run_file

    def fails_at_the_end(connection, name):
        if name == "triggers.sql":
            raise KeyError(name)
        run_file(connection, name)

    monkeypatch.setattr(migrate, "run_file", fails_at_the_end)
    with pytest.raises(KeyError):
        migrate.upgrade(empty_url)
    assert catalogue(empty_url) == []


def test_a_database_of_a_newer_version_is_left_alone_and_told(empty_url):
    migrate.upgrade(empty_url)
    with psycopg.connect(empty_url, autocommit=True) as c:
        c.execute("UPDATE alembic_version SET version_num = '9999'")
    before = catalogue(empty_url)
    with pytest.raises(OSError, match="9999"):
        migrate.upgrade(empty_url)
    assert catalogue(empty_url) == before


def test_a_database_that_cannot_be_reached_names_the_setting():
    with pytest.raises(OSError, match="TUNESMITH_DATABASE_URL"):
        migrate.upgrade("postgresql://nobody@127.0.0.1:1/nothing")


def test_a_start_on_an_up_to_date_database_needs_nothing_of_alembic(database_url):
    program = (
        f"import sys; from tunesmith.server import migrate; migrate.upgrade({database_url!r}); "
        "assert 'alembic' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
