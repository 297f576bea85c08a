"""What Alembic runs: the revisions, on the connection that migrate.py hands over."""

from alembic import context

from tunesmith.server.db import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=Base.metadata, compare_server_default=True, transactional_ddl=True
)
with context.begin_transaction():
    context.run_migrations()
