"""A model is trained, registered and served, and the engine repeats what training saw; or does not, and it is told."""

import asyncio
import contextlib
import hashlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from sqlalchemy import select, text

from tunesmith.base_models.catalog import load_catalog
from tunesmith.base_models.fetch import local_folder
from tunesmith.engines.app import create_app
from tunesmith.engines.artifacts import Artifacts
from tunesmith.engines.settings import EngineSettings
from tunesmith.engines.transformers import TransformersEngine
from tunesmith.schemas.models import BaseModelEntry
from tunesmith.schemas.training import TrainingResult, TrainingSpec
from tunesmith.server.accounts.tables import UserRow
from tunesmith.server.jobs.tables import JobRow
from tunesmith.server.models.tables import ModelVersionRow
from tunesmith.training.progress import ProgressLog
from tunesmith.training.run import run_job
from tunesmith.training.stopping import StopSwitch

pytestmark = [pytest.mark.training, pytest.mark.timeout(200)]
NAME = "ft:toy-chat:default:words:abc"
SECRET = "an-engine-of-the-tests"


@pytest.fixture(scope="module")
def entry(toy_catalog: Path) -> BaseModelEntry:
    return load_catalog(toy_catalog).get("toy-chat")


@pytest.fixture(scope="module")
def trained(entry: BaseModelEntry, chat_file: Path, tmp_path_factory: pytest.TempPathFactory):
    """The result of a real run, and the model's folder."""
    out = tmp_path_factory.mktemp("run")
    given = {"path": str(chat_file), "format": "jsonl", "sha256": "a" * 64}
    spec = TrainingSpec.model_validate(
        {
            "job_id": "ftjob-1", "task": "chat", "adaptation": "lora", "base": entry.model_dump(),
            "training_file": given, "validation_split": 0.2,
            "hyperparameters": {"n_epochs": 3, "learning_rate": 0.01},
        }
    )  # fmt: skip
    log = ProgressLog(out / "progress.jsonl")
    result = run_job(spec, out, log, StopSwitch())
    log.close()
    return result, out / "model"


@pytest.fixture
async def server(make_server):
    async with make_server(sweep_interval_s=3600) as made:
        yield made


async def test_an_engine_that_serves_the_model_as_it_was_trained_passes(server, trained, entry, tmp_path) -> None:
    result, folder = trained
    assert len(result.probes) == 4
    await register(server, entry, result, {p.name: p.read_bytes() for p in folder.iterdir()})
    async with serving(server, tmp_path):
        assert await server.app.state.clockwork.compare() == 1
    parity = (await version(server))["parity"]
    assert (parity["status"], parity["n_probes"], parity["prompts_equal"]) == ("passed", 4, 4), parity
    assert parity["output_agreement"] == 1.0


async def test_another_chat_template_fails_and_the_note_names_the_first_token(server, trained, entry, tmp_path) -> None:
    result, folder = trained
    files = {p.name: p.read_bytes() for p in folder.iterdir()}
    told = files["chat_template.jinja"].decode()
    files["chat_template.jinja"] = told.replace("<|im_end|>\n", "<|im_end|>").encode()
    assert files["chat_template.jinja"].decode() != told
    await register(server, entry, result, files)
    async with serving(server, tmp_path):
        assert await server.app.state.clockwork.compare() == 1
    parity = (await version(server))["parity"]
    assert (parity["status"], parity["prompts_equal"]) == ("failed", 0)
    assert "they part at token" in parity["note"]


async def test_other_weights_behind_equal_prompts_fail(server, trained, entry, tmp_path) -> None:
    """The adapter of another run, or none at all, is what a server may load by mistake."""
    from safetensors.torch import load, save

    result, folder = trained
    files = {p.name: p.read_bytes() for p in folder.iterdir()}
    weights = load(files["adapter_model.safetensors"])
    files["adapter_model.safetensors"] = save({name: 0 * tensor for name, tensor in weights.items()})
    await register(server, entry, result, files)
    async with serving(server, tmp_path):
        assert await server.app.state.clockwork.compare() == 1
    parity = (await version(server))["parity"]
    assert (parity["status"], parity["prompts_equal"]) == ("failed", 4)
    assert parity["output_agreement"] < 0.95


async def version(server) -> dict[str, Any]:
    reply = await server.http.get(f"/v1/registry/models/{NAME}", headers=server.bearer())
    assert reply.status_code == 200, reply.text
    return reply.json()


async def register(server, entry: BaseModelEntry, result: TrainingResult, files: dict[str, bytes]) -> None:
    """As a worker's `complete` leaves it; the job is put in as it ended."""
    manifest = []
    for name, content in sorted(files.items()):
        await server.app.state.blobs.put(_once(content), limit_bytes=10**9)
        manifest.append({"path": name, "size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()})
    async with server.app.state.db.session() as session:
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        user = (await session.scalars(select(UserRow))).first()
        common = {"base": entry.model_dump(mode="json"), "task": "chat", "adaptation": "lora", "family": "words",
                  "project_id": user.project_id, "created_by": user.id}  # fmt: skip
        session.add(
            JobRow(
                id="ftjob-1", status="succeeded", organization="default", model="toy-chat", model_name=NAME,
                fine_tuned_model=NAME, training_file="file-1", inputs={}, backend="huggingface", provider="local",
                validation_split=0.2, wanted={}, seed=0, **common,
            )
        )  # fmt: skip
        session.add(
            ModelVersionRow(
                id=NAME, owned_by="default", job_id="ftjob-1", upload_id="wup_1", version=1, base_model="toy-chat",
                parent_model=None, manifest=manifest, size_bytes=5, metrics={}, comparisons=[],
                probes=[probe.model_dump(mode="json") for probe in result.probes],
                lineage={
                    "job_id": "ftjob-1", "base_model": "toy-chat", "base_source": {}, "training_file": "file-1",
                    "training_sha256": "b" * 64, "seed": 0, "spec": {}, "packages": {},
                }, **common,
            )
        )  # fmt: skip


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self):
        yield


@contextlib.asynccontextmanager
async def serving(server, folder: Path) -> AsyncIterator[None]:
    """A real engine on a loopback port, registered with the server, fetching by its signed links."""
    settings = EngineSettings(models_dir=folder / "models", threads=1)
    artifacts = Artifacts(folder / "cache", server.http, limit_bytes=settings.cache_bytes)
    engine = TransformersEngine(settings, artifacts, lambda base: local_folder(base, settings.models_dir))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(create_app(engine, SECRET), lifespan="off", log_config=None, access_log=False)
        running = _Server(config)
        task = asyncio.create_task(running.serve(sockets=[listener]))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        told = {"engine_id": "real", "url": url, "secret": SECRET, "loaded": [], "version": "1"}
        reply: httpx.Response = await server.http.post(
            "/worker/v1/engines", json=told, headers=server.bearer(server.worker_key)
        )
        assert reply.status_code == 200, reply.text
        try:
            yield
        finally:
            running.should_exit = True
            await task
            await engine.close()
