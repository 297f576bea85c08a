"""What a server says of the runs before they start: a real one on a folder of its own, ended before they begin."""

import os
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
from platformdirs import user_data_path

from proof.data import Files
from proof.runs import Run
from tunesmith.client import Tunesmith
from tunesmith.schemas.estimates import JobEstimate
from tunesmith.schemas.worker import Capabilities
from tunesmith.worker.devices import capabilities

WORKER = "this-machine"
END_S = 30


@contextmanager
def server(folder: Path) -> Generator[Tunesmith]:
    """A client of a fresh server, to which a worker with this machine's means has spoken."""
    folder.mkdir(parents=True)
    models = Path(os.environ.get("TUNESMITH_MODELS_DIR") or user_data_path("tunesmith") / "models")
    (folder / "models").symlink_to(models)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("TUNESMITH_", "FINETUNE_"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "tunesmith.cli.main", "server", "--port", str(_free_port()), "--data-dir", str(folder)],
        env=environment, stdout=subprocess.PIPE, stderr=(folder / "server.log").open("wb"), text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        ready = process.stdout.readline().split()
        if ready[:1] != ["ready"]:
            log = (folder / "server.log").read_text()[-2000:]
            raise RuntimeError(f"The server that tells the estimates did not start: {log}")
        url = ready[1]
        _introduce(url, (folder / "worker.key").read_text().strip())
        with Tunesmith(url, (folder / "admin.key").read_text().strip()) as client:
            yield client
    finally:
        process.terminate()
        process.wait(END_S)


def ask(client: Tunesmith, run: Run, files: Files, hyperparameters: dict[str, object]) -> JobEstimate:
    """The estimate of the run on this machine, its base being on the disk."""
    training = client.files.create(files.training.path)
    validation = client.files.create(files.validation.path) if files.validation else None
    return client.jobs.estimate(
        model=run.base,
        training_file=training.id,
        validation_file=validation.id if validation else None,
        method=run.method,
        hyperparameters=hyperparameters,
        task=run.task,
        adaptation=run.adaptation,
        validation_split=None if validation else run.validation_split,
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _introduce(url: str, key: str) -> None:
    told: Capabilities = capabilities()
    body = {
        "worker_id": WORKER,
        "session_id": "proof",
        "claim_id": str(uuid4()),
        "wait_s": 0,
        "capabilities": told.model_dump(mode="json"),
    }
    httpx.post(
        f"{url}/worker/v1/claim", json=body, headers={"Authorization": f"Bearer {key}"}, timeout=30
    ).raise_for_status()
