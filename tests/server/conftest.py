"""A server with a user and a worker, over HTTP."""

import asyncio
import hashlib
import json
import struct
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tunesmith.schemas.training import RunStarted, TrainingResult

HYPERPARAMETERS = {
    "n_epochs": 2,
    "batch_size": 4,
    "learning_rate_multiplier": 1.0,
    "learning_rate": 0.001,
    "lora_rank": 16,
    "lora_alpha": 32,
    "lora_dropout": 0.0,
    "max_seq_len": 512,
    "warmup_steps": 1,
    "weight_decay": 0.0,
    "max_grad_norm": 1.0,
    "lr_schedule": "linear",
}


@pytest.fixture
def started() -> RunStarted:
    return RunStarted.model_validate(
        {
            "hyperparameters": HYPERPARAMETERS,
            "total_steps": 60,
            "n_train": 90,
            "n_held_out": 10,
            "trained_tokens_per_epoch": 1000,
            "split_note": "10 records are held out",
        }
    )


@pytest.fixture
def result() -> TrainingResult:
    return TrainingResult.model_validate(
        {
            "hyperparameters": HYPERPARAMETERS,
            "steps": 60,
            "trained_tokens": 2000,
            "n_train": 90,
            "n_held_out": 10,
            "record_fingerprint": "f" * 64,
            "metrics": {"train_loss": 1.5, "held_out_loss_before": 3.0, "held_out_loss_after": 2.0},
            "comparisons": [],
            "packages": {"torch": "2.13.0"},
        }
    )


FASTA = "".join(f">s{n}\nMKV{'ACDEFGHIKL'[n % 10] * 8}{'MNPQRSTVWY'[n // 10]}\n" for n in range(40))
CHATS = "".join(
    json.dumps({"messages": [{"role": "user", "content": f"q{n}"}, {"role": "assistant", "content": f"a{n}"}]}) + "\n"
    for n in range(12)
)


@dataclass
class Remote:
    """A server over HTTP, a user of it, and a worker."""

    server: Any
    key: str

    @property
    def http(self) -> httpx.AsyncClient:
        return self.server.http

    def bearer(self, key: str | None = None) -> dict[str, str]:
        return {"Authorization": f"Bearer {key or self.key}"}

    async def upload(self, content: str = FASTA, name: str = "train.fasta", purpose: str = "fine-tune") -> str:
        reply = await self.http.post(
            "/v1/files",
            files={"file": (name, content.encode())},
            data={"purpose": purpose},
            headers=self.bearer(),
        )
        assert reply.status_code == 200, reply.text
        return reply.json()["id"]

    async def create(self, **body: Any) -> httpx.Response:
        headers = self.bearer() | body.pop("headers", {})
        if "training_file" not in body:
            body["training_file"] = await self.upload()
        return await self.http.post("/v1/fine_tuning/jobs", json={"model": "protein-mini"} | body, headers=headers)

    async def get(self, path: str, **params: Any) -> Any:
        reply = await self.http.get(path, params=params, headers=self.bearer())
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def job(self, job_id: str) -> dict[str, Any]:
        return await self.get(f"/v1/fine_tuning/jobs/{job_id}")

    async def validated(self, job_id: str) -> dict[str, Any]:
        """The job once its files were read; the clockwork does that as soon as it is kicked."""
        async with asyncio.timeout(10):
            while (job := await self.job(job_id))["status"] == "validating_files":  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        return job

    async def queued(self, **body: Any) -> str:
        reply = await self.create(**body)
        assert reply.status_code == 200, reply.text
        job = await self.validated(reply.json()["id"])
        assert job["status"] == "queued", job
        return job["id"]

    async def claim(self, worker_id: str = "w1", *, wait_s: float = 0, **fields: Any) -> httpx.Response:
        body = {
            "worker_id": worker_id,
            "session_id": "s1",
            "claim_id": str(uuid4()),
            "wait_s": wait_s,
            "capabilities": {"tasks": ["chat", "protein"], "cpu_count": 1, "memory_bytes": 1, "version": "1"},
        }
        key = fields.pop("key", self.server.worker_key)
        return await self.http.post("/worker/v1/claim", json=body | fields, headers=self.bearer(key))

    async def call(self, lease: dict[str, Any], path: str, **body: Any) -> httpx.Response:
        """A call with the lease's token; `path` is under the job unless it begins with a slash."""
        url = path if path.startswith("/") else f"/worker/v1/jobs/{lease['job_id']}/{path}"
        return await self.http.post(
            url, json={"epoch": lease["epoch"]} | body, headers=self.bearer(lease["lease_token"])
        )

    async def report(self, lease: dict[str, Any], report_seq: int = 1, **fields: Any) -> dict[str, Any]:
        reply = await self.call(lease, "report", report_seq=report_seq, **fields)
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def put(self, lease: dict[str, Any], kind: str, step: int, files: dict[str, bytes], **body: Any) -> str:
        """Uploads and commits files; the upload's id."""
        manifest = [
            {"path": path, "size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for path, content in files.items()
        ]
        asked = await self.call(lease, "uploads", kind=kind, step=step, manifest=manifest, **body)
        assert asked.status_code in (200, 201), asked.text
        by_sha = {hashlib.sha256(content).hexdigest(): content for content in files.values()}
        for target in asked.json()["targets"]:
            sent = await self.http.patch(
                target["url"],
                content=by_sha[target["sha256"]][target["offset"] :],
                headers={"upload-offset": str(target["offset"])},
            )
            assert sent.status_code == 204, sent.text
        upload_id = asked.json()["upload_id"]
        done = await self.call(lease, f"/worker/v1/uploads/{upload_id}/commit")
        assert done.status_code == 200, done.text
        return upload_id


def safetensors(fill: int = 0) -> bytes:
    """A tiny file of that format."""
    header = json.dumps({"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes([fill]) * 16


@pytest.fixture
def weights():
    return safetensors


@pytest.fixture
def make_remote():
    """For a test that starts its server itself: `await make_remote(server)`."""

    async def make(server: Any) -> Remote:
        return Remote(server, await server.new_user("ada"))

    return make


@pytest.fixture
async def remote(server, make_remote) -> Remote:
    return await make_remote(server)


@pytest.fixture
async def trained(remote, result, weights):
    """A job that succeeded, as shown."""
    job_id = await remote.queued(suffix="mine")
    lease = (await remote.claim()).json()
    await remote.report(lease, step=1, total=2, metrics={
        "first_seq": 0, "items": [{"step": 1, "values": {"train_loss": 2.5, "train_mean_token_accuracy": 0.5}, "at": 0}]
    })  # fmt: skip
    await remote.put(lease, "published", 1, {"adapter_model.safetensors": weights(1)}, metrics={"train_loss": 2.5})
    upload_id = await remote.put(lease, "result", 2, {"adapter_model.safetensors": weights(2)})
    reply = await remote.call(
        lease, "complete", upload_id=upload_id, result=result.model_dump(), last_seq={"metrics": 1}
    )
    assert reply.status_code == 200, reply.text
    return await remote.job(job_id)
