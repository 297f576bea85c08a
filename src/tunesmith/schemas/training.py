"""The job's spec as a worker gets it, what training says while it runs, and what it hands back."""

import math
from typing import Annotated, Literal

from pydantic import Field

from tunesmith.schemas.datasets import Checkup, Compression, FileFormat
from tunesmith.schemas.models import (
    BaseModelEntry,
    ClassificationDetails,
    Comparison,
    Delivery,
    EmbeddingDetails,
    Probe,
)
from tunesmith.schemas.shape import Adaptation, Auto, Frozen, Shape, Task, TrainingMethod


class Hyperparameters(Frozen):
    """All that the trainer takes. `auto` is replaced by `resolve` once the data is counted."""

    n_epochs: Annotated[int, Field(ge=1, le=50)] | Auto = "auto"
    """Passes over the data, 1-50."""
    batch_size: Annotated[int, Field(ge=1, le=256)] | Auto = "auto"
    """Examples per optimiser step."""
    learning_rate_multiplier: Annotated[float, Field(gt=0, le=100)] | Auto = "auto"
    """Times the method's own rate; ignored when learning_rate is given."""
    learning_rate: Annotated[float, Field(gt=0, le=1)] | Auto = "auto"
    """The peak rate, after warm-up."""
    lora_rank: Annotated[int, Field(ge=1, le=256)] | Auto = "auto"
    """Columns of the adapter's matrices; without effect on a full run."""
    lora_alpha: Annotated[int, Field(ge=1, le=1024)] | Auto = "auto"
    """The adapter's output is scaled by lora_alpha / lora_rank."""
    lora_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the adapter's inputs that are dropped in training."""
    max_seq_len: Annotated[int, Field(ge=16, le=131072)] | Auto = "auto"
    """Tokens; longer records are cut at the end, counted and told."""
    warmup_steps: Annotated[int, Field(ge=0)] | Auto = "auto"
    """Optimiser steps over which the rate rises."""
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.0
    """AdamW's."""
    max_grad_norm: Annotated[float, Field(gt=0)] = 1.0
    """Gradients are clipped to this norm."""
    lr_schedule: Literal["linear", "cosine", "constant"] | Auto = "auto"
    """How the rate falls after warm-up."""
    use_rslora: bool = False
    """Rank-stabilised LoRA: the adapter's output is scaled by lora_alpha / sqrt(lora_rank) (arXiv:2312.03732)."""
    use_dora: bool = False
    """DoRA: weights are split into magnitude and direction (arXiv:2402.09353); slower, with LoRA and QLoRA."""
    packing: bool | Auto = "auto"
    """Several records in one row, kept apart by positions and attention."""
    beta: Annotated[float, Field(gt=0, le=10)] | Auto = "auto"
    """DPO: how strongly the tuned model is held to the base, 0.1 by default."""
    class_weights: bool | Auto = "auto"
    """Classification: rare classes weigh more; by default where the largest class is thrice the smallest."""
    loss: Literal["contrastive", "denoising", "multiple_negatives", "triplet", "cosine"] | Auto = "auto"
    """Embedding: chosen from the kind of the records unless told."""
    hard_negatives: Annotated[int, Field(ge=0, le=16)] | Auto = "auto"
    """Embedding: negatives mined for each pair, none by default."""
    matryoshka_dims: Annotated[list[Annotated[int, Field(ge=8, le=8192)]], Field(max_length=8)] = Field(
        default_factory=list[int]
    )
    """Embedding: leading dimensions that must serve on their own; empty for none."""


class ResolvedHyperparameters(Frozen):
    """The numbers a run uses."""

    n_epochs: int
    batch_size: int
    learning_rate_multiplier: float
    learning_rate: float
    lora_rank: int
    lora_alpha: int
    lora_dropout: float
    max_seq_len: int
    warmup_steps: int
    weight_decay: float
    max_grad_norm: float
    lr_schedule: Literal["linear", "cosine", "constant"]
    use_rslora: bool = False
    use_dora: bool = False
    packing: bool = False
    beta: float = 0.1
    class_weights: bool | None = None
    """None: by the balance of the labels."""
    loss: str | None = None
    """None: by the kind of the records."""
    hard_negatives: int = 0
    matryoshka_dims: list[int] = Field(default_factory=list[int])


class InputFile(Frozen):
    """A training or validation file as the training program sees it: `path` is local."""

    path: str
    format: FileFormat
    compression: Compression | None = None
    sha256: str


