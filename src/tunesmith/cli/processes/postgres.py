"""The last resort for the embedded PostgreSQL: the server stops it by itself unless it was killed."""

import contextlib
import fcntl
import signal
from pathlib import Path

import psutil

FAST_STOP_S = 2.0


def stop(data_dir: Path) -> None:
    """Stops a PostgreSQL that still runs on the data folder; nothing happens when none does, or a server uses it."""
    process = _postmaster(data_dir / "postgres")
    if process is None or _has_server(data_dir):
        return
    with contextlib.suppress(psutil.Error):
        # SIGINT is PostgreSQL's fast shutdown: sessions are ended, what was committed is kept.
        process.send_signal(signal.SIGINT)
        try:
            process.wait(FAST_STOP_S)
        except psutil.TimeoutExpired:
            process.send_signal(signal.SIGQUIT)
            with contextlib.suppress(psutil.TimeoutExpired):
                process.wait(1)


def _has_server(data_dir: Path) -> bool:
    """Whether a live server holds the folder: one that was started by hand, not by this `up`."""
    try:
        with (data_dir / "server.lock").open("a+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _postmaster(folder: Path) -> psutil.Process | None:
    try:
        pid = int((folder / "postmaster.pid").read_text().splitlines()[0])
        process = psutil.Process(pid)
        return process if process.name().startswith("postgres") else None
    except (OSError, ValueError, IndexError, psutil.Error):
        return None
