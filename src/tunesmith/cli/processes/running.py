"""`up.pid` in the data folder: who runs there, at which address, and that nobody else may.

The file's lock is the proof, not its content: the system takes the lock away with the process, however that died.
"""

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil

FILE = "up.pid"


class AlreadyRunning(Exception):
    """Another `up` holds the data folder."""


@dataclass(frozen=True)
class Leftover:
    """A process of an earlier `up`; with its start time, since numbers are given again."""

    pid: int
    started_at: float

    def find(self) -> psutil.Process | None:
        """The process, if it is still that one and alive."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started_at) < 1
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.Error:
            return None


class PidFile:
    """The data folder held by this process until `release`. Raises AlreadyRunning, naming who holds it."""

    def __init__(self, data_dir: Path, url: str) -> None:
        self._path = data_dir / FILE
        self._file: IO[str] = self._path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            facts = _read(self._path)
            self._file.close()
            raise AlreadyRunning(
                f"Another `tunesmith up` (pid {facts.get('pid', 'unknown')}, {facts.get('url', 'starting')}) already "
                f"runs on {data_dir}. Stop it with `kill {facts.get('pid', '')}`, or give --data-dir another folder."
            ) from e
        self.leftovers = [Leftover(pid, at) for pid, at in _read(self._path).get("children", [])]
        """What an `up` that was killed may have left running here."""
        self._url = url
        self.write([])

    def write(self, children: list[Leftover]) -> None:
        """Notes the children, for the case that this process is killed."""
        facts = {"pid": os.getpid(), "url": self._url, "children": [[c.pid, c.started_at] for c in children]}
        self._file.seek(0)
        self._file.truncate()
        self._file.write(json.dumps(facts))
        self._file.flush()

    def release(self) -> None:
        """Lets the folder go."""
        self._path.unlink(missing_ok=True)
        self._file.close()


def running_url(data_dir: Path | None) -> str | None:
    """The address of the `up` that runs on the folder (None: the usual one); None when none does.

    TUNESMITH_URL, where it is set and no folder was named, goes first: then the answer is None too.
    """
    if data_dir is None and os.environ.get("TUNESMITH_URL"):
        return None
    if data_dir is None:
        from tunesmith.client._config import default_data_dir

        data_dir = default_data_dir()
    path = data_dir / FILE
    try:
        with path.open("r", encoding="utf-8") as f:
            fcntl.flock(f, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(path).get("url")
    except OSError:
        pass  # no such file: nothing runs there
    return None


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
