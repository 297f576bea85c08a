"""The Trainer of transformers, made exact and resumable: its loop, optimiser and schedule; our batches, losses and
checkpoints."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from datasets import Dataset
from torch import nn
from torch.optim import Optimizer
from transformers import PreTrainedTokenizerBase, Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_callback import PrinterCallback

from tunesmith.schemas.training import ResolvedHyperparameters
from tunesmith.training import checkpoints
from tunesmith.training.base_model import Precision
from tunesmith.training.files import write_folder
from tunesmith.training.objective import Objective, Order, Row
from tunesmith.training.stopping import Stopped

# Above this many weights the activations of a step are the larger part of a GPU's memory; recomputing saves them.
RECOMPUTE_ABOVE = 1_000_000_000


@dataclass
class StepCounts:
    """What one optimiser step saw, summed over its micro-batches. Sums stay on the device until the step is told."""

    loss_sum: torch.Tensor | float = 0.0
    correct: torch.Tensor | int = 0
    tokens: torch.Tensor | int = 0
    units: int = 0
    """What the loss is divided by: trained tokens, records or pairs."""
    others: dict[str, torch.Tensor] = field(default_factory=dict[str, torch.Tensor])


@dataclass
class Memory:
    """What the run itself must remember over a stop: figures that cannot be computed again."""

    run_fingerprint: str
    before: dict[str, list[list[float]]] = field(default_factory=dict[str, list[list[float]]])
    """Held-out set -> the objective's columns of its records at the start."""
    duration_s: float = 0.0
    train_loss: float = 0.0
    published_step: int = 0
    """The newest epoch's end whose held-out loss was told and whose model was published."""
    health: dict[str, Any] | None = None
    """What the rules of `health.py` have seen."""


class ResumableTrainer(Trainer):
    """Trains rows in the order of the seed; writes and reads checkpoints without pickles."""

    def __init__(
        self,
        *,
        model: Any,
        tokenizer: PreTrainedTokenizerBase,
        rows: Sequence[Row],
        order: Order,
        objective: Objective,
        numbers: ResolvedHyperparameters,
        micro_batch: int,
        precision: Precision,
        seed: int,
        out: Path,
        memory: Memory,
        callbacks: list[TrainerCallback],
    ) -> None:
        self.order = order
        self.memory = memory
        self.counts = StepCounts()
        self._rows = rows
        self._rng = checkpoints.capture_rng()
        self._saved_step = -1
        self._out = out
        self._objective = objective
        super().__init__(
            model=model,
            args=_settings(numbers, micro_batch, precision, seed, out, model.num_parameters()),
            train_dataset=Dataset.from_dict({"input_ids": [[i] for i in range(len(rows))]}),
            data_collator=lambda examples: objective.collate([rows[e["input_ids"][0]] for e in examples]),
            processing_class=tokenizer,
            callbacks=callbacks,
        )
        self.remove_callback(PrinterCallback)
        # compute_loss divides by the units of the whole batch itself, so that micro-batches weigh by their units.
        self.model_accepts_loss_kwargs = True

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """Loss of the micro-batch: summed over its units, divided by those of the whole batch."""
        found = self._objective.loss(model, inputs)
        self.counts.loss_sum += found.total.detach()
        self.counts.correct += found.correct
        self.counts.tokens += inputs["attention_mask"].sum()
        self.counts.units += found.units
        for name, total in found.others.items():
            self.counts.others[name] = self.counts.others.get(name, torch.zeros_like(total)) + total
        whole_batch = num_items_in_batch if num_items_in_batch is not None else found.units
        return found.total / torch.as_tensor(whole_batch).clamp(min=1)

    def _get_num_items_in_batch(self, batch_samples: list[Any], device: torch.device) -> torch.Tensor:
        """Units of the whole batch; the trainer's own count knows labels of tokens only."""
        return torch.tensor(sum(self._objective.units(batch) for batch in batch_samples), device=device)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Hand the step's gradient norm and learning rate to the callback, which tells them with our own sums."""
        self.callback_handler.on_log(self.args, self.state, self.control, logs)

    @contextmanager
    def kept_on_stop(self) -> Generator[None]:
        """When a stop interrupts what is done within, write the newest step's checkpoint first."""
        try:
            yield
        except Stopped:
            self._save_checkpoint(self.model, None)
            self.callback_handler.on_save(self.args, self.state, self.control)
            raise

    def remember_rng(self) -> None:
        """Note the generators' state at the end of a step: a stop in the middle of the next one goes back to it."""
        self._rng = checkpoints.capture_rng()

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        return self.order

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        step = self.state.global_step
        if step in (0, self._saved_step):
            return
        path = self._out / "checkpoints" / f"resume-{step}"
        write_folder(path, self._write_state)
        self._saved_step = step

    def _write_state(self, folder: Path) -> None:
        checkpoints.save_weights(cast(nn.Module, self.model), folder)
        checkpoints.save_optimizer(cast(Optimizer, self.optimizer), folder)
        checkpoints.save_scheduler(self.lr_scheduler, folder)
        checkpoints.save_rng(self._rng, folder)
        checkpoints.save_memory(vars(self.memory), folder)
        self.state.log_history = []
        self.state.save_to_json(str(folder / "trainer_state.json"))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        checkpoints.load_weights(cast(nn.Module, model or self.model), Path(resume_from_checkpoint))

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            checkpoints.load_optimizer(cast(Optimizer, self.optimizer), Path(checkpoint))
            checkpoints.load_scheduler(self.lr_scheduler, Path(checkpoint))

    def _load_rng_state(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            checkpoints.load_rng(Path(checkpoint))
            self.remember_rng()


def _settings(
    numbers: ResolvedHyperparameters, micro_batch: int, precision: Precision, seed: int, out: Path, parameters: int
) -> TrainingArguments:
    on_gpu = precision.device.type == "cuda"
    schedules = {"constant": "constant_with_warmup"}
    return TrainingArguments(
        output_dir=str(out / "checkpoints"),
        num_train_epochs=numbers.n_epochs,
        per_device_train_batch_size=micro_batch,
        gradient_accumulation_steps=numbers.batch_size // micro_batch,
        learning_rate=numbers.learning_rate,
        lr_scheduler_type=schedules.get(numbers.lr_schedule, numbers.lr_schedule),
        warmup_steps=numbers.warmup_steps,
        weight_decay=numbers.weight_decay,
        max_grad_norm=numbers.max_grad_norm,
        optim="adamw_torch_fused",
        seed=seed,
        data_seed=seed,
        bf16=precision.autocast,
        fp16=False,
        use_cpu=not on_gpu,
        gradient_checkpointing=on_gpu and parameters > RECOMPUTE_ABOVE,
        remove_unused_columns=False,
        logging_strategy="steps",
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_strategy="no",
        eval_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_num_workers=0,
        dataloader_pin_memory=on_gpu,
    )
