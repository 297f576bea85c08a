"""`python -m bench.seed_jobs DATA_DIR [-n 300]`: made-up jobs of all states, into the database of a stopped server.

Material for looking at the page and for measuring it with many jobs: the figures are drawn, nothing was trained.
"""

import argparse
import datetime as dt
import json
import math
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from tunesmith.base_models.catalog import load_catalog
from tunesmith.schemas.jobs import JobStatus
from tunesmith.server import embedded, migrate
from tunesmith.server.ids import new_id

POINTS = 30
"""Metric points of a run."""
FAR = dt.timedelta(days=3650)
"""No lease of a made-up run expires, and no server reads its files."""
SHARES = {
    JobStatus.SUCCEEDED: 0.62, JobStatus.FAILED: 0.12, JobStatus.CANCELLED: 0.11, JobStatus.QUEUED: 0.08,
    JobStatus.RUNNING: 0.04, JobStatus.PAUSED: 0.02, JobStatus.VALIDATING_FILES: 0.01,
}  # fmt: skip
KINDS = (
    ("chat", "smollm2-135m-instruct", "loss", ("support tickets", "release notes", "tone of voice")),
    ("protein", "protein-mini", "perplexity", ("lysozymes", "alcohol dehydrogenases", "nanobodies")),
    ("embedding", "all-minilm-l6-v2", "ndcg_at_10", ("handbook search", "law search", "papers")),
    ("classification", "bert-base-multilingual-cased", "macro_f1", ("urgency", "languages", "product areas")),
)
PHASES = ("fetching_inputs", "loading_model", "evaluating_base", "training", "training", "training", "evaluating")
ERRORS = (
    ("out_of_memory", "The run was killed by the system when memory ran out. Take a smaller base or shorter records."),
    ("invalid_training_file", 'Line 812 of train.jsonl: "messages" is empty. Fix the line or drop it.'),
    ("worker_lost", "The worker went away 3 times in a row. Start the job again once a worker is connected."),
)


def seed(url: str, n: int, *, seed: int = 7, points: int = POINTS) -> None:
    """Adds `n` jobs to the migrated database at `url`, which a server has started on before, newest now."""
    chance = random.Random(seed)
    with psycopg.connect(url) as connection:
        owner = connection.execute("SELECT id, project_id FROM users WHERE name = 'admin'").fetchone()
        if owner is None:
            raise SystemExit("The database has no admin: start the server on it once, then stop it.")
        runs = [_run(chance, i, n) for i in range(n)]
        files = _datasets(connection, chance, *owner)
        connection.execute("ALTER TABLE jobs DISABLE TRIGGER guard_new_job")
        _copy(connection, "jobs", (_job(run, files, chance, *owner) for run in runs))
        connection.execute("ALTER TABLE jobs ENABLE TRIGGER guard_new_job")
        _copy(connection, "attempts", (_attempt(run) for run in runs if run.began))
        _copy(connection, "job_events", (point for run in runs if run.began for point in _points(run, chance, points)))
        _copy(connection, "model_versions", (_version(run, i, *owner) for i, run in enumerate(runs) if run.succeeded))


@dataclass(frozen=True)
class Run:
    """What is made up of one job before its rows are written."""

    id: str
    task: str
    base: str
    metric: str
    subject: str
    status: JobStatus
    created_at: dt.datetime
    waited: dt.timedelta
    length: dt.timedelta
    step: int
    steps: int
    before: float
    after: float

    @property
    def began(self) -> bool:
        return self.step > 0

    @property
    def succeeded(self) -> bool:
        return self.status is JobStatus.SUCCEEDED

    @property
    def model_name(self) -> str:
        return f"ft:{self.base}:default:{self.subject.replace(' ', '-')}:{self.id[-10:]}"

    @property
    def started_at(self) -> dt.datetime | None:
        return self.created_at + self.waited if self.began else None

    @property
    def finished_at(self) -> dt.datetime | None:
        return self.created_at + self.waited + self.length if self.status.terminal else None


