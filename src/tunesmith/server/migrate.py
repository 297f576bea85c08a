"""Brings the database to this version's schema."""

from importlib import import_module, resources
from typing import TYPE_CHECKING, LiteralString, cast

import psycopg
import structlog
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from tunesmith.server.db import driver_url, libpq_url
from tunesmith.server.migrations import HEAD

if TYPE_CHECKING:
    from alembic.config import Config

log = structlog.get_logger()

TABLES = ("accounts", "storage", "events", "datasets", "models", "jobs", "inference")
_LOCK = 7_268_501
_REVISION = "SELECT version_num FROM alembic_version"


def upgrade(url: str) -> None:
    """Applies the revisions that are missing, all or none, one process at a time; the second of two replicas waits
    and finds nothing to do. A database that is up to date costs one query.

    Raises OSError when the database cannot be reached or belongs to a newer version.
    """
    if _is_up_to_date(url):
        return
    engine = create_engine(driver_url(url), poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": _LOCK})
        before = revision_of(connection)
        if before == HEAD:
            return
        run_file(connection, "functions.sql")
        _apply_revisions(connection, before)
        run_file(connection, "triggers.sql")
    log.info("database.migrated", before=before, now=HEAD)


def _is_up_to_date(url: str) -> bool:
    try:
        with psycopg.connect(libpq_url(url), connect_timeout=30, autocommit=True) as connection:
            row = connection.execute(_REVISION).fetchone()
            return row is not None and row[0] == HEAD
    except psycopg.errors.UndefinedTable:
        return False
    except psycopg.OperationalError as e:
        raise OSError(f"The database cannot be reached: {e}. See TUNESMITH_DATABASE_URL.") from e


def revision_of(connection: Connection) -> str | None:
    """The revision that the database is at; None for an empty one."""
    if connection.scalar(text("SELECT to_regclass('alembic_version')")) is None:
        return None
    return connection.scalar(text(_REVISION))


def _apply_revisions(connection: Connection, before: str | None) -> None:
    from alembic import command
    from alembic.util import CommandError

    try:
        command.upgrade(alembic_config(connection), "head")
    except CommandError as e:
        raise OSError(
            f"The database is at revision {before}, which this version of Tunesmith does not know (it knows up to "
            f"{HEAD}). Start the version that wrote it, or a newer one."
        ) from e


def alembic_config(connection: Connection) -> "Config":
    """Alembic on this connection and our revisions, without a file of settings."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "tunesmith.server:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def run_file(connection: Connection, name: str) -> None:
    """Runs a file of statements as it stands: without parameters, so a % in it is only a %."""
    statements = resources.files("tunesmith.server.migrations").joinpath(name).read_text()
    driver = cast("psycopg.Connection", connection.connection.driver_connection)
    driver.execute(cast("LiteralString", statements))


def import_tables() -> None:
    """Every domain's tables, so that `Base.metadata` is whole."""
    for domain in TABLES:
        import_module(f"tunesmith.server.{domain}.tables")
