"""The schema's history, shipped in the wheel: Alembic revisions in versions/, functions and triggers as they are now.

functions.sql runs before the revisions and triggers.sql after them, at every upgrade. A change to either needs a
revision, perhaps an empty one, since a database that is at HEAD is left alone.
`python -m tunesmith.server.migrations "what changes"` writes a revision from the tables' difference; review it.
"""

HEAD = "0002"
"""The newest revision: known here so that a start on an up-to-date database needs nothing of Alembic."""