def _run(chance: random.Random, i: int, n: int) -> Run:
    task, base, metric, subjects = chance.choice(KINDS)
    status = chance.choices(list(SHARES), list(SHARES.values()))[0]
    live = status in (JobStatus.RUNNING, JobStatus.QUEUED, JobStatus.VALIDATING_FILES)
    ago = dt.timedelta(minutes=chance.uniform(0.5, 90)) if live else dt.timedelta(hours=2 + 0.4 * (n - i))
    steps = chance.randint(80, 900)
    begins = status not in (JobStatus.QUEUED, JobStatus.VALIDATING_FILES) and not (
        status is JobStatus.CANCELLED and chance.random() < 0.3
    )
    share = 1.0 if status is JobStatus.SUCCEEDED else chance.uniform(0.05, 0.95)
    before = {"loss": 3.4, "perplexity": 14.0, "ndcg_at_10": 0.41, "macro_f1": 0.22}[metric] * chance.uniform(0.8, 1.2)
    rises = metric in ("ndcg_at_10", "macro_f1")
    after = before * (chance.uniform(0.97, 1.9) if rises else chance.uniform(0.5, 1.04))
    return Run(
        id=new_id("job"),
        task=task,
        base=base,
        metric=metric,
        subject=chance.choice(subjects),
        status=status,
        created_at=dt.datetime.now(dt.UTC) - ago,
        waited=dt.timedelta(seconds=chance.uniform(1, 20)),
        length=dt.timedelta(seconds=chance.uniform(40, 6000)),
        step=int(share * steps) if begins else 0,
        steps=steps,
        before=before,
        after=min(after, 0.98) if rises else after,
    )


def _datasets(connection: psycopg.Connection, chance: random.Random, user: str, project: str) -> dict[str, str]:
    """A data set a subject with one version; its file by subject. The files' bytes are nowhere."""
    files: dict[str, str] = {}
    for subject in (subject for *_, subjects in KINDS for subject in subjects):
        file_id, dataset_id, name = new_id("file"), new_id("dataset"), f"{subject} {new_id('model')[:4]}"
        sha256 = f"{chance.getrandbits(256):064x}"
        row = {"id": file_id, "project_id": project, "created_by": user, "filename": f"{subject}.jsonl"}
        _copy(connection, "files", [row | {"purpose": "fine-tune", "sha256": sha256, "size_bytes": 120_000}])
        row = {"id": dataset_id, "project_id": project, "created_by": user, "name": name}
        _copy(connection, "datasets", [row])
        row = {"dataset_id": dataset_id, "version": 1, "file_id": file_id, "created_by": user}
        _copy(connection, "dataset_versions", [row])
        files[subject] = file_id
    return files


def _job(run: Run, files: Mapping[str, str], chance: random.Random, user: str, project: str) -> dict[str, Any]:
    now = dt.datetime.now(dt.UTC)
    code, message = chance.choice(ERRORS)
    running = run.status is JobStatus.RUNNING
    training = {"name": "train.jsonl", "format": "jsonl", "sha256": "0" * 64, "size_bytes": 120_000}
    return {
        "id": run.id, "project_id": project, "created_by": user, "organization": "default", "model": run.base,
        "base": _entry(run.base), "model_name": run.model_name,
        "family": f"default/{run.subject.replace(' ', '-')}", "training_file": files[run.subject],
        "inputs": {"training": training}, "task": run.task, "adaptation": "lora", "backend": "huggingface",
        "provider": "local", "validation_split": 0.1, "wanted": {"n_epochs": 3}, "seed": 1,
        "suffix": run.subject.replace(" ", "-"), "name": _name(run, chance), "status": run.status.value,
        "priority": chance.choices((-1, 0, 1), (1, 8, 1))[0], "created_at": run.created_at,
        "queued_at": run.created_at + dt.timedelta(seconds=1) if run.status is not JobStatus.VALIDATING_FILES else None,
        "started_at": run.started_at, "finished_at": run.finished_at, "checking_until": now + FAR,
        "error": {"code": code, "message": message} if run.status is JobStatus.FAILED else None,
        "epoch": int(run.began), "attempts": int(run.began), "step": run.step, "total_steps": run.steps,
        "claim_id": UUID(int=chance.getrandbits(128)) if running else None,
        "worker_id": f"worker-{chance.randint(1, 4)}" if running else None,
        "lease_expires_at": now + FAR if running else None, "progress_at": now if running else None,
        "phase": chance.choice(PHASES) if running else None, "eta_s": chance.uniform(20, 4000) if running else None,
        "resources": {"cpu_percent": 186.0, "memory_bytes": 2_400_000_000} if running else None,
        "fine_tuned_model": run.model_name if run.succeeded else None,
        "trained_tokens": 4096 * run.step if run.succeeded else None,
    }  # fmt: skip


@cache
def _entry(base: str) -> dict[str, Any]:
    return load_catalog().get(base).model_dump(mode="json")


def _name(run: Run, chance: random.Random) -> str | None:
    return f"{run.subject.capitalize()}, run {chance.randint(1, 60)}" if chance.random() < 0.8 else None


