"""The job's spec as a worker gets it, what training says while it runs, and what it hands back."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

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
    """All that the trainer takes. `auto` is replaced by the rule of schemas/defaults.py once the data is counted."""

    # The notes below are what a form beside each field shows.
    model_config = ConfigDict(use_attribute_docstrings=True)

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
