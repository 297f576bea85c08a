"""Jobs for a bench: one goes through the real API from file to model; the others are copies of its rows.

So the timed part begins with what a claim and a complete need, and none of it is made up: a queued job, and the
committed upload of a trained model.
"""

import hashlib
import json
import struct
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg

from bench.installation import Server
from tunesmith.client.resources.worker import Lease, NoWork
from tunesmith.schemas.models import ArtifactFile, Comparison, Estimate
from tunesmith.schemas.shape import Task
from tunesmith.schemas.training import ResolvedHyperparameters, TrainingResult
from tunesmith.schemas.worker import (
    Capabilities,
    ClaimReply,
    ClaimRequest,
    CompleteReply,
    CompleteRequest,
    FailRequest,
    ReportRequest,
    UploadRequest,
)

QUEUE_LIMIT_S = 20
BASE = "protein-mini"

QUEUE_COPIES = """
WITH copies AS (
  INSERT INTO jobs SELECT row.* FROM generate_series(1, %(n)s) AS i, jsonb_populate_record(NULL::jobs,
    %(job)s::jsonb || jsonb_build_object('id', 'ftjob-' || %(name)s || '-' || i, 'status', 'validating_files',
      'model_name', (%(job)s::jsonb->>'model_name') || %(name)s || '-' || i,
      'created_at', tunesmith_now() + i * interval '1 microsecond')) AS row
  RETURNING id)
SELECT array_agg(id) FROM copies"""
RELEASE_COPIES = "UPDATE jobs SET status = 'queued', queued_at = tunesmith_now() WHERE id = ANY(%(ids)s)"
UPLOADS = """
INSERT INTO uploads SELECT row.* FROM unnest(%(ids)s::text[]) AS job_id, jsonb_populate_record(NULL::uploads,
  %(upload)s::jsonb || jsonb_build_object('id', upload_of(job_id), 'job_id', job_id)) AS row"""
UPLOAD_OF = """
CREATE FUNCTION pg_temp.upload_of(text) RETURNS text LANGUAGE sql AS $$ SELECT replace($1, 'ftjob-', 'upload-') $$"""


@dataclass(frozen=True)
class Template:
    """The rows to copy, as PostgreSQL writes them as JSON, and what a worker hands in at the end."""

    job: str
    upload: str
    result: TrainingResult


def template(server: Server, database_url: str) -> Template:
    """Takes one job from its file to its model over HTTP. Raises RuntimeError when it does not get that far."""
    with tempfile.TemporaryDirectory() as folder, server.client() as user:
        file = user.files.create(example_file(Path(folder)))
        job = user.jobs.create(model=BASE, training_file=file.id, adaptation="lora")
    with psycopg.connect(database_url, autocommit=True) as connection:
        queued = _row_when(connection, "jobs", job.id, "queued")
        with server.client("worker") as worker:
            lease = claim(worker)
            if lease is None or lease.job_id != job.id:
                raise RuntimeError(f"The only job {job.id} was not there to be claimed.")
            worker.worker.report(lease, ReportRequest(epoch=lease.epoch, report_seq=1, step=1, total=1))
            upload_id = _upload(worker, lease)
            upload = _row_when(connection, "uploads", upload_id, "committed", column="state")
            complete(worker, lease, upload_id, result())
    return Template(queued, upload, result())


def example_file(folder: Path) -> Path:
    """A small FASTA file that a job can be made of."""
    path = folder / "sequences.fasta"
    entries = [f">s{i}\nMKVLAAGIVGLCAKW{'ACDEFGHIKL'[i % 10]}{'STVWY' * (i % 3 + 1)}\n" for i in range(24)]
    path.write_text("".join(entries))
    return path


def add_jobs(database_url: str, of: Template, n: int) -> list[str]:
    """`n` queued jobs, each with the committed upload that its first epoch will hand in; their ids."""
    with psycopg.connect(database_url) as connection:
        connection.execute(UPLOAD_OF.encode())
        row = connection.execute(QUEUE_COPIES.encode(), {"n": n, "job": of.job, "name": uuid4().hex[:12]}).fetchone()
        ids: list[str] = row[0] if row else []
        connection.execute(RELEASE_COPIES.encode(), {"ids": ids})
        uploads = UPLOADS.replace("upload_of(", "pg_temp.upload_of(")
        connection.execute(uploads.encode(), {"ids": ids, "upload": of.upload})
    return ids


