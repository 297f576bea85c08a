"""What a bench prints: one table, and below it the machine, the versions, and what else the machine did."""

import platform
import statistics
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version

import psutil
from rich.console import Console
from rich.table import Table

from bench.measure import Sample

console = Console(width=140)


def show(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    samples: Sequence[Sample] = (),
    packages: Sequence[str] = (),
    peer: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
) -> None:
    """Prints the table. `packages` are of this environment, `peer` names the peer's own with their versions."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i == 0 else "right")
    for row in rows:
        table.add_row(*row)
    console.print(table)
    for note in notes:
        console.print(f"[dim]{note}[/dim]")
    console.print(f"[dim]{_circumstances(samples, packages, peer or {})}[/dim]\n", highlight=False)


def ms(values: Sequence[float], per: float = 1) -> str:
    """The median of seconds as milliseconds for each of `per` things."""
    return f"{1000 * statistics.median(values) / per:.2f}"


def _circumstances(samples: Sequence[Sample], packages: Sequence[str], peer: Mapping[str, str]) -> str:
    load = "/".join(f"{x:.1f}" for x in psutil.getloadavg())
    told = [f"{psutil.cpu_count()} cores", f"Python {platform.python_version()}", f"load {load}"]
    if samples:
        worst = max(s.others_cores for s in samples)
        n_quiet = sum(s.quiet for s in samples)
        told.append(f"others used up to {worst:.2f} of a core; {n_quiet} of {len(samples)} measured parts were quiet")
    told += [f"{name} {version(name)}" for name in packages]
    told += [f"{name} {of}" for name, of in peer.items()]
    return ", ".join(told)
