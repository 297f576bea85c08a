"""Claim and complete a job: ours over HTTP with keys, fence and events, against procrastinate in process.

Each side has a database of its own in one PostgreSQL with its usual durability. CPU is that of the server (the peer:
its process) and of PostgreSQL; our client's is told apart, since procrastinate's worker is its own client.
"""

import os
import statistics
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.installation import Cluster, Server, cluster, server
from bench.jobs import Template, add_jobs, claim, complete, end, template, upload_of
from bench.measure import Meter, Sample, interleave, ratios, wall
from bench.peers import Side, versions_of
from bench.tables import ms, show
from tunesmith.client import Tunesmith
from tunesmith.client.resources.worker import Lease
from tunesmith.schemas.training import MetricPoint
from tunesmith.schemas.worker import MetricSlice, ReportRequest

JOBS, QUICK_JOBS = 400, 60
POINTS = 3
"""Metric points in each report."""
Groups = dict[str, list[int]]
Round = dict[str, Sample]
"""What a round measured, by step."""


def run(*, quick: bool) -> None:
    """About two minutes; a quarter of one with `quick`."""
    n, rounds = (QUICK_JOBS, 1) if quick else (JOBS, 5)
    with tempfile.TemporaryDirectory(prefix="ts-bench-") as folder, cluster() as postgres:
        url, peer_url = postgres.database("ours"), postgres.database("peer")
        with (
            server(Path(folder) / "data", url) as running,
            Side("procrastinate", "procrastinate_queue.py", peer_url) as peer,
        ):
            peer.ask("prepare")
            model = template(running, url)
            with running.client("worker") as client:
                ours = _ours(postgres, running, client, url, model)
                theirs = _theirs(postgres, peer)
                for warm_up in (ours, theirs):
                    warm_up(QUICK_JOBS)
                measured = interleave(lambda: ours(n), lambda: theirs(n), rounds)
    _tell(*measured, n)


def _ours(postgres: Cluster, running: Server, client: Tunesmith, url: str, model: Template) -> Callable[[int], Round]:
    groups = {"server": [running.pid], "postgres": [postgres.pid], "client": [os.getpid()]}

    def one_round(n: int) -> Round:
        samples: Round = {}
        leases, samples["claim"] = _claim_all(groups, client, url, model, n)
        with Meter(groups) as meter:
            for lease in leases:
                complete(client, lease, upload_of(lease.job_id), model.result)
        samples["complete"] = meter.sample
        leases, samples["claim again"] = _claim_all(groups, client, url, model, n)
        with Meter(groups) as meter:
            for lease in leases:
                end(client, lease)
        samples["end"] = meter.sample
        samples["report"] = _reports(groups, client, url, model, n)
        return samples

    return one_round


def _claim_all(groups: Groups, client: Tunesmith, url: str, model: Template, n: int) -> tuple[list[Lease], Sample]:
    """Makes `n` jobs, then claims them. Raises RuntimeError when some were not there."""
    add_jobs(url, model, n)
    with Meter(groups) as meter:
        leases = [lease for _ in range(n) if (lease := claim(client)) is not None]
    if len(leases) != n:
        raise RuntimeError(f"{len(leases)} of {n} jobs were claimed.")
    return leases, meter.sample


def _reports(groups: Groups, client: Tunesmith, url: str, model: Template, n: int) -> Sample:
    """`n` heartbeats with a few points each, of one running job; it is ended afterwards."""
    (lease,), _ = _claim_all(groups, client, url, model, 1)
    _report(client, lease, 1)
    with Meter(groups) as meter:
        for number in range(2, n + 2):
            _report(client, lease, number)
    end(client, lease)
    return meter.sample


def _report(client: Tunesmith, lease: Lease, number: int) -> None:
    first = (number - 1) * POINTS
    points = [
        MetricPoint(step=first + i, values={"train_loss": 1.5, "learning_rate": 1e-3, "grad_norm": 0.7}, at=1.7e9)
        for i in range(POINTS)
    ]
    client.worker.report(
        lease,
        ReportRequest(
            epoch=lease.epoch, report_seq=number, phase="training", step=first + POINTS, total=100_000,
            eta_s=60.0, metrics=MetricSlice(first_seq=first, items=points),
        ),
    )  # fmt: skip


def _theirs(postgres: Cluster, peer: Side) -> Callable[[int], Round]:
    def one_round(n: int) -> Round:
        peer.ask("defer", n=n)
        with Meter({"server": [peer.pid], "postgres": [postgres.pid]}) as meter:
            done = peer.ask("work")
        if done != n:
            raise RuntimeError(f"procrastinate ran {done} of {n} jobs.")
        return {"work": meter.sample}

    return one_round


def _tell(ours: list[Round], theirs: list[Round], n: int) -> None:
    samples = [s for r in (*ours, *theirs) for s in r.values()]
    peer = [r["work"].cpu("server", "postgres") for r in theirs]

    def row(name: str, *steps: str) -> list[str]:
        rounds = [[r[step] for step in steps] for r in ours]
        sums = [sum(s.cpu("server", "postgres") for s in samples) for samples in rounds]
        return [name, *_cells(rounds, n), ratios(sums, peer) if len(steps) > 1 else ""]

    rows = [
        row("ours: claim and complete", "claim", "complete"),
        row("  of it claim", "claim"),
        row("  of it complete", "complete"),
        row("ours: claim and end without a model", "claim again", "end"),
        ["procrastinate: fetch, run, finish", *_cells([[r["work"]] for r in theirs], n), "1.00"],
        row(f"ours: report with {POINTS} points", "report"),
    ]
    show(
        f"queue: CPU milliseconds a job, {n} jobs a round, {len(ours)} rounds",
        ("", "server", "postgres", "sum", "our client", "jobs/s, one after another", "ratio of sums"),
        rows,
        samples=samples,
        packages=("fastapi", "uvicorn", "sqlalchemy", "psycopg"),
        peer=versions_of("procrastinate"),
        notes=[
            "Goals: claim and complete at most the peer's and 2.8 ms; a report at most 1.2 ms.",
            "Ours checks keys and the fence and tells events; complete registers a model and stores its figures too.",
            "All commits wait for the disk but our claim's: one that a crash loses is claimed again, its token void.",
        ],
    )


def _cells(rounds: list[list[Sample]], n: int) -> list[str]:
    """Medians over rounds; each is the sum of its samples."""
    clients = [sum(s.cpu_s.get("client", 0.0) for s in samples) for samples in rounds]
    return [
        ms([sum(s.cpu("server") for s in samples) for samples in rounds], n),
        ms([sum(s.cpu("postgres") for s in samples) for samples in rounds], n),
        ms([sum(s.cpu("server", "postgres") for s in samples) for samples in rounds], n),
        ms(clients, n) if any(clients) else "",
        wall(rounds, lambda samples: samples, partial(_per_s, n=n)),
    ]


def _per_s(rounds: list[list[Sample]], n: int) -> str:
    return f"{statistics.median(n / sum(s.wall_s for s in samples) for samples in rounds):.0f}"
