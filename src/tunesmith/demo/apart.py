"""Writing a run's files by a program of its own: it reads the same whatever the asking process has imported."""

import json
import subprocess
import sys
from pathlib import Path

from tunesmith.demo.examples import DemoRun, Written


def write_apart(run: DemoRun, folder: Path) -> Written:
    """The run's files in the folder, which must exist. Blocking: some seconds. Raises CalledProcessError."""
    done = subprocess.run(command(run, folder), cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    return written(done.stdout, folder)


def command(run: DemoRun, folder: Path) -> list[str]:
    """What to start. Without -P a file in the working folder could stand in for a module that is read."""
    return [sys.executable, "-P", "-m", "tunesmith.demo", run.id, str(folder.resolve())]


def written(printed: bytes, folder: Path) -> Written:
    """What the program printed on its last line: modules that it imported may print too."""
    said = json.loads(printed.decode().strip().splitlines()[-1])
    return Written([folder / name for name in said["files"]], said["source"])
