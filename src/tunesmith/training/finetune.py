"""The steps that every run shares: plan it in numbers, train, prove it on held-out records, write the result."""

import hashlib
import math
import platform
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import torch

from tunesmith.schemas.errors import Internal, RecordInvalid
from tunesmith.schemas.models import Comparison
from tunesmith.schemas.training import ResolvedHyperparameters, TrainingResult, TrainingSpec, resolve
from tunesmith.training import checkpoints
from tunesmith.training.adapters import parent_rank, prepare, round_to_stored_type, save_model
from tunesmith.training.base_model import Base
from tunesmith.training.batches import micro_batch_size
from tunesmith.training.data import Row, rows_of
from tunesmith.training.evaluate import MOST, Metric, Scores, SetName, compare, score
from tunesmith.training.files import write_folder, write_whole
from tunesmith.training.model_card import model_card
from tunesmith.training.progress import ProgressLog
from tunesmith.training.split import Split
from tunesmith.training.stopping import Stopped, StopSwitch
from tunesmith.training.trainer import Memory, ResumableTrainer
from tunesmith.training.watch import HeldOutFigures, LoopCallback, Watch

FEW = 8
"""Held-out records that are looked at between the ends of epochs."""
PACKAGES = ("torch", "transformers", "peft", "trl", "accelerate", "tunesmith")


@dataclass(frozen=True)
class Run:
    """What a run is given, and where it speaks and writes."""

    spec: TrainingSpec
    out: Path
    progress: ProgressLog
    switch: StopSwitch
    began_at: float
    """By time.monotonic()."""


@dataclass(frozen=True)
class Plan:
    """What will be done, in numbers: rows to train on and to hold out. `extra_files` go into the model's folder."""

    numbers: ResolvedHyperparameters
    rows: list[Row]
    held_out: dict[str, list[Row]]
    metric: Metric
    note: str
    extra_files: dict[str, bytes]

    @property
    def steps_per_epoch(self) -> int:
        return math.ceil(len(self.rows) / self.numbers.batch_size)

    @property
    def total_steps(self) -> int:
        return self.steps_per_epoch * self.numbers.n_epochs

    @property
    def n_held_out(self) -> int:
        return sum(len(rows) for rows in self.held_out.values())


@dataclass(frozen=True)
class Tuned:
    """The trained model with its scores of before and after, by held-out set."""

    model: Any
    memory: Memory
    before: dict[str, Scores]
    after: dict[str, Scores]


def make_plan(run: Run, base: Base, split: Split, metric: Metric, extra_files: dict[str, bytes]) -> Plan:
    """Numbers for every `auto`, records as tokens; tells the first line of progress and what had to be cut."""
    numbers = resolve(
        run.spec.hyperparameters,
        task=run.spec.task,
        adaptation=run.spec.adaptation,
        n_examples=len(split.train),
        context=base.entry.context,
        parameters=base.entry.parameters,
    )
    numbers = _within(base, numbers, run.progress)
    rows = _trainable(rows_of(split.train, base.tokenizer, base.entry, numbers.max_seq_len), numbers, run.progress)
    held_out = {
        name: [r for r in rows_of(records[:MOST], base.tokenizer, base.entry, numbers.max_seq_len) if r.trained_tokens]
        for name, records in split.held_out.items()
    }
    plan = Plan(numbers, rows, {k: v for k, v in held_out.items() if v}, metric, split.note, extra_files)
    run.progress.started(
        hyperparameters=numbers,
        total_steps=plan.total_steps,
        n_train=len(rows),
        n_held_out=plan.n_held_out,
        trained_tokens_per_epoch=sum(row.trained_tokens for row in rows),
        split_note=split.note,
    )
    return plan


def fine_tune(run: Run, base: Base, plan: Plan) -> Tuned:
    """Train from the beginning or from the resume checkpoint. Raises Stopped with a checkpoint written."""
    run.progress.phase("loading_model")
    model = prepare(base, run.spec.adaptation, plan.numbers)
    memory = _memory(run.spec)
    look = _Look(model, base, plan, run.switch)
    if not memory.before and plan.held_out:
        run.progress.phase("evaluating_base")
        memory.before = {name: scores.to_lists() for name, scores in look.at_all().items()}
    run.progress.phase("training")
    trainer = _train(run, base, plan, model, memory, look)
    if run.spec.adaptation == "full":
        round_to_stored_type(model, base)
        look.forget()
    run.progress.phase("evaluating")
    with trainer.kept_on_stop():
        after = look.scores or look.at_all()
    before = {name: Scores.from_lists(lists) for name, lists in memory.before.items()}
    return Tuned(model, memory, before, after)


