"""Files and folders that are either whole or not there."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` so that a reader sees all of it or the file that was there before."""
    scratch = path.with_name(f".{path.name}.part")
    with scratch.open("wb") as f:
        f.write(data)
        f.flush()
        os.fsync(f.fileno())
    os.replace(scratch, path)


def write_folder(path: Path, fill: Callable[[Path], None]) -> None:
    """Let `fill` write into a folder beside `path`, then give it that name. What stood there is replaced."""
    scratch = path.with_name(f".{path.name}.part")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    fill(scratch)
    if path.exists():
        shutil.rmtree(path)
    os.replace(scratch, path)
