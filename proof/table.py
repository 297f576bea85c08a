"""The table of a proof, for a terminal and as markdown."""

import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import version

import psutil
from rich.console import Console
from rich.table import Table

from proof.outcome import Outcome
from proof.runs import Bar
from tunesmith.schemas.models import Comparison, Estimate

COLUMNS = (
    "run", "held out", "metric", "before", "after", "difference, 95 %", "bar", "seed", "seconds", "peak memory",
    "estimated time", "estimated memory", "",
)  # fmt: skip
PACKAGES = ("torch", "transformers", "peft", "trl")
DIGITS = {"perplexity": 2}


def show(outcomes: Sequence[Outcome], *, markdown: bool) -> None:
    """Prints a line for each bar, and the machine below."""
    rows = [row for outcome in outcomes for row in _rows(outcome)]
    if markdown:
        print("\n".join(_markdown(rows)))
        print(f"\n{machine()}")
        return
    table = Table(title="proof", title_justify="left")
    for i, column in enumerate(COLUMNS):
        table.add_column(column, justify="left" if i < 3 or i == len(COLUMNS) - 1 else "right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    # A file has no width: the table must not be cut to the 80 columns that are assumed of it.
    console = Console() if Console().is_terminal else Console(width=200)
    console.print(table)
    console.print(machine(), style="dim", highlight=False)


def machine() -> str:
    """What the runs were made on."""
    load = "/".join(f"{x:.1f}" for x in psutil.getloadavg())
    told = [f"{psutil.cpu_count()} cores", f"Python {platform.python_version()}", f"load {load}"]
    return ", ".join([*told, *(f"{name} {version(name)}" for name in PACKAGES)])


def _rows(outcome: Outcome) -> Iterable[tuple[str, ...]]:
    costs = _costs(outcome)
    if not outcome.judged:
        yield (outcome.name, *[""] * 6, str(outcome.seed), *costs, f"FAILED: {outcome.fault}")
    for i, judged in enumerate(outcome.judged):
        found = judged.comparison
        yield (
            outcome.name if i == 0 else "",
            f"{found.count} {judged.bar.set}" if found else judged.bar.set,
            judged.bar.metric.replace("_at_", "@").replace("_", " "),
            _estimate(found, found.before) if found else "",
            _estimate(found, found.after) if found else "",
            f"{found.difference.low:+.3f} to {found.difference.high:+.3f}" if found else "",
            _bar(judged.bar),
            str(outcome.seed) if i == 0 else "",
            *(costs if i == 0 else [""] * 4),
            "passed" if judged.passed else f"FAILED: {judged.fault}",
        )


def _costs(outcome: Outcome) -> list[str]:
    cost = outcome.cost
    if cost is None:
        return [""] * 4
    return [
        f"{cost.wall_s:.0f}",
        f"{cost.peak_memory_bytes / 1e9:.2f} GB",
        f"{cost.estimated_s:.0f} s ({cost.time_percent:+.0f} %)",
        f"{cost.estimated_bytes / 1e9:.2f} GB ({cost.memory_percent:+.0f} %)",
    ]


def _estimate(found: Comparison, figure: Estimate) -> str:
    digits = DIGITS.get(found.metric, 3)
    return f"{figure.value:.{digits}f} ({figure.low:.{digits}f}-{figure.high:.{digits}f})"


def _bar(bar: Bar) -> str:
    within = " within 95 %" if bar.within == "interval" else ""
    return f"{bar.verdict} by {bar.gain:.3g}{within}" if bar.gain else bar.verdict


def _markdown(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    yield "| " + " | ".join(COLUMNS) + " |"
    yield "|" + "---|" * len(COLUMNS)
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "/") for cell in row) + " |"