def prove(run: Run, base: Base, plan: Plan, tuned: Tuned) -> TrainingResult:
    """Compare before and after, write `out/model/`, and return the result."""
    comparisons = [
        compare(cast(SetName, name), plan.metric, tuned.before[name], tuned.after[name]) for name in plan.held_out
    ]
    for comparison in comparisons:
        run.progress.message(comparison.sentence, level="warn" if comparison.verdict == "worse" else "info")
    run.progress.phase("saving")
    packages = {name: version(name) for name in PACKAGES} | {"python": platform.python_version()}
    result = TrainingResult(
        hyperparameters=plan.numbers,
        steps=plan.total_steps,
        trained_tokens=sum(row.trained_tokens for row in plan.rows) * plan.numbers.n_epochs,
        n_train=len(plan.rows),
        n_held_out=plan.n_held_out,
        record_fingerprint=fingerprint_of(plan.rows),
        metrics=_final_metrics(run, plan, tuned, comparisons),
        comparisons=comparisons,
        packages=packages,
    )
    card = model_card(run.spec, result)
    write_folder(run.out / "model", _writer(tuned.model, base, plan, card))
    return result


def fingerprint_of(rows: list[Row]) -> str:
    """sha256 over the sorted fingerprints of the records that were trained on."""
    return hashlib.sha256("\n".join(sorted(row.fingerprint for row in rows)).encode()).hexdigest()


def _within(base: Base, numbers: ResolvedHyperparameters, progress: ProgressLog) -> ResolvedHyperparameters:
    """The numbers bounded by what the base and the parent allow; each change is told."""
    if numbers.max_seq_len > base.entry.context:
        progress.message(f"max_seq_len is cut to the {base.entry.context} tokens that the base can read.", level="warn")
        numbers = numbers.model_copy(update={"max_seq_len": base.entry.context})
    kept = parent_rank(base)
    if kept is not None and kept != (numbers.lora_rank, numbers.lora_alpha):
        progress.message(f"The adapter that is carried on keeps its rank {kept[0]} and alpha {kept[1]}.")
        numbers = numbers.model_copy(update={"lora_rank": kept[0], "lora_alpha": kept[1]})
    return numbers


def _trainable(rows: list[Row], numbers: ResolvedHyperparameters, progress: ProgressLog) -> list[Row]:
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


def _memory(spec: TrainingSpec) -> Memory:
    """What an earlier attempt remembered, or nothing yet."""
    fingerprint = _run_fingerprint(spec)
    if spec.resume_path is None:
        return Memory(fingerprint)
    memory = Memory(**checkpoints.load_memory(Path(spec.resume_path)))
    if memory.run_fingerprint != fingerprint:
        raise Internal(
            f"The resume checkpoint in {spec.resume_path} is of a run with another spec. Start without it.",
            code="resume_mismatch",
        )
    return memory


def _run_fingerprint(spec: TrainingSpec) -> str:
    """sha256 of all that decides the course of the run; paths of this machine do not."""
    told = spec.model_dump_json(
        exclude={
            "resume_path": True,
            "parent_path": True,
            "checkpoint_interval_s": True,
            "training_file": {"path"},
            "validation_file": {"path"},
        }
    )
    return hashlib.sha256(told.encode()).hexdigest()