class TrainingSpec(Frozen):
    """All that a run depends on. `python -m tunesmith.training spec.json out/` needs nothing else."""

    job_id: str
    task: Task
    method: TrainingMethod = TrainingMethod.SUPERVISED
    adaptation: Adaptation
    backend: Literal["huggingface"] = "huggingface"
    base: BaseModelEntry
    parent_path: str | None = None
    """Local folder of the tuned model to continue from."""
    training_file: InputFile
    validation_file: InputFile | None = None
    validation_split: float = Field(default=0.1, ge=0, lt=1)
    hyperparameters: Hyperparameters = Hyperparameters()
    seed: int = 0
    checkpoint_interval_s: float = 300.0
    """Time between resume checkpoints."""
    micro_batch_divisor: int = Field(default=1, ge=1)
    """Micro-batches are this many times smaller than they would be, with as many more of them a step: the second try
    after memory ran out."""
    output_model: str | None = None
    """Hub repository that the model is pushed to."""
    output_weights: Literal["adapter", "merged"] = "adapter"
    resume_path: str | None = None
    """Local folder of the resume checkpoint to go on from."""


def resolve(
    wanted: Hyperparameters,
    *,
    task: Task,
    method: TrainingMethod = TrainingMethod.SUPERVISED,
    adaptation: Adaptation,
    n_examples: int,
    context: int,
    parameters: int,
) -> ResolvedHyperparameters:
    """Numbers for every `auto`, by the rule below; what was given stays.

    Epochs fall as examples grow (chat 1-6, DPO 1-3, protein 4-10, classification 2-10, embedding 1-4, so that small
    families are seen often enough); batch 8 for chat, 64 for embedding (its negatives are the others of the batch) and
    16 else, never above an eighth of the examples; the rate is the one measured best for the small models and falls
    with the square root of size beyond 200 M weights; rank 16, alpha twice the rank; warm-up a tenth of the steps, at
    most 20; cosine for proteins, linear else; length up to the context, at most 2,048 tokens.
    """
    epochs = wanted.n_epochs if wanted.n_epochs != "auto" else _epochs(task, method, n_examples)
    batch = wanted.batch_size if wanted.batch_size != "auto" else max(1, min(_USUAL_BATCH[task], n_examples // 8))
    multiplier = wanted.learning_rate_multiplier if wanted.learning_rate_multiplier != "auto" else 1.0
    rate = wanted.learning_rate
    if rate == "auto":
        rate = multiplier * _rate(task, method, adaptation, parameters)
    rank = wanted.lora_rank if wanted.lora_rank != "auto" else 16
    steps = math.ceil(max(1, n_examples) / batch) * epochs
    return ResolvedHyperparameters(
        n_epochs=epochs,
        batch_size=batch,
        learning_rate_multiplier=multiplier,
        learning_rate=rate,
        lora_rank=rank,
        lora_alpha=wanted.lora_alpha if wanted.lora_alpha != "auto" else 2 * rank,
        lora_dropout=wanted.lora_dropout,
        max_seq_len=wanted.max_seq_len if wanted.max_seq_len != "auto" else min(context, 2048),
        warmup_steps=wanted.warmup_steps if wanted.warmup_steps != "auto" else min(20, steps // 10),
        weight_decay=wanted.weight_decay,
        max_grad_norm=wanted.max_grad_norm,
        lr_schedule=wanted.lr_schedule
        if wanted.lr_schedule != "auto"
        else ("cosine" if task is Task.PROTEIN else "linear"),
        use_rslora=wanted.use_rslora,
        use_dora=wanted.use_dora,
        # Off unless asked for: batches hold records of like length, so it saves little. On one CPU core it was 6-15 %
        # faster for short chats (smollm2, 14 % padding saved) and 20 % for a family of mixed lengths (protein-mini,
        # 27 % in rows of 512 tokens; nothing in rows of 1,024). On a GPU, where its mask keeps the fastest kernels
        # off, it is unmeasured.
        packing=wanted.packing is True,
        beta=wanted.beta if wanted.beta != "auto" else 0.1,
        class_weights=wanted.class_weights if wanted.class_weights != "auto" else None,
        loss=wanted.loss if wanted.loss != "auto" else None,
        hard_negatives=wanted.hard_negatives if wanted.hard_negatives != "auto" else 0,
        matryoshka_dims=wanted.matryoshka_dims,
    )


_USUAL_BATCH = {Task.CHAT: 8, Task.PROTEIN: 16, Task.CLASSIFICATION: 16, Task.EMBEDDING: 64}


def _epochs(task: Task, method: TrainingMethod, n_examples: int) -> int:
    if method is TrainingMethod.DPO:
        return 3 if n_examples < 100 else 2 if n_examples < 500 else 1
    match task:
        case Task.PROTEIN:
            return 10 if n_examples < 60 else 6 if n_examples < 1000 else 4
        case Task.CLASSIFICATION:
            return 10 if n_examples < 100 else 5 if n_examples < 500 else 3 if n_examples < 5000 else 2
        case Task.EMBEDDING:
            return 4 if n_examples < 500 else 2 if n_examples < 5000 else 1
        case Task.CHAT:
            return 6 if n_examples < 50 else 3 if n_examples < 300 else 2 if n_examples < 2000 else 1


def _rate(task: Task, method: TrainingMethod, adaptation: Adaptation, parameters: int) -> float:
    full = adaptation is Adaptation.FULL
    if method is TrainingMethod.DPO:
        # 160 pairs, two epochs, smollm2: 5e-5 moved the held-out accuracy from 0.62 to 0.64 in its first epoch, 3e-4 to
        # 0.76 and in the end to 0.80 (0.10 to 0.26 higher, 95 %). In full a tenth of it, as for answers; not measured.
        rate = 3e-5 if full else 3e-4
    else:
        rate = {
            Task.CHAT: 5e-5 if full else 5e-4,
            Task.PROTEIN: 1e-3 if full else 3e-3,
            Task.CLASSIFICATION: 2e-4 if full else 1e-3,
            Task.EMBEDDING: 2e-4 if full else 1e-3,
        }[task]
    return rate * min(1.0, math.sqrt(200e6 / parameters))


class MetricPoint(Shape):
    """Figures at one optimiser step, by name: train_loss, train_mean_token_accuracy, learning_rate,
    tokens_per_second, grad_norm; valid_loss, valid_mean_token_accuracy; full_valid_* at an epoch's end."""

    step: int
    values: dict[str, float]
    at: float
    """Seconds since 1970 on the machine that trained; for display only."""


class LogLine(Shape):
    at: float
    stream: Literal["stdout", "stderr", "worker"]
    text: str = Field(max_length=8192)


class RunEvent(Shape):
    """Something a person should read, told by the training program or the worker."""

    at: float
    level: Literal["info", "warn", "error"] = "info"
    message: str = Field(max_length=4096)


class RunStarted(Shape):
    """The first line of progress: what will be done, in numbers."""

    type: Literal["started"] = "started"
    hyperparameters: ResolvedHyperparameters
    total_steps: int
    n_train: int
    n_held_out: int
    trained_tokens_per_epoch: int
    split_note: str


class RunPhase(Shape):
    type: Literal["phase"] = "phase"
    phase: str
    """loading_data, loading_model, evaluating_base, training, evaluating, saving, ..."""


class RunMetrics(Shape):
    type: Literal["metrics"] = "metrics"
    point: MetricPoint
    total_steps: int
    eta_s: float | None


class CheckpointAnswer(Shape):
    """What a checkpoint answers to a held-out prompt, beside what the record says."""

    prompt: str = Field(max_length=8192)
    answer: str = Field(max_length=8192)
    reference: str = Field(default="", max_length=8192)


class RunCheckpoint(Shape):
    """A checkpoint lies complete on disk at `path`, relative to the out folder."""

    type: Literal["checkpoint"] = "checkpoint"
    kind: Literal["resume", "published"]
    step: int
    path: str
    metrics: dict[str, float] = Field(default_factory=dict[str, float])
    answers: list[CheckpointAnswer] = Field(default_factory=list[CheckpointAnswer])


class RunMessage(Shape):
    type: Literal["message"] = "message"
    event: RunEvent


class RunCheckup(Shape):
    """What was found in the data, before the first step."""

    type: Literal["checkup"] = "checkup"
    checkup: Checkup


Progress = Annotated[
    RunStarted | RunPhase | RunMetrics | RunCheckpoint | RunMessage | RunCheckup,
    Field(discriminator="type"),
]
"""One JSON line of `out/progress.jsonl`."""


class TrainingResult(Shape):
    """`out/result.json`: written last, when `out/model/` is complete."""

    hyperparameters: ResolvedHyperparameters
    steps: int
    trained_tokens: int
    """Tokens that carried loss, times epochs."""
    n_train: int
    n_held_out: int
    record_fingerprint: str
    metrics: dict[str, float]
    """Final figures: train_loss, held_out_loss_before, held_out_loss_after, tokens_per_second, peak_memory_bytes,
    duration_s, ..."""
    comparisons: list[Comparison]
    classification: ClassificationDetails | None = None
    embedding: EmbeddingDetails | None = None
    probes: list[Probe] = Field(default_factory=list[Probe])
    delivery: Delivery | None = None
    packages: dict[str, str]


FailureClass = Literal["user", "data", "oom", "infra", "preempted", "cancelled", "internal"]


class TrainingFailure(Shape):
    """`out/failure.json`: why the run ended, for a person and for the server's retry rule."""

    failure_class: FailureClass
    code: str
    """out_of_memory, bad_data, base_model_missing, unsafe_weights, internal, ..."""
    message: str = Field(max_length=8192)


EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_STOPPED = 75
"""A stop was asked for (SIGTERM) and a resume checkpoint was written."""
