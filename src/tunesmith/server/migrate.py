"""Brings the database to this version's schema."""

from importlib import import_module, resources
from typing import LiteralString, cast

import psycopg
from sqlalchemy import Connection, create_engine, text

from tunesmith.server.db import Base, driver_url

TABLES = ("accounts", "storage", "events", "datasets", "models", "jobs", "inference")
_LOCK = 7_268_501


def upgrade(url: str) -> None:
    """Applies what is missing, one process at a time; the second of two replicas waits and finds nothing to do."""
    import_tables()
    engine = create_engine(driver_url(url))
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": _LOCK})
        _run(connection, "functions.sql")
        Base.metadata.create_all(connection)
        _run(connection, "triggers.sql")
    engine.dispose()


def _run(connection: Connection, name: str) -> None:
    """A file of statements as it stands: without parameters, so a % in it is only a %."""
    statements = resources.files("tunesmith.server.migrations").joinpath(name).read_text()
    driver = cast("psycopg.Connection", connection.connection.driver_connection)
    driver.execute(cast("LiteralString", statements))


def import_tables() -> None:
    """Every domain's tables, so that `Base.metadata` is whole."""
    for domain in TABLES:
        name = f"tunesmith.server.{domain}.tables"
        try:
            import_module(name)
        except ModuleNotFoundError as e:
            if e.name != name:
                raise
