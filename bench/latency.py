"""From submitting a job to holding its lease, with one idle worker that waits by long poll.

Ours goes the whole way: POST /v1/fine_tuning/jobs, the file checked, the job queued, the waiting claim answered. The
peer is procrastinate with one idle worker that listens: from before `defer` to the task's start. Wall time, so the
table says when the machine was not ours.
"""

import os
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from queue import Queue

from bench.installation import Cluster, Server, cluster, server
from bench.jobs import BASE, claim, end, example_file
from bench.measure import Meter, Sample, interleave, wall
from bench.peers import Side, versions_of
from bench.tables import show
from tunesmith.client import Tunesmith

SAMPLES, ROUNDS = 60, 5
QUICK_SAMPLES = 10
PAUSE_S = 0.05
"""Mean pause before the next job, so that the worker waits again."""
CLAIM_LIMIT_S = 30
GOALS_MS = {"p50": 50, "p99": 500}
Latencies = tuple[list[float], Sample]


def run(*, quick: bool) -> None:
    """About two minutes."""
    n, rounds = (QUICK_SAMPLES, 1) if quick else (SAMPLES, ROUNDS)
    with tempfile.TemporaryDirectory(prefix="ts-bench-") as folder, cluster() as postgres:
        url, peer_url = postgres.database("ours"), postgres.database("peer")
        with (
            server(Path(folder) / "data", url) as running,
            Side("procrastinate", "procrastinate_queue.py", peer_url) as peer,
        ):
            peer.ask("prepare")
            ours, theirs = _ours(postgres, running), _theirs(postgres, peer)
            for warm_up in (ours, theirs):
                warm_up(3)
            measured = interleave(lambda: ours(n), lambda: theirs(n), rounds)
    _tell(*measured)


def _ours(postgres: Cluster, running: Server) -> Callable[[int], Latencies]:
    groups = {"server": [running.pid], "postgres": [postgres.pid], "client": [os.getpid()]}

    def one_round(n: int) -> Latencies:
        claimed: Queue[tuple[str, float] | Exception] = Queue()
        with running.client() as user, running.client("worker") as worker:
            file = user.files.create(example_file(Path(running.data_dir)))
            with Meter(groups) as meter:
                thread = threading.Thread(target=_take, args=(worker, n, claimed), daemon=True)
                thread.start()
                found = [_submitted(user, file.id, claimed) for _ in range(n)]
            thread.join()
        return found, meter.sample

    return one_round


def _submitted(user: Tunesmith, file_id: str, claimed: "Queue[tuple[str, float] | Exception]") -> float:
    """Seconds from before the POST to the claim's answer. Raises RuntimeError when it was another job's."""
    time.sleep(random.uniform(0.5, 1.5) * PAUSE_S)
    began = time.monotonic()
    job = user.jobs.create(model=BASE, training_file=file_id, adaptation="lora")
    told = claimed.get(timeout=CLAIM_LIMIT_S)
    if isinstance(told, Exception):
        raise told
    if told[0] != job.id:
        raise RuntimeError(f"Job {told[0]} was claimed where {job.id} was submitted.")
    return told[1] - began


def _take(worker: Tunesmith, n: int, claimed: "Queue[tuple[str, float] | Exception]") -> None:
    """Claims `n` jobs one after another, each by a waiting call, and ends each."""
    try:
        for _ in range(n):
            lease = claim(worker, wait_s=CLAIM_LIMIT_S)
            at = time.monotonic()
            if lease is None:
                raise RuntimeError(f"No job came within {CLAIM_LIMIT_S} s.")
            end(worker, lease)
            claimed.put((lease.job_id, at))
    except Exception as error:  # noqa: BLE001 -- raised again in the thread that waits for it
        claimed.put(error)


def _theirs(postgres: Cluster, peer: Side) -> Callable[[int], Latencies]:
    def one_round(n: int) -> Latencies:
        with Meter({"server": [peer.pid], "postgres": [postgres.pid]}) as meter:
            found = peer.ask("latency", n=n, pause_s=PAUSE_S)
        return found, meter.sample

    return one_round


def _tell(ours: list[Latencies], theirs: list[Latencies]) -> None:
    rows: list[list[str]] = []
    for name, rounds in (("ours: submit to claim", ours), ("procrastinate: defer to start", theirs)):
        figures = (_count, *(partial(_percentile_ms, share=share) for share in (0.50, 0.95, 0.99)), _medians_ms)
        rows.append([name, *(wall(rounds, lambda r: [r[1]], figure) for figure in figures)])
    show(
        "latency: milliseconds from submission to an idle worker",
        ("", "quiet samples", "p50", "p95", "p99", "p50 of rounds"),
        rows,
        samples=[s for _, s in (*ours, *theirs)],
        packages=("fastapi", "uvicorn", "psycopg"),
        peer=versions_of("procrastinate"),
        notes=[
            f"Goals: p50 {GOALS_MS['p50']} ms, p99 {GOALS_MS['p99']} ms. Ours checks the file and crosses HTTP twice."
        ],
    )


def _values(rounds: list[Latencies]) -> list[float]:
    return sorted(v for found, _ in rounds for v in found)


def _count(rounds: list[Latencies]) -> str:
    return str(len(_values(rounds)))


def _percentile_ms(rounds: list[Latencies], share: float) -> str:
    return f"{1000 * percentile(_values(rounds), share):.1f}"


def _medians_ms(rounds: list[Latencies]) -> str:
    medians = [statistics.median(found) for found, _ in rounds]
    return f"{1000 * min(medians):.1f}-{1000 * max(medians):.1f}"


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value that `share` of the ordered values do not exceed (nearest rank)."""
    return ordered[max(0, -(-len(ordered) * round(share * 100) // 100) - 1)]
