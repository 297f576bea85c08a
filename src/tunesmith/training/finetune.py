"""The steps that every run shares once it is planned: train, prove it on held-out records, write the result."""

import hashlib
import platform
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tunesmith.schemas.errors import Internal
from tunesmith.schemas.shape import Adaptation
from tunesmith.schemas.training import TrainingResult, TrainingSpec
from tunesmith.training import checkpoints
from tunesmith.training.adapters import prepare, round_to_stored_type, save_model
from tunesmith.training.answers import Answers
from tunesmith.training.as_served import IN_FOUR_BITS, ON_PLAIN_BASE, score_as_served
from tunesmith.training.base_model import Base
from tunesmith.training.batches import divided, micro_batch_size
from tunesmith.training.files import write_folder, write_whole
from tunesmith.training.health import Bounds
from tunesmith.training.heap import ReleasedHeap
from tunesmith.training.look import Look
from tunesmith.training.model_card import model_card
from tunesmith.training.objective import Columns, Proof
from tunesmith.training.plan import Plan, Run, fingerprint_of
from tunesmith.training.trainer import Memory, ResumableTrainer
from tunesmith.training.watch import LoopCallback, Watch

PACKAGES = ("torch", "transformers", "peft", "accelerate", "tunesmith")


@dataclass(frozen=True)
class Tuned:
    """The trained model with its scores of before and after, by held-out set."""

    model: Any
    memory: Memory
    before: dict[str, Columns]
    after: dict[str, Columns]
    note: str = ""
    """What the scores were measured on, where that is not plain."""


def fine_tune(run: Run, base: Base, plan: Plan) -> Tuned:
    """Train from the beginning or from the resume checkpoint. Raises Stopped with a checkpoint written."""
    run.progress.phase("loading_model")
    model = prepare(base, run.spec.adaptation, plan.numbers)
    memory = _memory(run.spec)
    look = Look(model, base.precision, plan, run.switch)
    look.begin()
    if not memory.before and plan.held_out:
        run.progress.phase("evaluating_base")
        memory.before = {name: columns.tolist() for name, columns in look.at_all().items()}
    run.progress.phase("training")
    trainer = _train(run, base, plan, model, memory, look)
    if run.spec.adaptation is Adaptation.FULL and round_to_stored_type(model, base):
        look.forget()
    run.progress.phase("evaluating")
    with trainer.kept_on_stop():
        after = look.scores or look.at_all()
    before = {name: np.array(lists, dtype=np.float64) for name, lists in memory.before.items()}
    note = ""
    if run.spec.adaptation is Adaptation.QLORA and plan.held_out:
        with trainer.kept_on_stop():
            served = score_as_served(run, base, plan, model)
        before, after = (served.before, served.after) if served else (before, after)
        note = ON_PLAIN_BASE if served else IN_FOUR_BITS
        run.progress.message(note)
    return Tuned(model, memory, before, after, note)


def prove(run: Run, base: Base, plan: Plan, tuned: Tuned) -> TrainingResult:
    """Compare before and after, write `out/model/`, and return the result."""
    proof = plan.objective.prove(tuned.before, tuned.after) if plan.held_out else Proof([], {})
    for comparison in proof.comparisons:
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
        metrics=_final_metrics(run, plan, tuned, proof),
        comparisons=proof.comparisons,
        classification=proof.classification,
        embedding=proof.embedding,
        probes=plan.questions,
        packages=packages,
    )
    card = model_card(run.spec, result, tuned.note)
    write_folder(run.out / "model", _writer(tuned.model, base, plan, card))
    return result


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
            "micro_batch_divisor": True,
            "training_file": {"path"},
            "validation_file": {"path"},
        }
    )
    return hashlib.sha256(told.encode()).hexdigest()


def _train(run: Run, base: Base, plan: Plan, model: Any, memory: Memory, look: Look) -> ResumableTrainer:
    card = model_card(run.spec, None)
    watch = Watch(
        progress=run.progress,
        switch=run.switch,
        out=run.out,
        steps_per_epoch=plan.steps_per_epoch,
        total_steps=plan.total_steps,
        total_tokens=sum(row.length for row in plan.rows) * plan.numbers.n_epochs,
        interval_s=run.spec.checkpoint_interval_s,
        publish=lambda folder: write_folder(folder, _writer(model, base, plan, card)),
        probe=look.at_a_few if plan.held_out else None,
        full=look.at_all_in_sum if plan.held_out else None,
        full_takes_s=look.took_s,
        answers=Answers(model, base, plan, run.spec.task, look.stop).ask if plan.held_out else None,
        bounds=Bounds(plan.total_steps, plan.numbers.batch_size, plan.numbers.max_grad_norm),
        base_loss=_held_out_loss(plan, memory),
    )
    callback = LoopCallback(watch)
    longest = max(row.length for row in plan.rows)
    micro = plan.numbers.batch_size
    if plan.objective.micro_batches:
        micro = micro_batch_size(model, base.precision, plan.numbers.batch_size, longest)
    if run.spec.micro_batch_divisor > 1:
        micro = _smaller(run, plan, micro)
    trainer = ResumableTrainer(
        model=model,
        tokenizer=base.tokenizer,
        rows=plan.rows,
        order=plan.order(plan.rows, plan.numbers.batch_size, run.spec.seed),
        objective=plan.objective,
        numbers=plan.numbers,
        micro_batch=micro,
        precision=base.precision,
        seed=run.spec.seed,
        out=run.out,
        memory=memory,
        callbacks=[callback, ReleasedHeap()],
    )
    callback.trainer = trainer
    look.forget()
    with run.switch.deferred(), trainer.kept_on_stop():
        trainer.train(resume_from_checkpoint=run.spec.resume_path)
    return trainer


def _held_out_loss(plan: Plan, memory: Memory) -> float | None:
    """The base's; None when nothing is held out."""
    before = [np.array(lists, dtype=np.float64) for lists in memory.before.values()]
    return plan.objective.figures(before).loss if before else None


def _smaller(run: Run, plan: Plan, micro: int) -> int:
    """The micro-batch of the second try after memory ran out; it is told."""
    batch = plan.numbers.batch_size
    if not plan.objective.micro_batches:
        why = "compares all records of a batch, so that batch is not computed in parts: this try may run out of memory"
        run.progress.message(f"The loss {why} too. If it does, use a smaller batch_size.", level="warn")
        return micro
    smaller = divided(micro, batch, run.spec.micro_batch_divisor)
    run.progress.message(
        f"Micro-batches of {smaller} records instead of {micro}, {batch // smaller} a step: memory ran out before, and "
        f"the batch of a step stays {batch}."
    )
    return smaller


def _writer(model: Any, base: Base, plan: Plan, card: str) -> Callable[[Path], None]:
    """Fills a folder with a servable model."""

    def fill(folder: Path) -> None:
        save_model(model, base, folder)
        for name, data in plan.extra_files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            write_whole(folder / name, data)
        write_whole(folder / "README.md", card.encode())

    return fill


def _final_metrics(run: Run, plan: Plan, tuned: Tuned, proof: Proof) -> dict[str, float]:
    tokens = sum(row.length for row in plan.rows) * plan.numbers.n_epochs
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
    metrics |= proof.metrics
    for c in proof.comparisons:
        metrics |= {f"{c.set}_{c.metric}_before": c.before.value, f"{c.set}_{c.metric}_after": c.after.value}
    return metrics
