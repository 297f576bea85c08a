"""An estimate as a person reads it: `tunesmith train ... --estimate`."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from tunesmith.cli.command import Cli
from tunesmith.cli.words import duration, size

if TYPE_CHECKING:
    from tunesmith.schemas.estimates import EstimateBasis, JobEstimate, Range

WORDS = {"fits": "fits", "tight": "tight", "does_not_fit": "does not fit"}


def show_estimate(cli: Cli, found: "JobEstimate") -> None:
    """Memory, time and price with their bounds, the workers, and what the figures rest on."""
    if cli.as_json:
        cli.json(found)
        return
    where = found.worker or "no worker is connected: two CPU cores"
    cli.fields(
        [
            ("job", f"{found.model}, {found.task}, {found.method}, {found.adaptation}"),
            ("on", f"{where} ({found.device})"),
            ("memory", _between(found.peak_memory_bytes, size)),
            ("time", _between(found.time_s, duration)),
            ("of it fetching", duration(found.fetch_s) if found.fetch_s else None),
            ("cost", _cost(found)),
            ("records", f"{found.n_train:,} to train on, {found.n_held_out:,} held out"),
            ("tokens", f"{found.tokens.total:,} read, {found.tokens.trained:,} trained, by {found.tokens.counted_by}"),
            ("steps", f"{found.steps:,} of {found.hyperparameters.batch_size}, {found.micro_batch} at once"),
            ("basis", _basis(found.basis)),
        ]
    )
    for warning in found.warnings:
        cli.print(f"warning: {warning}")
    rows = [
        (
            worker.id,
            "yes" if worker.connected else "no",
            WORDS[worker.fits],
            duration(worker.time_s.value) if worker.time_s else "-",
            worker.why,
        )
        for worker in found.workers
    ]
    if rows:
        cli.print()
        cli.table(("worker", "connected", "fits", "time", "why"), rows, empty="")


def _between(figure: "Range", words: Callable[[float], str]) -> str:
    return f"{words(figure.value)} ({words(figure.low)} to {words(figure.high)})"


def _cost(found: "JobEstimate") -> str | None:
    cost = found.cost
    return f"{cost.value:.2f} ({cost.low:.2f} to {cost.high:.2f})" if cost.price_per_hour else None


def _basis(basis: "EstimateBasis") -> str:
    if basis.n_runs:
        runs = f"{basis.n_runs} finished runs of this kind" if basis.n_runs > 1 else "one finished run of this kind"
        return f"{runs}: memory times {basis.memory_correction:.2f}, time times {basis.time_correction:.2f}"
    if not basis.measured:
        return "calculated; no run on such a device has been measured, so the bounds are wide"
    errors = basis.recorded_errors
    if not errors:
        return "calculated; no measured run of this kind is recorded"
    memory = max(abs(each.memory_percent) for each in errors)
    time = max(abs(each.time_percent) for each in errors)
    runs = "1 measured run" if len(errors) == 1 else f"{len(errors)} measured runs"
    return f"calculated; in {runs} memory was off by at most {memory:.0f} %, time by {time:.0f} %"
