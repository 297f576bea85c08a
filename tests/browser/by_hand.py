"""A worker that does what a test tells it, over HTTP: runs without training, step by step."""

import hashlib
import json
import struct
import time
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
from tests.conftest import LiveServer

FASTA = "".join(f">s{n}\nMKV{'ACDEFGHIKL'[n % 10] * 8}{'MNPQRSTVWY'[n // 10]}\n" for n in range(40))
HYPERPARAMETERS: dict[str, Any] = {
    "n_epochs": 2, "batch_size": 8, "learning_rate_multiplier": 1.0, "learning_rate": 0.003, "lora_rank": 16,
    "lora_alpha": 32, "lora_dropout": 0.0, "max_seq_len": 512, "warmup_steps": 1, "weight_decay": 0.0,
    "max_grad_norm": 1.0, "lr_schedule": "linear",
}  # fmt: skip
STARTED: dict[str, Any] = {
    "hyperparameters": HYPERPARAMETERS, "total_steps": 40, "n_train": 36, "n_held_out": 4,
    "trained_tokens_per_epoch": 1000, "split_note": "4 are held out",
}  # fmt: skip


def estimate(value: float, by: float) -> dict[str, float]:
    return {"value": value, "low": value - by, "high": value + by}


RESULT: dict[str, Any] = {
    "hyperparameters": HYPERPARAMETERS, "steps": 40, "trained_tokens": 2000, "n_train": 36, "n_held_out": 4,
    "record_fingerprint": "f" * 64, "packages": {"torch": "2.13.0"},
    "metrics": {"train_loss": 2.1, "held_out_loss_before": 3.0, "held_out_loss_after": 2.5},
    "comparisons": [
        {"set": "random", "metric": "perplexity", "count": 40, "before": estimate(17.6, 1), "after": estimate(9.1, 0.5),
         "difference": estimate(-8.5, 1), "verdict": "better",
         "sentence": "Better: perplexity 17.60 to 9.10 (7.50 to 9.50 lower, 95 %, 40 sequences held out at random)"},
        {"set": "clusters", "metric": "perplexity", "count": 4, "before": estimate(19, 1), "after": estimate(18.9, 1),
         "difference": estimate(-0.1, 0.5), "verdict": "undecided", "sentence": "Undecided: perplexity 19.00 to 18.90"},
    ],
}  # fmt: skip


def answers(text: str) -> list[dict[str, str]]:
    return [{"prompt": "MKVAAAAAAA", "answer": text, "reference": "AM"}]


def points(first: int, last: int) -> list[dict[str, Any]]:
    """Figures of the steps from `first` to `last`: a loss that falls from 3 towards 2."""
    return [
        {"step": n, "at": 0, "values": {"train_loss": 2 + 1 / n, "learning_rate": 0.003 / n, "grad_norm": 0.1}}
        for n in range(first, last + 1)
    ]


@dataclass
class ByHand:
    """One worker of the server with the lease it holds."""

    server: LiveServer
    lease: dict[str, Any]
    seq: int = 0
    sent: int = 0
    lines: int = 0
    told: int = 0

    def report(
        self,
        *,
        figures: list[dict[str, Any]] | None = None,
        logs: list[str] | None = None,
        warnings: list[str] | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """A report with what is new; the server's answer."""
        self.seq += 1
        body: dict[str, Any] = {"report_seq": self.seq, **more}
        if figures:
            body["metrics"] = {"first_seq": self.sent, "items": figures}
            self.sent += len(figures)
        if logs:
            items = [{"at": 1.7e9, "stream": "stderr", "text": line} for line in logs]
            body["logs"] = {"first_seq": self.lines, "items": items}
            self.lines += len(logs)
        if warnings:
            items = [{"at": 1.7e9, "level": "warn", "message": text} for text in warnings]
            body["events"] = {"first_seq": self.told, "items": items}
            self.told += len(warnings)
        return self.call("report", **body)

    def put(self, kind: str, step: int, **more: Any) -> str:
        """Uploads and commits a tiny file of weights; the upload's id."""
        content = _safetensors(step)
        digest = hashlib.sha256(content).hexdigest()
        manifest = [{"path": "adapter_model.safetensors", "size_bytes": len(content), "sha256": digest}]
        asked = self.call("uploads", kind=kind, step=step, manifest=manifest, **more)
        for target in asked["targets"]:
            headers = {"upload-offset": str(target["offset"])}
            sent = httpx.patch(self.server.base_url + target["url"], content=content, headers=headers, timeout=30)
            assert sent.status_code == 204, sent.text
        self.call(f"/worker/v1/uploads/{asked['upload_id']}/commit")
        return asked["upload_id"]

    def complete(self) -> None:
        upload_id = self.put("result", 40)
        last = {"metrics": self.sent, "logs": self.lines, "events": self.told}
        self.call("complete", upload_id=upload_id, result=RESULT, last_seq=last)

    def call(self, path: str, **body: Any) -> dict[str, Any]:
        url = path if path.startswith("/") else f"/worker/v1/jobs/{self.lease['job_id']}/{path}"
        return _post(self.server, url, self.lease["lease_token"], {"epoch": self.lease["epoch"], **body})


def create(server: LiveServer, key: str | None = None, **body: Any) -> str:
    """A queued protein job of the admin, or of `key`; its id."""
    headers = {"Authorization": f"Bearer {key or server.admin_key}"}
    with httpx.Client(base_url=server.base_url, headers=headers, timeout=30) as http:
        sent = http.post("/v1/files", files={"file": ("train.fasta", FASTA)}, data={"purpose": "fine-tune"})
        body = {"model": "protein-mini", "training_file": sent.json()["id"], **body}
        made = http.post("/v1/fine_tuning/jobs", json=body)
        assert made.status_code == 200, made.text
        path = f"/v1/fine_tuning/jobs/{made.json()['id']}"
        deadline = time.monotonic() + 20
        while http.get(path).json()["status"] == "validating_files":  # read by the server's clockwork, soon
            assert time.monotonic() < deadline, "the files were not read"
            time.sleep(0.02)
    return made.json()["id"]


def job(server: LiveServer, job_id: str) -> dict[str, Any]:
    """The job as the admin sees it."""
    headers = {"Authorization": f"Bearer {server.admin_key}"}
    return httpx.get(f"{server.base_url}/v1/fine_tuning/jobs/{job_id}", headers=headers, timeout=30).json()


def claim(server: LiveServer) -> ByHand:
    """A worker that has taken the oldest waiting job."""
    body = {
        "worker_id": "by-hand", "session_id": "s1", "claim_id": str(uuid4()), "wait_s": 10,
        "capabilities": {"tasks": ["protein"], "cpu_count": 2, "memory_bytes": 8 * 10**9, "version": "1"},
    }  # fmt: skip
    return ByHand(server, _post(server, "/worker/v1/claim", server.worker_key, body))


def _post(server: LiveServer, path: str, key: str, body: dict[str, Any]) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {key}"}
    reply = httpx.post(server.base_url + path, json=body, headers=headers, timeout=30)
    assert reply.status_code in (200, 201), f"{path}: {reply.status_code} {reply.text}"
    return reply.json()


def _safetensors(fill: int) -> bytes:
    header = json.dumps({"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes([fill]) * 16
