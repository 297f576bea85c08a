"""What `models push` and `models export` share: the model's files here, and the program that works on them.

The work needs torch when weights are merged, which this program never imports: `python -m tunesmith.training.delivery`
runs as a child.
"""

import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from tunesmith.cli.command import Cli
from tunesmith.cli.exit_codes import FAILED, WorkFailed


@dataclass(frozen=True)
class Fetched:
    """A model's files in a folder that goes with the block, and the JSON of its base's catalogue entry."""

    name: str
    folder: Path
    base: Path


@dataclass(frozen=True)
class Done:
    """How the child ended: its exit code, what it printed as JSON, and its last line for a person."""

    code: int
    found: dict[str, Any] | None
    said: str


@contextmanager
def fetched(cli: Cli, model: str) -> Generator[Fetched]:
    """The files of a tuned model, a published checkpoint, or the model of a job (`ftjob-...`)."""
    from tunesmith.schemas.errors import ModelNotFound

    name = _model_of(cli, model)
    parent = cli.client.models.retrieve(name).parent
    entry = next((e for e in cli.client.models.catalog().data if e.key == parent), None)
    if entry is None:
        raise (
            ModelNotFound(name)
            if parent is None
            else WorkFailed(
                f"{name} was tuned from {parent}, which is no longer in the server's catalogue. Put its entry back."
            )
        )
    with tempfile.TemporaryDirectory(prefix="tunesmith-model-") as scratch:
        folder, base = Path(scratch) / "model", Path(scratch) / "base.json"
        base.write_text(entry.model_dump_json(), encoding="utf-8")
        with cli.err.status(f"downloading {name}"):
            cli.client.models.download(name, folder)
        yield Fetched(name, folder, base)


def run(cli: Cli, status: str, *arguments: str) -> Done:
    """The program's work, while `status` is shown. Raises WorkFailed where what it needs is not installed."""
    if importlib.util.find_spec("huggingface_hub") is None or importlib.util.find_spec("torch") is None:
        raise WorkFailed("This needs what trains: install it with pip install 'tunesmith[train]'.")
    command = [sys.executable, "-m", "tunesmith.training.delivery", *arguments]
    with cli.err.status(status):
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    said = next((line.strip() for line in reversed(done.stderr.splitlines()) if line.strip()), "it said nothing")
    try:
        found = json.loads(done.stdout)
    except ValueError:
        found = None
    if found is None and done.returncode == 0:
        raise WorkFailed(f"The program ended well and said nothing of what it did: {said}")
    return Done(done.returncode, found, said)


def failed(done: Done) -> typer.Exit:
    """The child's reason on one line of stderr, and its exit code, which means what ours mean."""
    typer.echo(f"tunesmith: {done.said}", err=True)
    return typer.Exit(done.code or FAILED)


def _model_of(cli: Cli, name: str) -> str:
    """A job's model by the job's id, since a run's own events can only name that."""
    if not name.startswith("ftjob-"):
        return name
    model = cli.client.jobs.retrieve(name).fine_tuned_model
    if model is None:
        raise WorkFailed(f"Job {name} has made no model. See tunesmith jobs show {name}")
    return model