def upload_of(job_id: str) -> str:
    """The id of the upload that `add_jobs` put beside a job."""
    return job_id.replace("ftjob-", "upload-")


def claim(client: Any, wait_s: float = 0) -> Lease | None:
    """A lease on the oldest queued job; None when there is none."""
    reply = client.worker.claim(
        ClaimRequest(worker_id="bench", session_id="bench", claim_id=uuid4(), capabilities=CAN, wait_s=wait_s)
    )
    return None if isinstance(reply, NoWork) else _lease(reply)


def complete(client: Any, lease: Lease, upload_id: str, outcome: TrainingResult) -> None:
    """Ends the job as succeeded. Raises RuntimeError when the server wants more."""
    reply = client.worker.complete(lease, CompleteRequest(epoch=lease.epoch, upload_id=upload_id, result=outcome))
    if not isinstance(reply, CompleteReply):
        raise RuntimeError(f"{lease.job_id} was not completed: {reply}")


def end(client: Any, lease: Lease) -> None:
    """Ends the job for good without a model."""
    client.worker.fail(
        lease, FailRequest(epoch=lease.epoch, failure_class="user", code="bench", message="The bench is done with it.")
    )


def result() -> TrainingResult:
    """What a worker says of a usual run."""
    before, after = Estimate(value=17.2, low=17.0, high=17.4), Estimate(value=3.6, low=2.8, high=4.7)
    return TrainingResult(
        hyperparameters=ResolvedHyperparameters(
            n_epochs=6, batch_size=16, learning_rate_multiplier=1.0, learning_rate=3e-3, lora_rank=16, lora_alpha=32,
            lora_dropout=0.0, max_seq_len=1024, warmup_steps=20, weight_decay=0.0, max_grad_norm=1.0,
            lr_schedule="cosine",
        ),
        steps=60,
        trained_tokens=340_000,
        n_train=175,
        n_held_out=19,
        record_fingerprint="0" * 64,
        metrics={"train_loss": 1.3, "training_s": 125.0, "tokens_per_second": 2700.0, "duration_s": 140.0},
        comparisons=[
            Comparison(
                set="random", metric="perplexity", count=19, before=before, after=after,
                difference=Estimate(value=-13.6, low=-14.4, high=-12.4), verdict="better",
                sentence="Better: perplexity 17.20 to 3.60 (12.40 to 14.40 lower, 95 %, 19 sequences).",
            )
        ],
        packages={"torch": "2.13.0", "transformers": "5.23.0", "peft": "0.21.2", "trl": "1.16.0"},
    )  # fmt: skip


CAN = Capabilities(tasks=[Task.CHAT, Task.PROTEIN], cpu_count=2, memory_bytes=8_000_000_000, version="0.1.0")


def _lease(reply: ClaimReply) -> Lease:
    return Lease(reply.job_id, reply.epoch, reply.lease_token)


def _upload(worker: Any, lease: Lease) -> str:
    """The id of a committed result: a safetensors file with one tensor, and its config."""
    header = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    contents = {
        "adapter_model.safetensors": struct.pack("<Q", len(header)) + header + bytes(8),
        "adapter_config.json": b'{"peft_type": "LORA", "r": 16}',
    }
    manifest = [
        ArtifactFile(path=name, size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
        for name, data in contents.items()
    ]
    reply = worker.worker.uploads(lease, UploadRequest(epoch=lease.epoch, kind="result", step=1, manifest=manifest))
    by_sha256 = {file.sha256: contents[file.path] for file in manifest}
    for target in reply.targets:
        worker.worker.upload_chunk(target.url, target.offset, by_sha256[target.sha256][target.offset :])
    worker.worker.commit(lease, reply.upload_id)
    return str(reply.upload_id)


def _row_when(connection: psycopg.Connection[Any], table: str, row_id: str, state: str, column: str = "status") -> str:
    """The row as JSON once its state is reached."""
    deadline = time.monotonic() + QUEUE_LIMIT_S
    while True:
        row = connection.execute(
            f"SELECT to_jsonb(r)::text, {column} FROM {table} r WHERE id = %s".encode(), [row_id]
        ).fetchone()
        if row is not None and row[1] == state:
            return str(row[0])
        if time.monotonic() > deadline:
            raise RuntimeError(f"{row_id} is {row[1] if row else 'not there'} after {QUEUE_LIMIT_S} s, not {state}.")
        time.sleep(0.02)
