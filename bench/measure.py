"""How we measure: interleaved rounds, CPU seconds of whole process trees, and a look at what else the machine did.

Wall time here swings with the machine; CPU time and ratios from one run hold. A wall figure is made of the rounds in
which other processes used at most 0.3 of a core, and refused when fewer than half of the rounds were such.
"""

import os
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import psutil

OTHERS_LIMIT_CORES = 0.3
Round = TypeVar("Round")


@dataclass(frozen=True)
class Sample:
    """One round: wall seconds, CPU seconds of each group of processes, and how many cores everybody else used."""

    wall_s: float
    cpu_s: Mapping[str, float]
    others_cores: float

    def cpu(self, *groups: str) -> float:
        """CPU seconds of the named groups, of all when none is named."""
        return sum(self.cpu_s[name] for name in groups or self.cpu_s)

    @property
    def quiet(self) -> bool:
        """Whether the machine was ours, so that wall time says something."""
        return self.others_cores <= OTHERS_LIMIT_CORES


@dataclass
class Meter:
    """Measures a block: `with Meter({"server": [pid], "client": [os.getpid()]}) as meter: ...`, then `meter.sample`.

    A group is the trees of its processes. What belongs to two groups is counted in the one named first, so that a
    client that started the server comes last. What this process itself spends in the block, to ask and to wait, is
    nobody else's, whether it belongs to a group or not.
    """

    groups: Mapping[str, Sequence[int]]
    sample: Sample = field(init=False)

    def __enter__(self) -> "Meter":
        self._cpu_s = self._used()
        self._busy_s, self._own_s = machine_busy_s(), time.process_time()
        self._began = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        wall_s = time.perf_counter() - self._began
        used = self._used()
        cpu_s = {name: used[name] - self._cpu_s[name] for name in self.groups}
        is_counted = any(os.getpid() in pids for pids in self.groups.values())
        own_s = 0.0 if is_counted else time.process_time() - self._own_s
        others_s = machine_busy_s() - self._busy_s - sum(cpu_s.values()) - own_s
        self.sample = Sample(wall_s, cpu_s, max(0.0, others_s) / wall_s)

    def _used(self) -> dict[str, float]:
        seen: set[int] = set()
        return {name: tree_cpu_s(pids, seen) for name, pids in self.groups.items()}


def tree_cpu_s(roots: Iterable[int], seen: set[int] | None = None) -> float:
    """CPU seconds (user and system) of the processes and all their descendants, those that have ended included.

    Processes in `seen` are left out, and those that are counted are added to it.
    """
    seen = set() if seen is None else seen
    total_s = 0.0
    for root in roots:
        try:
            process = psutil.Process(root)
            family = [process, *process.children(recursive=True)]
        except psutil.NoSuchProcess:
            continue
        for member in family:
            if member.pid in seen:
                continue
            seen.add(member.pid)
            try:
                t = member.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total_s += t.user + t.system + getattr(t, "children_user", 0.0) + getattr(t, "children_system", 0.0)
    return total_s


def run_to_end(command: Sequence[str], *, env: Mapping[str, str] | None = None, limit_s: float = 300) -> Sample:
    """Runs a command from start to end. Raises RuntimeError with its last words when it fails."""
    before, busy_s, began = _children_cpu_s(), machine_busy_s(), time.perf_counter()
    done = subprocess.run(
        command, env=dict(os.environ) | dict(env or {}), capture_output=True, text=True, timeout=limit_s, check=False
    )
    wall_s, cpu_s = time.perf_counter() - began, _children_cpu_s() - before
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{(done.stderr or done.stdout)[-2000:]}")
    return Sample(wall_s, {"process": cpu_s}, max(0.0, machine_busy_s() - busy_s - cpu_s) / wall_s)


def interleave(a: Callable[[], Round], b: Callable[[], Round], rounds: int) -> tuple[list[Round], list[Round]]:
    """Rounds in the order A B B A A B B A ..., so that a drift of the machine hits both alike."""
    of_a: list[Round] = []
    of_b: list[Round] = []
    for i in range(rounds):
        first_a = i % 2 == 0
        for is_a in (first_a, not first_a):
            (of_a if is_a else of_b).append(a() if is_a else b())
    return of_a, of_b


def ratios(ours: Sequence[float], peer: Sequence[float]) -> str:
    """The median of ours/peer pair by pair with its range, as text."""
    pairs = [x / y for x, y in zip(ours, peer, strict=True)]
    return f"{statistics.median(pairs):.2f} ({min(pairs):.2f}-{max(pairs):.2f})"


def wall(
    rounds: Sequence[Round], samples_of: Callable[[Round], Iterable[Sample]], figure: Callable[[list[Round]], str]
) -> str:
    """The figure of the rounds that nobody disturbed, or `refused`; the table's foot says how many those were."""
    kept = [r for r in rounds if all(s.quiet for s in samples_of(r))]
    return figure(kept) if 2 * len(kept) >= len(rounds) else "refused"


def machine_busy_s() -> float:
    """CPU seconds that all processes together have used, and what the machine's host took away."""
    t = psutil.cpu_times()
    return sum(getattr(t, name, 0.0) for name in ("user", "system", "nice", "irq", "softirq", "steal"))


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
