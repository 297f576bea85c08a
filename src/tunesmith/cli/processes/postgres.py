"""The last resort for the embedded PostgreSQL: the server stops it by itself unless it was killed."""

import contextlib
import signal
from pathlib import Path

import psutil

FAST_STOP_S = 2.0


def stop(data_dir: Path) -> None:
    """Stops a PostgreSQL that still runs on the data folder; nothing happens when none does."""
    process = _postmaster(data_dir / "postgres")
    if process is None:
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


def _postmaster(folder: Path) -> psutil.Process | None:
    try:
        pid = int((folder / "postmaster.pid").read_text().splitlines()[0])
        process = psutil.Process(pid)
        return process if process.name().startswith("postgres") else None
    except (OSError, ValueError, IndexError, psutil.Error):
        return None
