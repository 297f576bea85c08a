"""`python -m proof [NAME ...]`: train real weights on real data, one run after another, and judge each.

The exit code is 1 when a run fails or misses its bar.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter

from proof import estimates
from proof.data import Files
from proof.outcome import Outcome, carry_out, numbers_of
from proof.runs import RUNS, Run
from proof.table import machine, show
from tunesmith.schemas.estimates import JobEstimate

COSTS = Path(__file__).parents[1] / "src" / "tunesmith" / "base_models" / "costs.yaml"


def main(argv: list[str] | None = None) -> int:
    """Carries out the named runs, or all; the exit code."""
    args = _arguments(argv)
    runs = [run for run in RUNS if run.name in args.names] if args.names else list(RUNS)
    home = Path(tempfile.mkdtemp(prefix="tunesmith-proof-"))
    try:
        outcomes = prove(runs, home, quick=args.quick)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    show(outcomes, markdown=args.markdown)
    if args.out is not None:
        _write(args.out, outcomes)
    if args.record:
        record(outcomes, COSTS)
    return 0 if all(outcome.passed for outcome in outcomes) else 1


def prove(runs: list[Run], home: Path, *, quick: bool) -> list[Outcome]:
    """Weights, data and estimates first; then each run alone."""
    bases = list(dict.fromkeys(run.base for run in runs))
    subprocess.run([sys.executable, "-m", "proof.fetch", *bases], check=True, stdout=sys.stderr)
    files = {run.name: _write_files(run, home, quick=quick) for run in runs}
    told = _estimates(runs, files, home, quick=quick)
    outcomes: list[Outcome] = []
    for run in runs:
        _say(f"{run.name}: about {told[run.name].time_s.value:.0f} s")
        outcome = carry_out(run, files[run.name], home / run.name, told[run.name], quick=quick)
        outcomes.append(outcome)
        took = f"{outcome.cost.wall_s:.0f} s, " if outcome.cost else ""
        faults = outcome.fault or "; ".join(each.fault for each in outcome.judged if not each.passed)
        _say(f"{run.name}: {took}{'passed' if outcome.passed else f'FAILED: {faults}'}")
        shutil.rmtree(home / run.name / "out", ignore_errors=True)
    return outcomes


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    names = [run.name for run in RUNS]
    parser = argparse.ArgumentParser(prog="python -m proof", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(names)}; all when left out")
    parser.add_argument("--quick", action="store_true", help="few records, one epoch: to see that it runs, not a proof")
    parser.add_argument("--markdown", action="store_true", help="print the table as markdown")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write everything that was measured as JSON")
    parser.add_argument("--record", action="store_true", help=f"keep the errors of the estimates in {COSTS.name}")
    args = parser.parse_args(argv)
    if args.record and args.quick:
        parser.error("quick runs say too little to be recorded")
    unknown = [name for name in args.names if name not in names]
    if unknown:
        parser.error(f"no run is called {', '.join(unknown)}; there are {', '.join(names)}")
    return args


def _write_files(run: Run, home: Path, *, quick: bool) -> Files:
    folder = home / run.name
    folder.mkdir(parents=True)
    return run.write(folder, quick)


def _estimates(runs: list[Run], files: dict[str, Files], home: Path, *, quick: bool) -> dict[str, JobEstimate]:
    with estimates.server(home / "server") as client:
        return {run.name: estimates.ask(client, run, files[run.name], numbers_of(run, quick=quick)) for run in runs}


def _write(path: Path, outcomes: list[Outcome]) -> None:
    whole: dict[str, Any] = {"machine": machine(), "runs": outcomes}
    path.write_bytes(TypeAdapter(dict[str, Any]).dump_json(whole, indent=2))


def record(outcomes: list[Outcome], costs: Path) -> None:
    """The estimates' errors of these runs in place of those that the file's last entry `recorded` has of them."""
    head, _, tail = costs.read_text(encoding="utf-8").rpartition("\nrecorded:")
    kept = {each["run"]: each for each in yaml.safe_load(tail) or []}
    for outcome in outcomes:
        if outcome.cost is not None:
            kept[outcome.name] = {
                "run": outcome.name,
                "memory_percent": round(outcome.cost.memory_percent, 1),
                "time_percent": round(outcome.cost.time_percent, 1),
            }
    lines = [f"  - {yaml.safe_dump(each, default_flow_style=True, sort_keys=False).strip()}" for each in kept.values()]
    costs.write_text(head + "\nrecorded:" + ("\n" + "\n".join(lines) if lines else " []") + "\n", encoding="utf-8")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
