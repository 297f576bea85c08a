"""Start to ready on a folder that has been used before, and the memory held when ready; MLflow's server beside it.

Memory is told twice: resident in the answering processes, and the proportional share (PSS) of the whole tree, the
embedded PostgreSQL and MLflow's workers included, in which pages that processes share count once.
"""

import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.installation import server
from bench.measure import Sample, interleave, machine_busy_s, ratios, tree_cpu_s, wall
from bench.mlflow_server import mlflow_server
from bench.peers import versions_of
from bench.tables import show

GOAL_S, GOAL_MB = 3, 200
MB = 1e6


@dataclass(frozen=True)
class Start:
    """One start: what it took until ready, and memory (bytes) then."""

    sample: Sample
    main_rss: int
    tree_pss: int
    n_processes: int


def run(*, quick: bool) -> None:
    """About three minutes: MLflow takes its time."""
    rounds = 1 if quick else 3
    with tempfile.TemporaryDirectory(prefix="ts-bench-") as folder:
        home, peer_home = Path(folder) / "data", Path(folder) / "mlflow"
        for make, where in ((_ours, home), (_theirs, peer_home)):  # the folders, and what the disk caches
            make(where)
        ours, theirs = interleave(lambda: _ours(home), lambda: _theirs(peer_home), rounds)
    rows = [_row("tunesmith server, PostgreSQL and all", ours), _row("mlflow server, as it comes", theirs)]
    rows[0].append(ratios([s.sample.cpu() for s in ours], [s.sample.cpu() for s in theirs]))
    rows[1].append("1.00")
    show(
        "start on an existing folder",
        ("", "ready s", "CPU s to ready", "main process RSS MB", "tree PSS MB", "processes", "ratio of CPU"),
        rows,
        samples=[s.sample for s in (*ours, *theirs)],
        packages=("fastapi", "sqlalchemy"),
        peer=versions_of("mlflow"),
        notes=[f"{rounds} rounds, interleaved. Goals: ready in {GOAL_S} s; {GOAL_MB} MB."],
    )


def _ours(home: Path) -> Start:
    before_s = _not_theirs_s()
    with server(home) as running:
        postmaster = int((home / "postgres" / "postmaster.pid").read_text().split("\n")[0])
        return _started(before_s, running.started_in_s, [running.pid, postmaster])


def _theirs(home: Path) -> Start:
    before_s = _not_theirs_s()
    with mlflow_server(home) as running:
        return _started(before_s, running.started_in_s, [running.pid])


def _not_theirs_s() -> float:
    """CPU seconds of the machine but for this process, which waits and asks."""
    return machine_busy_s() - time.process_time()


def _started(before_s: float, ready_s: float, pids: list[int]) -> Start:
    """Reads the trees at once: all that they used since they began was for the start."""
    cpu_s = tree_cpu_s(pids)
    others_s = _not_theirs_s() - before_s - cpu_s
    family = [member for pid in pids for member in _family(psutil.Process(pid))]
    return Start(
        Sample(ready_s, {"tree": cpu_s}, max(0.0, others_s) / ready_s),
        psutil.Process(pids[0]).memory_info().rss,
        sum(_pss(member) for member in family),
        len(family),
    )


def _family(root: psutil.Process) -> list[psutil.Process]:
    return [root, *root.children(recursive=True)]


def _pss(process: psutil.Process) -> int:
    """Proportional share of memory; 0 for a process that has just ended."""
    try:
        return int(process.memory_full_info().pss)
    except psutil.NoSuchProcess:
        return 0


def _row(name: str, starts: list[Start]) -> list[str]:
    samples = [s.sample for s in starts]
    return [
        name,
        wall(samples, lambda s: [s], lambda kept: f"{statistics.median(s.wall_s for s in kept):.2f}"),
        f"{statistics.median(s.cpu() for s in samples):.2f}",
        f"{statistics.median(s.main_rss for s in starts) / MB:.0f}",
        f"{statistics.median(s.tree_pss for s in starts) / MB:.0f}",
        str(round(statistics.median(s.n_processes for s in starts))),
    ]
