"""A queue without HTTP around it: jobs put into the tables, workers that call the protocol's functions."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from tunesmith.schemas.accounts import KeyKind
from tunesmith.schemas.jobs import JobStatus
from tunesmith.schemas.training import TrainingResult
from tunesmith.schemas.worker import ClaimRequest, CompleteRequest, FailRequest, ReleaseRequest, ReportRequest
from tunesmith.server import ids
from tunesmith.server.accounts import keys
from tunesmith.server.accounts import service as accounts
from tunesmith.server.accounts.auth import Caller
from tunesmith.server.clock import Clock
from tunesmith.server.db import Database, driver
from tunesmith.server.events import service as events
from tunesmith.server.jobs import origin, outcome, protocol, queue, reaper, states
from tunesmith.server.jobs.fence import LeaseToken
from tunesmith.server.jobs.tables import AttemptRow, JobRow
from tunesmith.server.models import registration
from tunesmith.server.models.registration import Weights
from tunesmith.server.settings import Settings
from tunesmith.server.storage.blobs import BlobStore
from tunesmith.server.storage.tables import UploadRow

SECRET = b"s" * 32
BASE = {
    "key": "protein-mini",
    "title": "Protein mini",
    "tasks": ["protein", "chat"],
    "source": {"type": "bundled", "folder": "protein-mini"},
    "licence": "Apache-2.0",
    "parameters": 5_000_000,
    "context": 1024,
    "architecture": "gpt2",
    "needs_memory_bytes": 1,
}
FILE = {"path": "adapter_model.safetensors", "size_bytes": 10, "sha256": "b" * 64}


@dataclass
class Floor:
    """Jobs and workers on one database; the clock is moved by hand."""

    db: Database
    settings: Settings
    clock: Clock
    worker: Caller
    owner: Caller
    blobs: BlobStore
    seqs: dict[LeaseToken, int] = field(default_factory=dict)

    async def job(self, wanted_status: JobStatus = JobStatus.QUEUED, **columns: Any) -> str:
        """A new job, queued unless told."""
        job_id = ids.new_id("job")
        given: dict[str, Any] = {
            "id": job_id,
            "project_id": self.owner.project_id,
            "created_by": self.owner.user_id,
            "organization": self.owner.project_slug,
            "model": "protein-mini",
            "base": BASE,
            "model_name": f"ft:protein-mini:{self.owner.project_slug}::{ids.new_id('model')}",
            "family": "protein-mini",
            "training_file": "file-1",
            "inputs": {"training": {"name": "training.fasta", "format": "fasta", "sha256": "a" * 64, "size_bytes": 9}},
            "task": "protein",
            "adaptation": "lora",
            "backend": "huggingface",
            "provider": "local",
            "validation_split": 0.1,
            "wanted": {},
            "seed": 1,
            "status": "validating_files",
        }
        async with self.db.session() as session:
            session.add(JobRow(**(given | columns)))
            await session.flush()
            if wanted_status is not JobStatus.VALIDATING_FILES:
                await states.change(await driver(session), job_id, states.VALIDATING, states.QUEUED, [])
        return job_id

    async def claim(
        self, worker_id: str = "w1", *, claim_id: UUID | None = None, tasks: tuple[str, ...] = ("chat", "protein"),
        scope: str | None = None, caller: Caller | None = None,
    ) -> LeaseToken | None:  # fmt: skip
        """A lease, or None."""
        body = ClaimRequest.model_validate(
            {
                "worker_id": worker_id,
                "session_id": "s1",
                "claim_id": str(claim_id or uuid4()),
                "wait_s": 0,
                "capabilities": {"tasks": tasks, "cpu_count": 1, "memory_bytes": 1, "version": "1"},
            }
        )
        async with self.db.lean() as connection:
            held = await queue.greet(connection, caller or self.worker, scope, body)
            found = (
                await queue.held(connection, held)
                if held
                else await queue.claim(connection, scope, body, self.settings.start_deadline_s)
            )
        return LeaseToken(found.job_id, found.epoch, found.claim_id) if found else None

    async def report(self, token: LeaseToken, *, report_seq: int | None = None, **fields: Any):
        """A report with the next number."""
        seq = report_seq or self.seqs.get(token, 0) + 1
        self.seqs[token] = max(seq, self.seqs.get(token, 0))
        body = ReportRequest.model_validate({"epoch": token.epoch, "report_seq": seq, **fields})
        return await protocol.report(self.db, self.settings, token, body)

    async def fail(self, token: LeaseToken, failure_class: str, message: str = "no", code: str = "internal"):
        body = FailRequest.model_validate(
            {"epoch": token.epoch, "failure_class": failure_class, "code": code, "message": message}
        )
        async with self.db.lean() as connection:
            return await protocol.fail(connection, self.settings, token, body)

    async def release(self, token: LeaseToken, reason: str = "shutdown"):
        body = ReleaseRequest.model_validate({"epoch": token.epoch, "reason": reason})
        async with self.db.lean() as connection:
            return await protocol.release(connection, self.settings, token, body)

    async def checkpoint(self, token: LeaseToken, step: int, kind: str = "resume") -> None:
        """A committed checkpoint of the job."""
        async with self.db.lean() as connection:
            asked = await origin.asked(connection, token.job_id)
            weights = Weights(f"wup_{kind}_{token.epoch}_{step}", [FILE], {"train_loss": 2.0})
            await registration.put_checkpoint(connection, asked.origin, weights, kind, token.epoch, step)

    async def result(self, token: LeaseToken) -> str:
        """A committed upload of the result; its id."""
        upload_id = ids.new_id("upload")
        async with self.db.session() as session:
            session.add(
                UploadRow(
                    id=upload_id,
                    project_id=self.owner.project_id,
                    job_id=token.job_id,
                    epoch=token.epoch,
                    kind="result",
                    step=0,
                    manifest=[FILE],
                    metrics={},
                    state="committed",
                )
            )
        return upload_id

    async def complete(self, token: LeaseToken, result: TrainingResult, upload_id: str, **last_seq: int):
        body = CompleteRequest.model_validate(
            {"epoch": token.epoch, "upload_id": upload_id, "result": result.model_dump(), "last_seq": last_seq}
        )
        return await outcome.complete(self.db, self.blobs, token, body)

    async def sweep(self) -> reaper.Swept:
        return await reaper.sweep(self.db, self.settings)

    async def row(self, job_id: str) -> JobRow:
        async with self.db.session() as session:
            return await session.get_one(JobRow, job_id)

    async def attempts(self, job_id: str) -> list[AttemptRow]:
        async with self.db.session() as session:
            rows = await session.scalars(
                select(AttemptRow).where(AttemptRow.job_id == job_id).order_by(AttemptRow.epoch)
            )
            return list(rows)

    async def messages(self, job_id: str) -> list[str]:
        """What was told about the job, in order."""
        async with self.db.lean() as connection:
            return [events.shown(row).message for row in await events.after(connection, job_id, 0, 10_000)]

    async def series(self, job_id: str) -> list[tuple[int, float | None]]:
        """(step, train_loss) as the metrics list shows them."""
        async with self.db.lean() as connection:
            rows = await events.series(connection, job_id, 0, 10_000)
        return [(m.step, m.values.get("train_loss")) for m in map(events.shown_metric, rows)]

    async def new_caller(self, name: str, kind: KeyKind) -> Caller:
        async with self.db.session() as session:
            user = await accounts.user_named(session, name, project_slug="default" if name == "admin" else None)
            row, _ = await keys.mint(session, user, kind, "t")
            slug = "default" if name == "admin" else name
            return Caller(row.id, kind, user.id, user.name, user.project_id, slug)


async def open_floor(database_url: str, folder: Path) -> Floor:
    """A floor with a worker of the first project and jobs of another."""
    clock = Clock()
    db = Database(database_url, clock=clock)
    nobody: Any = None
    made = Floor(db, Settings(), clock, nobody, nobody, BlobStore(folder))
    made.worker = await made.new_caller("admin", KeyKind.WORKER)
    made.owner = await made.new_caller("ada", KeyKind.USER)
    return made


@pytest.fixture
async def floor(database_url: str, tmp_path: Path):
    made = await open_floor(database_url, tmp_path / "blobs")
    yield made
    made.blobs.close()
    await made.db.close()


@pytest.fixture
def make_floor(database_url: str, tmp_path: Path):
    """For a test with an event loop of its own: `await make_floor()`."""
    return lambda: open_floor(database_url, tmp_path / "blobs")


@pytest.fixture
def points():
    """Metric items: (step, loss) pairs as a stream's slice."""

    def make(first_seq: int, *pairs: tuple[int, float]) -> dict[str, Any]:
        items = [{"step": step, "values": {"train_loss": loss}, "at": 0.0} for step, loss in pairs]
        return {"first_seq": first_seq, "items": items}

    return make
