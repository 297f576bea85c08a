"""Writes a revision: what the tables have and the newest revision has not. For developers."""

import sys
import tempfile
from pathlib import Path

from alembic import command
from sqlalchemy import create_engine

from tunesmith.server import embedded, migrate
from tunesmith.server.db import driver_url
from tunesmith.server.migrations import HEAD


def write_revision(message: str) -> None:
    """A file in versions/, numbered on from HEAD, by comparing a fresh database with the metadata."""
    migrate.import_tables()
    with tempfile.TemporaryDirectory(prefix="ts-pg-") as folder, embedded.running(Path(folder)) as postgres:
        engine = create_engine(driver_url(postgres.url))
        with engine.begin() as connection:
            migrate.run_file(connection, "functions.sql")
            config = migrate.alembic_config(connection)
            command.upgrade(config, "head")
            number = f"{int(HEAD) + 1:04d}" if migrate.revision_of(connection) else HEAD
            command.revision(config, message, autogenerate=True, rev_id=number)
        engine.dispose()


if __name__ == "__main__":
    write_revision(sys.argv[1])
