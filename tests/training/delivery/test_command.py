"""`tunesmith models push` and `export` as programs, over a server that has a tuned model's files."""

import asyncio
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from peft import LoraConfig, get_peft_model
from sqlalchemy import select, text
from transformers import AutoModelForCausalLM

from tunesmith.base_models.catalog import load_catalog
from tunesmith.base_models.fetch import local_folder
from tunesmith.schemas.models import Delivery
from tunesmith.server.accounts.tables import UserRow
from tunesmith.server.db import Database
from tunesmith.server.jobs.tables import JobRow
from tunesmith.server.models.tables import ModelVersionRow
from tunesmith.server.storage.blobs import BlobStore

NAME = "ft:protein-mini:default:ldh:abc"
JOB = "ftjob-1"
Tunesmith = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    entry = load_catalog().get("protein-mini")
    model = AutoModelForCausalLM.from_pretrained(local_folder(entry, tmp_path))
    config = LoraConfig(
        r=2, target_modules=["c_attn"], fan_in_fan_out=True, init_lora_weights=False, task_type="CAUSAL_LM"
    )
    folder = tmp_path / "adapter"
    get_peft_model(model, config).save_pretrained(str(folder))
    (folder / "README.md").write_text("---\nlicense: apache-2.0\nlibrary_name: peft\n---\n# A model\n")
    return folder


@pytest.fixture
def tunesmith(live_server, database_url: str, adapter: Path, tmp_path: Path) -> Tunesmith:
    """Runs command lines against a server that has the adapter as a model, and a job that made it."""
    asyncio.run(_register(database_url, live_server.data_dir, adapter))
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("TUNESMITH_", "FINETUNE_"))}
    environment = kept | {
        "TUNESMITH_URL": live_server.base_url,
        "TUNESMITH_API_KEY": live_server.admin_key,
        "TUNESMITH_MODELS_DIR": str(tmp_path / "models"),
        "OMP_NUM_THREADS": "1",
    }

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tunesmith.cli.main", *arguments]
        hub = {n: v for n, v in os.environ.items() if n.startswith("HF_")}
        return subprocess.run(
            command, env=environment | hub | more, capture_output=True, text=True, timeout=90, check=False
        )

    return run


async def _register(database_url: str, data_dir: Path, folder: Path) -> None:
    db, blobs = Database(database_url), BlobStore(data_dir / "blobs")
    base = load_catalog().get("protein-mini").model_dump(mode="json")
    manifest = []
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        await blobs.put(_once(content), limit_bytes=10**9)
        sha256 = hashlib.sha256(content).hexdigest()
        manifest.append({"path": path.name, "size_bytes": len(content), "sha256": sha256})
    async with db.session() as session:
        # The job is put in as it ended: the triggers guard the ways to there, which this is not about.
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        user = (await session.scalars(select(UserRow))).first()
        assert user is not None
        owned = {"project_id": user.project_id, "created_by": user.id}
        common = {"base": base, "task": "protein", "adaptation": "lora", "family": "ldh", **owned}
        job = {"organization": "default", "model": "protein-mini", "model_name": NAME, "training_file": "file-1",
               "inputs": {}, "backend": "huggingface", "provider": "local", "validation_split": 0.1, "wanted": {},
               "seed": 1}  # fmt: skip
        session.add(JobRow(id=JOB, status="succeeded", fine_tuned_model=NAME, **job, **common))
        session.add(JobRow(id="ftjob-2", status="failed", **(job | {"model_name": NAME + "d"}), **common))
        session.add(
            ModelVersionRow(
                id=NAME, owned_by="default", job_id=JOB, upload_id="wup_1", version=1, base_model="protein-mini",
                parent_model=None, manifest=manifest, size_bytes=5, metrics={}, comparisons=[],
                details={"delivery": {"repo": "ada/x", "weights": "adapter", "status": "failed", "note": "no token"}},
                parity={"status": "failed", "n_probes": 4, "prompts_equal": 1, "output_agreement": 0.5, "note": "odd"},
                lineage={
                    "job_id": JOB, "base_model": "protein-mini", "base_source": {}, "training_file": "file-1",
                    "training_sha256": "b" * 64, "seed": 1, "spec": {}, "packages": {},
                }, **common,
            )
        )  # fmt: skip
    blobs.close()
    await db.close()


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


def test_a_model_is_pushed_by_its_jobs_id_and_merged_by_its_name(hub, tunesmith: Tunesmith, adapter: Path) -> None:
    done = tunesmith("models", "push", JOB, "ada/mine")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{hub.url}/ada/mine\n"
    assert hub.repos["ada/mine"] == {p.name: p.read_bytes() for p in adapter.iterdir()}
    done = tunesmith("models", "push", NAME, "ada/whole", "--merged", "--json")
    assert done.returncode == 0, done.stderr
    delivery = Delivery.model_validate_json(done.stdout)
    assert (delivery.status, delivery.weights) == ("pushed", "merged")
    assert "model.safetensors" in hub.repos["ada/whole"]
    assert "adapter_model.safetensors" not in hub.repos["ada/whole"]


def test_what_fails_has_its_line_and_exit_code(hub, tunesmith: Tunesmith) -> None:
    refused = tunesmith("models", "push", NAME, "ada/mine", "--json", HF_TOKEN="hf_wrong")
    assert (refused.returncode, json.loads(refused.stdout)["status"]) == (3, "failed")
    assert refused.stderr.startswith("tunesmith: ")
    assert "401" in refused.stderr
    assert tunesmith("models", "push", NAME, "ada/mine", HF_HUB_OFFLINE="1").returncode == 4
    assert tunesmith("models", "push", "ft:protein-mini:default:ldh:none", "ada/mine").returncode == 3
    unmade = tunesmith("models", "push", "ftjob-2", "ada/mine")
    assert (unmade.returncode, "has made no model" in unmade.stderr) == (1, True)
    assert hub.commits == 0


def test_an_export_writes_the_files_and_says_how_to_get_what_gguf_needs(
    tunesmith: Tunesmith, adapter: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "exported"
    done = tunesmith("models", "export", NAME, str(folder))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [str(folder / p.name) for p in sorted(adapter.iterdir())]
    assert all((folder / p.name).read_bytes() == p.read_bytes() for p in adapter.iterdir())
    refused = tunesmith("models", "export", NAME, str(tmp_path / "g"), "--gguf", TUNESMITH_LLAMA_CPP=str(tmp_path))
    assert refused.returncode == 3
    assert "git clone" in refused.stderr


def test_what_is_wrong_with_a_model_is_seen_when_it_is_shown(tunesmith: Tunesmith) -> None:
    shown = tunesmith("models", "show", NAME).stdout
    assert "engine parity  FAILED: 1 of 4 prompts equal, 50 % of outputs agree. odd" in shown
    assert "hub            NOT pushed: no token" in shown