def _attempt(run: Run) -> dict[str, Any]:
    outcomes = {JobStatus.SUCCEEDED: "succeeded", JobStatus.FAILED: "failed", JobStatus.CANCELLED: "cancelled"}
    running = run.status is JobStatus.RUNNING
    return {
        "job_id": run.id, "epoch": 1, "claim_id": UUID(int=random.getrandbits(128)), "worker_id": "worker-1",
        "session_id": "made-up", "phase": "started" if running else "ended",
        "outcome": None if running else outcomes.get(run.status, "paused"), "claimed_at": run.started_at,
        "started_at": run.started_at, "ended_at": None if running else run.created_at + run.waited + run.length,
    }  # fmt: skip


def _points(run: Run, chance: random.Random, points: int) -> Iterator[dict[str, Any]]:
    """Losses that fall as losses do, spread over the run's steps."""
    first = 3.2 * chance.uniform(0.8, 1.2)
    for i in range(points):
        at = i / max(1, points - 1)
        loss = first * (0.55 + 0.45 * math.exp(-4 * at * run.step / run.steps)) * chance.uniform(0.97, 1.03)
        data = {"step": max(1, int(at * run.step)), "train_loss": round(loss, 4), "learning_rate": 1e-4}
        if i and i % 10 == 0:
            data["valid_loss"] = round(1.05 * loss, 4)
        when = run.created_at + run.waited + at * min(run.length, dt.timedelta(hours=1))
        yield {
            "job_id": run.id, "seq": i + 1, "created_at": when, "level": "info", "type": "metrics", "data": data,
            "epoch": 1, "stream_seq": i + 1, "step": data["step"],
        }  # fmt: skip


def _version(run: Run, version: int, user: str, project: str) -> dict[str, Any]:
    lineage = {"job_id": run.id, "base_model": run.base, "base_source": {}, "training_file": "file-made-up",
               "training_sha256": "0" * 64, "seed": 1, "spec": {}, "packages": {}}  # fmt: skip
    return {
        "id": run.model_name, "project_id": project, "created_by": user, "owned_by": "default", "job_id": run.id,
        "upload_id": "wup_made-up", "family": f"default/{run.subject.replace(' ', '-')}", "version": version + 1,
        "task": run.task, "adaptation": "lora", "base_model": run.base,
        "base": _entry(run.base), "manifest": [], "size_bytes": 4_900_000,
        "metrics": {}, "comparisons": [_comparison(run)], "parity": {"status": "passed"}, "lineage": lineage,
        "created_at": run.finished_at,
    }  # fmt: skip


def _comparison(run: Run) -> dict[str, Any]:
    change, spread = run.after - run.before, 0.06 * run.before
    higher = run.metric in ("ndcg_at_10", "macro_f1")
    good = change if higher else -change
    verdict = "undecided" if abs(change) < spread else "better" if good > 0 else "worse"
    sentence = (
        f"{verdict.capitalize()}: {run.metric} {run.before:.2f} to {run.after:.2f} "
        f"(a change of {change - spread:+.2f} to {change + spread:+.2f}, 95 %), measured on 120 records."
    )
    return {
        "set": "held_out", "metric": run.metric, "higher_is_better": higher, "count": 120,
        "before": _estimate(run.before, spread), "after": _estimate(run.after, spread),
        "difference": _estimate(change, spread), "verdict": verdict, "sentence": sentence,
    }  # fmt: skip


def _estimate(value: float, spread: float) -> dict[str, float]:
    return {"value": value, "low": value - spread, "high": value + spread}


def _copy(connection: psycopg.Connection, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """The rows, which have the same columns, into the table; what is JSON is written as such."""
    coming = iter(rows)
    first = next(coming, None)
    if first is None:
        return
    columns = sql.SQL(", ").join(map(sql.Identifier, first))
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), columns)
    with connection.cursor().copy(statement) as copy:
        for row in chain((first,), coming):
            copy.write_row([json.dumps(v) if isinstance(v, dict | list) else v for v in row.values()])


def main() -> None:
    """Seeds the embedded database of a data folder."""
    parser = argparse.ArgumentParser(prog="python -m bench.seed_jobs", description="Made-up jobs for looking at.")
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("-n", type=int, default=300, help="how many jobs")
    args = parser.parse_args()
    with embedded.running(args.data_dir) as postgres:
        migrate.upgrade(postgres.url)
        seed(postgres.url, args.n)


if __name__ == "__main__":
    main()
