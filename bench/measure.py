"""How we measure: interleaved rounds, CPU seconds of whole process trees, and a look at what else the machine did.

Wall time here swings with the machine; CPU time and ratios from one run hold. A wall figure is refused when other
processes used more than 0.3 of a core meanwhile.
"""

import importlib.metadata
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import psutil
from rich.console import Console
from rich.table import Table

OTHERS_LIMIT_CORES = 0.3
console = Console(width=140)


def tree_cpu_s(roots: Iterable[int]) -> float:
    """CPU seconds (user and system) of the processes and all their descendants, those that have ended included."""
    total = 0.0
    seen: set[int] = set()
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
            total += t.user + t.system + getattr(t, "children_user", 0.0) + getattr(t, "children_system", 0.0)
    return total


@dataclass
class Sample:
    """One round: wall and CPU seconds, and how many cores everybody else used meanwhile."""

    wall_s: float
    cpu_s: float
    others_cores: float


@dataclass
class Meter:
    """Measures a block: `with Meter(pids) as m: ...; m.sample`."""

    pids: Sequence[int]
    sample: Sample = field(init=False)

    def __enter__(self) -> "Meter":
        self._cpu = tree_cpu_s(self.pids)
        self._busy = _machine_busy_s()
        self._wall = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        wall = time.perf_counter() - self._wall
        cpu = tree_cpu_s(self.pids) - self._cpu
        others = max(0.0, _machine_busy_s() - self._busy - cpu) / wall
        self.sample = Sample(wall, cpu, others)


def interleave(a: Callable[[], Sample], b: Callable[[], Sample], rounds: int) -> tuple[list[Sample], list[Sample]]:
    """Rounds in the order A B B A A B B A ..., so that a drift of the machine hits both alike."""
    of_a: list[Sample] = []
    of_b: list[Sample] = []
    for i in range(rounds):
        first_a = i % 2 == 0
        for is_a in (first_a, not first_a):
            (of_a if is_a else of_b).append(a() if is_a else b())
    return of_a, of_b


def ratios(ours: Sequence[float], peer: Sequence[float]) -> str:
    """The median of ours/peer pair by pair with its range, as text."""
    pairs = [x / y for x, y in zip(ours, peer, strict=True)]
    return f"{statistics.median(pairs):.2f} ({min(pairs):.2f}-{max(pairs):.2f})"


def wall(samples: Sequence[Sample], figure: str) -> str:
    """The figure, or a refusal when the machine was not ours."""
    worst = max(s.others_cores for s in samples)
    return figure if worst <= OTHERS_LIMIT_CORES else f"refused: others used {worst:.1f} cores"


def show(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, packages: Sequence[str] = ()) -> None:
    """Prints one table with the machine and the versions below it."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i == 0 else "right")
    for row in rows:
        table.add_row(*row)
    console.print(table)
    versions = ", ".join(f"{p} {importlib.metadata.version(p)}" for p in packages)
    load = "/".join(f"{x:.1f}" for x in psutil.getloadavg())
    console.print(
        f"[dim]{psutil.cpu_count()} cores, Python {platform.python_version()}, load {load}"
        f"{', ' + versions if versions else ''}[/dim]\n"
    )


def _machine_busy_s() -> float:
    t = psutil.cpu_times()
    return sum(getattr(t, name, 0.0) for name in ("user", "system", "nice", "irq", "softirq", "steal"))
