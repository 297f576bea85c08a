"""Peers, each in an environment of its own under .cache/bench, so that their pins never touch ours."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from bench.tables import console

ROOT = Path(__file__).parents[1]
ENVIRONMENTS = ROOT / ".cache" / "bench"
SIDES = Path(__file__).parent / "sides"
PINS: Mapping[str, tuple[str, ...]] = {
    "procrastinate": ("procrastinate==3.10.0", "psycopg[binary,pool]==3.3.9"),
    "mlflow": ("mlflow==3.17.2",),
}
"""What pip installs for each peer; what they need themselves is resolved when the environment is made."""


def python_of(peer: str) -> Path:
    """The interpreter of the peer's environment, made anew when its pins changed.

    Raises RuntimeError with pip's last words when it cannot be made.
    """
    folder = ENVIRONMENTS / peer
    python, stamp = folder / "bin" / "python", folder / "pins.sha256"
    wanted = hashlib.sha256("\n".join((sys.version, *PINS[peer])).encode()).hexdigest()
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return python
    console.print(f"making {folder.relative_to(ROOT)}: {', '.join(PINS[peer])}", markup=False, style="dim")
    shutil.rmtree(folder, ignore_errors=True)
    _run(sys.executable, "-m", "venv", str(folder))
    _run(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PINS[peer])
    stamp.write_text(wanted)
    return python


def versions_of(peer: str) -> dict[str, str]:
    """The peer's pinned packages with their versions."""
    return {pin.split("==")[0].split("[")[0]: pin.split("==")[1] for pin in PINS[peer]}


class Side:
    """A peer's script, running in the peer's environment and told by JSON lines what to do."""

    def __init__(self, peer: str, script: str, *arguments: str, env: Mapping[str, str] | None = None) -> None:
        self._script = script
        self._process = subprocess.Popen(
            [str(python_of(peer)), str(SIDES / script), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=dict(os.environ) | dict(env or {}),
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, command: str, **arguments: Any) -> Any:
        """What the script answers. Raises RuntimeError when it ended instead."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"command": command, **arguments}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._script} ended at '{command}' with {self._process.wait()}; see its words above.")
        return json.loads(line)

    def __enter__(self) -> "Side":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
