"""Metric points stored for a CPU second: a worker's reports against MLflow's log_batch and against a bare COPY.

CPU is that of all processes: client, server and database. Each batch holds 1,000 points of one figure each. MLflow
runs as its documentation starts it, on SQLite, with one process that answers and no job runner; COPY goes straight
into a table without an index, and is the floor.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from bench.installation import Cluster, Server, cluster, server
from bench.jobs import add_jobs, claim, template
from bench.measure import Meter, Sample, interleave, ratios
from bench.mlflow_server import MlflowServer, mlflow_server
from bench.peers import Side, versions_of
from bench.tables import show
from tunesmith.client import Tunesmith
from tunesmith.schemas.training import MetricPoint
from tunesmith.schemas.worker import MAX_ITEMS, MetricSlice, ReportRequest

BATCHES, QUICK_BATCHES = 20, 3
MLFLOW_ENV = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
GOAL_MS = 0.024
COPY_TABLE = "CREATE TABLE points (run text, key text, step bigint, value float8, at float8)"
COPY = "COPY points (run, key, step, value, at) FROM STDIN"


def run(*, quick: bool) -> None:
    """About three minutes."""
    batches, rounds = (QUICK_BATCHES, 1) if quick else (BATCHES, 5)
    with tempfile.TemporaryDirectory(prefix="ts-bench-") as folder, cluster() as postgres:
        url, copy_url = postgres.database("ours"), postgres.database("copy")
        with (
            server(Path(folder) / "data", url) as running,
            mlflow_server(Path(folder) / "mlflow", workers=1, env=MLFLOW_ENV) as tracking,
            Side("mlflow", "mlflow_metrics.py", tracking.url, env=MLFLOW_ENV) as peer,
            running.client("worker") as client,
        ):
            ours = _ours(postgres, running, client, url)
            theirs = _theirs(tracking, peer)
            bare = _copy(postgres, copy_url)
            for warm_up in (ours, theirs, bare):
                warm_up(1)
            of_ours, of_copy = interleave(lambda: ours(batches), lambda: bare(batches), rounds)
            of_ours_again, of_mlflow = interleave(lambda: ours(batches), lambda: theirs(batches), rounds)
    _tell(of_ours, of_ours_again, of_copy, of_mlflow, batches * MAX_ITEMS)


def _ours(postgres: Cluster, running: Server, client: Tunesmith, url: str) -> Callable[[int], Sample]:
    groups = {"server": [running.pid], "postgres": [postgres.pid], "client": [os.getpid()]}
    model = template(running, url)

    def one_round(batches: int) -> Sample:
        add_jobs(url, model, 1)
        lease = claim(client)
        assert lease is not None
        with Meter(groups) as meter:
            for number in range(batches):
                first = number * MAX_ITEMS
                at = time.time()
                points = [
                    MetricPoint(step=step, values={"train_loss": 1.5 + step / 1e6}, at=at)
                    for step in range(first, first + MAX_ITEMS)
                ]
                metrics = MetricSlice(first_seq=first, items=points)
                reply = client.worker.report(
                    lease, ReportRequest(epoch=lease.epoch, report_seq=number + 1, metrics=metrics)
                )
                if reply.next_seq.metrics != first + MAX_ITEMS:
                    raise RuntimeError(f"The server has {reply.next_seq.metrics} points of {first + MAX_ITEMS}.")
        return meter.sample

    return one_round


def _theirs(tracking: MlflowServer, peer: Side) -> Callable[[int], Sample]:
    groups = {"server": [tracking.pid], "client": [peer.pid]}

    def one_round(batches: int) -> Sample:
        peer.ask("prepare")
        with Meter(groups) as meter:
            peer.ask("log", points=batches * MAX_ITEMS, per_batch=MAX_ITEMS)
        return meter.sample

    return one_round


def _copy(postgres: Cluster, url: str) -> Callable[[int], Sample]:
    """The floor: psycopg's COPY, one commit a batch."""
    groups = {"postgres": [postgres.pid], "client": [os.getpid()]}
    with psycopg.connect(url) as connection:
        connection.execute(COPY_TABLE.encode())

    def one_round(batches: int) -> Sample:
        with psycopg.connect(url) as connection:
            with Meter(groups) as meter:
                for number in range(batches):
                    with connection.cursor() as cursor, cursor.copy(COPY.encode()) as copy:
                        for step in range(number * MAX_ITEMS, (number + 1) * MAX_ITEMS):
                            copy.write_row(("run", "train_loss", step, 1.5 + step / 1e6, 1.7e9))
                    connection.commit()
            return meter.sample

    return one_round


def _tell(ours: list[Sample], ours_again: list[Sample], copy: list[Sample], mlflow: list[Sample], points: int) -> None:
    def row(name: str, samples: list[Sample], ratio: str) -> list[str]:
        parts = [_us([s.cpu_s.get(part, 0.0) for s in samples], points) for part in ("client", "server", "postgres")]
        per_s = points / statistics.median([s.cpu() for s in samples])
        return [name, *parts, _us([s.cpu() for s in samples], points), f"{per_s:,.0f}", ratio]

    both = [*ours, *ours_again]
    show(
        f"metric points: CPU microseconds a point, {points:,} points a round, {len(ours)} rounds",
        ("", "client", "server", "postgres", "sum", "points per CPU s", "ours / it"),
        [
            row("ours: report", both, ""),
            row("mlflow: log_batch, SQLite", mlflow, ratios(_cpu(ours_again), _cpu(mlflow))),
            row("bare COPY, no index", copy, ratios(_cpu(ours), _cpu(copy))),
        ],
        samples=[*both, *mlflow, *copy],
        packages=("fastapi", "psycopg"),
        peer=versions_of("mlflow"),
        notes=[f"Goal: at most {GOAL_MS * 1000:.0f} microseconds a point, far below MLflow's."],
    )


def _cpu(samples: list[Sample]) -> list[float]:
    return [s.cpu() for s in samples]


def _us(values: list[float], points: int) -> str:
    return f"{statistics.median(values) / points * 1e6:.1f}" if any(values) else ""