class _Look:
    """Looks at the held-out records with the model as it stands."""

    def __init__(self, model: Any, base: Base, plan: Plan, switch: StopSwitch) -> None:
        self._model, self._base, self._plan, self._switch = model, base, plan, switch
        self.scores: dict[str, Scores] = {}
        """Of the newest look at all."""
        self.took_s = 0.0

    def at_all(self) -> dict[str, Scores]:
        began = time.monotonic()
        self.scores = {name: self._score(rows) for name, rows in self._plan.held_out.items()}
        self.took_s = time.monotonic() - began
        return self.scores

    def at_all_in_sum(self) -> HeldOutFigures:
        return _sum(list(self.at_all().values()))

    def at_a_few(self) -> HeldOutFigures:
        each = max(1, FEW // len(self._plan.held_out))
        rows = [row for rows in self._plan.held_out.values() for row in rows[:each]]
        return _sum([self._score(rows)])

    def forget(self) -> None:
        self.scores = {}

    def _score(self, rows: list[Row]) -> Scores:
        pad_id = cast(int, self._base.tokenizer.pad_token_id)
        return score(self._model, rows, pad_id, self._base.precision, stop=self._stop)

    def _stop(self) -> None:
        if self._switch.asked:
            raise Stopped


def _sum(scores: list[Scores]) -> HeldOutFigures:
    tokens = max(1.0, sum(float(s.tokens.sum()) for s in scores))
    nll, correct = sum(float(s.nll.sum()) for s in scores), sum(float(s.correct.sum()) for s in scores)
    return HeldOutFigures(loss=nll / tokens, accuracy=correct / tokens)


def _train(run: Run, base: Base, plan: Plan, model: Any, memory: Memory, look: _Look) -> ResumableTrainer:
    card = model_card(run.spec, None)
    watch = Watch(
        progress=run.progress,
        switch=run.switch,
        out=run.out,
        steps_per_epoch=plan.steps_per_epoch,
        total_steps=plan.total_steps,
        total_tokens=sum(len(row.input_ids) for row in plan.rows) * plan.numbers.n_epochs,
        interval_s=run.spec.checkpoint_interval_s,
        publish=lambda folder: write_folder(folder, _writer(model, base, plan, card)),
        probe=look.at_a_few if plan.held_out else None,
        full=look.at_all_in_sum if plan.held_out else None,
        full_takes_s=look.took_s,
    )
    callback = LoopCallback(watch)
    longest = max(len(row.input_ids) for row in plan.rows)
    micro = micro_batch_size(model, base.precision, plan.numbers.batch_size, longest)
    trainer = ResumableTrainer(
        model=model,
        tokenizer=base.tokenizer,
        rows=plan.rows,
        numbers=plan.numbers,
        micro_batch=micro,
        precision=base.precision,
        seed=run.spec.seed,
        out=run.out,
        memory=memory,
        callbacks=[callback],
    )
    callback.trainer = trainer
    look.forget()
    with run.switch.deferred(), trainer.kept_on_stop():
        trainer.train(resume_from_checkpoint=run.spec.resume_path)
    return trainer


def _writer(model: Any, base: Base, plan: Plan, card: str) -> Callable[[Path], None]:
    """Fills a folder with a servable model."""

    def fill(folder: Path) -> None:
        save_model(model, base, folder)
        for name, data in plan.extra_files.items():
            write_whole(folder / name, data)
        write_whole(folder / "README.md", card.encode())

    return fill


def _final_metrics(run: Run, plan: Plan, tuned: Tuned, comparisons: list[Comparison]) -> dict[str, float]:
    tokens = sum(len(row.input_ids) for row in plan.rows) * plan.numbers.n_epochs
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    metrics = {
        "train_loss": tuned.memory.train_loss,
        "training_s": tuned.memory.duration_s,
        "tokens_per_second": tokens / max(1e-9, tuned.memory.duration_s),
        "peak_memory_bytes": float(peak if sys.platform == "darwin" else peak * 1024),
        "duration_s": time.monotonic() - run.began_at,
        "cpu_s": time.process_time(),
    }
    if torch.cuda.is_available():
        metrics["peak_gpu_memory_bytes"] = float(torch.cuda.max_memory_allocated())
    if plan.held_out:
        before, after = _sum(list(tuned.before.values())), _sum(list(tuned.after.values()))
        metrics |= {
            "held_out_loss_before": before.loss,
            "held_out_loss_after": after.loss,
            "held_out_accuracy_before": before.accuracy,
            "held_out_accuracy_after": after.accuracy,
        }
    for c in comparisons:
        metrics |= {f"{c.set}_{c.metric}_before": c.before.value, f"{c.set}_{c.metric}_after": c.after.value}
    return metrics
