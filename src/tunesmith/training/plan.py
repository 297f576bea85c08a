"""A run planned in numbers: what it is given, the rows it trains on, what it holds out."""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from tunesmith.schemas.defaults import resolve
from tunesmith.schemas.errors import RecordInvalid
from tunesmith.schemas.models import Probe
from tunesmith.schemas.records import Record
from tunesmith.schemas.training import ResolvedHyperparameters, TrainingSpec
from tunesmith.training.adapters import parent_numbers
from tunesmith.training.base_model import Base
from tunesmith.training.batches import LengthOrder
from tunesmith.training.checkup import check_up
from tunesmith.training.evaluate import MOST
from tunesmith.training.objective import Objective, Order, Row
from tunesmith.training.probes import questions
from tunesmith.training.progress import ProgressLog
from tunesmith.training.split import Split
from tunesmith.training.stopping import StopSwitch


@dataclass(frozen=True)
class Run:
    """What a run is given, and where it speaks and writes."""

    spec: TrainingSpec
    out: Path
    progress: ProgressLog
    switch: StopSwitch
    began_at: float
    """By time.monotonic()."""


def by_length(rows: Sequence[Row], batch_size: int, seed: int) -> Order:
    return LengthOrder([row.length for row in rows], batch_size, seed)


@dataclass(frozen=True)
class Plan:
    """What will be done, in numbers: rows to train on and to hold out. `extra_files` go into the model's folder."""

    numbers: ResolvedHyperparameters
    rows: Sequence[Row]
    held_out: dict[str, list[Any]]
    objective: Objective
    note: str
    extra_files: dict[str, bytes]
    order: Callable[[Sequence[Row], int, int], Order] = by_length
    """Rows, batch size and seed -> which rows go into which batch."""
    questions: list[Probe] = field(default_factory=list[Probe])
    """Prompts that the finished model answers, for an engine to repeat."""

    @property
    def steps_per_epoch(self) -> int:
        return math.ceil(len(self.rows) / self.numbers.batch_size)

    @property
    def total_steps(self) -> int:
        return self.steps_per_epoch * self.numbers.n_epochs

    @property
    def n_held_out(self) -> int:
        return sum(len(rows) for rows in self.held_out.values())


RowsOf = Callable[[list[Record], ResolvedHyperparameters], list[Any]]
"""Records as rows of the objective, in order."""


def make_plan(
    run: Run, base: Base, split: Split, rows_of: RowsOf, objective: Objective, extra_files: dict[str, bytes]
) -> Plan:
    """Numbers for every `auto`, records as tokens; tells the first line of progress and what had to be cut."""
    numbers = resolve(
        run.spec.hyperparameters,
        task=run.spec.task,
        method=run.spec.method,
        adaptation=run.spec.adaptation,
        n_examples=len(split.train),
        context=base.entry.context,
        parameters=base.entry.parameters,
    )
    numbers = _within(base, numbers, run.progress)
    rows = _trainable(rows_of(split.train, numbers), numbers, run.progress)
    held_out = {
        name: [row for row in rows_of(records[:MOST], numbers) if row.trained_tokens]
        for name, records in split.held_out.items()
    }
    plan = Plan(
        numbers,
        rows,
        {k: v for k, v in held_out.items() if v},
        objective,
        split.note,
        extra_files,
        questions=questions(chain(*split.held_out.values(), split.train), base, run.spec.task),
    )
    run.progress.started(
        hyperparameters=numbers,
        total_steps=plan.total_steps,
        n_train=len(rows),
        n_held_out=plan.n_held_out,
        trained_tokens_per_epoch=sum(row.trained_tokens for row in rows),
        split_note=split.note,
    )
    if run.spec.resume_path is None:  # else it was told by the attempt before
        run.progress.checkup(check_up(plan, split, base, rows_of, run.spec.seed))
    return plan


def fingerprint_of(rows: Sequence[Row]) -> str:
    """sha256 over the sorted fingerprints of the records that were trained on."""
    return hashlib.sha256("\n".join(sorted(row.fingerprint for row in rows)).encode()).hexdigest()


def _within(base: Base, numbers: ResolvedHyperparameters, progress: ProgressLog) -> ResolvedHyperparameters:
    """The numbers bounded by what the base and the parent allow; each change is told."""
    if numbers.max_seq_len > base.entry.context:
        progress.message(f"max_seq_len is cut to the {base.entry.context} tokens that the base can read.", level="warn")
        numbers = numbers.model_copy(update={"max_seq_len": base.entry.context})
    kept = parent_numbers(base)
    if kept is not None and kept != {name: getattr(numbers, name) for name in kept}:
        told = ", ".join(f"{name} {value}" for name, value in kept.items())
        progress.message(f"The adapter that is carried on keeps what it was made with: {told}.")
        numbers = numbers.model_copy(update=kept)
    return numbers


def _trainable(rows: list[Any], numbers: ResolvedHyperparameters, progress: ProgressLog) -> list[Any]:
    kept = [row for row in rows if row.trained_tokens]
    n_cut, n_dropped = sum(row.cut for row in kept), len(rows) - len(kept)
    if n_cut or n_dropped:
        progress.message(
            f"{n_cut} of {len(rows)} records are longer than max_seq_len ({numbers.max_seq_len} tokens) and were cut "
            f"at their end; {n_dropped} have no trained token within it and were left out.",
            level="warn",
        )
    if not kept:
        raise RecordInvalid(
            f"No record has a trained token within max_seq_len ({numbers.max_seq_len} tokens). Raise max_seq_len."
        )
    return kept
