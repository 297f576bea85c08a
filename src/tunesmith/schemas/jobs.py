"""Fine-tuning jobs in OpenAI's words, with our extensions."""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, field_validator

from tunesmith.schemas.models import Metric
from tunesmith.schemas.shape import Adaptation, Auto, Page, Shape, Task, TrainingMethod
from tunesmith.schemas.training import CheckpointAnswer, Hyperparameters
from tunesmith.schemas.versions import DatasetRef


class JobStatus(StrEnum):
    VALIDATING_FILES = "validating_files"
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def terminal(self) -> bool:
        return self in (JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED)


class Priority(StrEnum):
    """Which waiting job goes first; within one priority the oldest does."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


Name = Annotated[str, Field(min_length=1, max_length=120)]
Metadata = dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]]


class SupervisedMethod(Shape):
    hyperparameters: Hyperparameters = Field(default_factory=Hyperparameters)


class DpoMethod(Shape):
    hyperparameters: Hyperparameters = Field(default_factory=Hyperparameters)


class Method(Shape):
    """OpenAI's method object."""

    type: TrainingMethod = TrainingMethod.SUPERVISED
    supervised: SupervisedMethod = Field(default_factory=SupervisedMethod)
    dpo: DpoMethod = Field(default_factory=DpoMethod)

    @property
    def hyperparameters(self) -> Hyperparameters:
        """Those of the chosen type."""
        return (self.dpo if self.type is TrainingMethod.DPO else self.supervised).hyperparameters


class JobCreate(Shape):
    """Body of POST /v1/fine_tuning/jobs."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "smollm2-135m-instruct",
                    "training_file": "file-3kTMd0aPq9LkXw2VbNc7Rz",
                    "suffix": "support",
                    "method": {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 3}}},
                }
            ]
        }
    )

    model: str = Field(min_length=1, max_length=256)
    training_file: str
    validation_file: str | None = None
    suffix: str | None = Field(default=None, min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")
    seed: int | None = Field(default=None, ge=0, le=2147483647)
    metadata: Metadata | None = Field(default=None, max_length=16)
    method: Method | None = None
    hyperparameters: Hyperparameters | None = None
    """The deprecated place; still what several clients send."""
    integrations: list[Any] | None = None
    name: Name | None = None
    """What a person calls the job; shown in lists, and part of nothing."""
    priority: Priority = Priority.NORMAL
    project: str | None = Field(default=None, max_length=64)
    """The project that the job belongs to, of those that the caller may act in; else the request's."""
    task: Task | None = None
    adaptation: Adaptation | None = None
    """LoRA unless told; embedding models and classifiers, being small, are trained in full."""
    backend: Literal["huggingface"] = "huggingface"
    provider: Literal["local"] = "local"
    validation_split: float | None = Field(default=None, ge=0, lt=1)
    """Share held out when there is no validation_file; 0.1 unless told."""
    output_model: str | None = Field(
        default=None, max_length=96, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$"
    )
    """Hub repository `user/model-name` that the model is pushed to when it is done."""
    output_weights: Literal["adapter", "merged"] = "adapter"
    """What is pushed: the adapter with its base named, or whole weights with the adapter merged in."""

    @field_validator("suffix")
    @classmethod
    def _not_dots(cls, value: str | None) -> str | None:
        if value is not None and not value.strip("."):
            raise ValueError("must hold a letter or digit")
        return value

    @property
    def training_method(self) -> TrainingMethod:
        return self.method.type if self.method is not None else TrainingMethod.SUPERVISED

    def wanted_hyperparameters(self) -> Hyperparameters:
        if self.method is not None:
            return self.method.hyperparameters
        return self.hyperparameters or Hyperparameters()


class JobUpdate(Shape):
    """Body of POST /v1/fine_tuning/jobs/{id}: what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"priority": "high"}]})

    name: Name | None = None
    priority: Priority | None = None


class JobError(Shape):
    code: str
    message: str
    param: str | None = None


class ShownHyperparameters(Shape):
    """OpenAI's three first; ours follow once the run has started."""

    n_epochs: int | Auto = "auto"
    batch_size: int | Auto = "auto"
    learning_rate_multiplier: float | Auto = "auto"
    learning_rate: float | None = None
    lora_rank: int | None = None
    lora_alpha: int | None = None
    max_seq_len: int | None = None
    warmup_steps: int | None = None
    lr_schedule: str | None = None
    beta: float | None = None


class ShownSupervised(Shape):
    hyperparameters: ShownHyperparameters


class ShownMethod(Shape):
    """Of `supervised` and `dpo` the one that `type` names is there."""

    type: TrainingMethod = TrainingMethod.SUPERVISED
    supervised: ShownSupervised | None = None
    dpo: ShownSupervised | None = None


class JobProgress(Shape):
    """Where the run stands; `percent` 0-100."""

    phase: str | None = None
    step: int = 0
    total_steps: int | None = None
    percent: float = 0.0


class JobResources(Shape):
    """What the run used when its worker last reported."""

    cpu_percent: float
    """100 is one core."""
    memory_bytes: int
    gpu_percent: float | None = None
    gpu_memory_bytes: int | None = None


class JobQueue(Shape):
    """Why a job waits. `position` counts from 1 among the jobs that are waiting for a worker."""

    position: int | None = None
    reason: Literal[
        "validating_files",
        "workers_busy",
        "no_worker_connected",
        "no_worker_can_run_it",
        "backing_off",
        "paused",
        "starting",
    ]
    """starting: a worker has taken it and did not tell of it yet, or is free to."""
    message: str
    """The reason as a sentence with the next step."""
    since: int


class JobCost(Shape):
    """What the workers' time has cost so far, in the currency that the operator counts in."""

    value: float
    price_per_hour: float
    worker_s: float
    """Time that workers spent on it, all attempts together."""


class JobHeadline(Shape):
    """The one figure that tells how a run does: of a running one its newest loss, of a finished one its comparison."""

    metric: Metric
    set: Literal["training", "held_out", "random", "clusters"]
    value: float
    before: float | None = None
    """The base model's, on the same records."""
    higher_is_better: bool = False
    verdict: Literal["better", "worse", "undecided"] | None = None
    sentence: str | None = None


class Job(Shape):
    """OpenAI's fine_tuning.job with our extensions below `metadata`."""

    id: str
    object: Literal["fine_tuning.job"] = "fine_tuning.job"
    created_at: int
    finished_at: int | None
    model: str
    fine_tuned_model: str | None
    organization_id: str
    status: JobStatus
    hyperparameters: ShownHyperparameters
    training_file: str
    validation_file: str | None
    result_files: list[str]
    trained_tokens: int | None
    error: JobError | None
    seed: int
    method: ShownMethod
    integrations: list[Any] | None = None
    metadata: Metadata | None = None
    estimated_finish: int | None = None
    user_provided_suffix: str | None = None
    task: Task
    adaptation: Adaptation
    backend: str
    provider: str
    validation_split: float
    output_model: str | None = None
    progress: JobProgress
    eta_s: float | None = None
    attempts: int = 0
    worker: str | None = None
    resources: JobResources | None = None
    name: str | None = None
    priority: Priority = Priority.NORMAL
    owner: str
    """Name of the user who made it."""
    project: str
    base_model: str
    """Key of the base; `model` is what was named, perhaps a tuned model to go on from."""
    dataset: DatasetRef | None = None
    """The data set version that `training_file` is, where it is one."""
    queued_at: int | None = None
    started_at: int | None = None
    pause_requested: bool = False
    """The worker puts down a checkpoint first."""
    queue: JobQueue | None = None
    """Of a job that waits."""
    cost: JobCost | None = None
    headline: JobHeadline | None = None
    sparkline: list[float] | None = None
    """With `include=sparkline`: up to 24 training losses from first to newest."""


class JobCounts(Shape):
    """How many jobs are in each state, of those that the other filters keep."""

    object: Literal["fine_tuning.job.counts"] = "fine_tuning.job.counts"
    total: int
    by_status: dict[JobStatus, int]


class JobsCancel(Shape):
    """Body of POST /v1/fine_tuning/jobs/cancel."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ids": ["ftjob-3kTMd0aPq9LkXw2VbNc7Rz"]}]})

    ids: list[Annotated[str, Field(max_length=64)]] = Field(min_length=1, max_length=100)


class CancelOutcome(Shape):
    """What became of one id: `already_ended` and `not_found` changed nothing."""

    id: str
    outcome: Literal["cancelled", "already_ended", "not_found"]
    status: JobStatus | None = None
    """The job's state now; None where there is no such job."""
    message: str


class JobsCancelled(Shape):
    """One outcome an id, in the order of the request."""

    object: Literal["fine_tuning.jobs.cancelled"] = "fine_tuning.jobs.cancelled"
    data: list[CancelOutcome]
    n_cancelled: int


class TimelineSpan(Shape):
    """A stretch of a job's life; `ended_at` is None of the one that lasts."""

    phase: str
    """validating_files, queued, paused, starting (claimed, not told of yet), or what the worker tells:
    fetching_inputs, loading_model, training ..."""
    started_at: float
    ended_at: float | None
    attempt: int | None = None
    worker: str | None = None


class JobTimeline(Shape):
    """Where the time went, first to last, without gaps."""

    object: Literal["fine_tuning.job.timeline"] = "fine_tuning.job.timeline"
    spans: list[TimelineSpan]


class JobScript(Shape):
    """The same job in four languages, ready to be copied. The key is read from TUNESMITH_API_KEY, never written out."""

    object: Literal["fine_tuning.script"] = "fine_tuning.script"
    curl: str
    python: str
    """With the openai package."""
    cli: str
    yaml: str
    """For `tunesmith train --file`."""


class JobConfig(Shape):
    """What was asked, as a body that makes the same job again, and the numbers that the run used."""

    object: Literal["fine_tuning.job.config"] = "fine_tuning.job.config"
    request: JobCreate
    resolved: dict[str, Any] | None = None
    """Every hyperparameter, once the run has started."""


class JobEvent(Shape):
    """OpenAI's fine_tuning.job.event."""

    id: str
    object: Literal["fine_tuning.job.event"] = "fine_tuning.job.event"
    created_at: int
    level: Literal["info", "warn", "error"]
    message: str
    type: Literal["message", "metrics"]
    data: dict[str, Any] | None = None


class JobCheckpoint(Shape):
    """OpenAI's fine_tuning.job.checkpoint: a published one, usable as a model."""

    id: str
    object: Literal["fine_tuning.job.checkpoint"] = "fine_tuning.job.checkpoint"
    created_at: int
    fine_tuned_model_checkpoint: str
    fine_tuning_job_id: str
    step_number: int
    metrics: dict[str, float]
    answers: list[CheckpointAnswer] = Field(default_factory=list[CheckpointAnswer])
    """What it answers to up to four held-out prompts."""


class JobLog(Shape):
    id: str
    object: Literal["fine_tuning.job.log"] = "fine_tuning.job.log"
    created_at: int
    stream: str
    text: str


class JobMetric(Shape):
    id: str
    object: Literal["fine_tuning.job.metric"] = "fine_tuning.job.metric"
    created_at: int
    step: int
    values: dict[str, float]


class JobMetrics(Page[JobMetric]):
    """A page of points; with `points=N` all of the run, thinned so that each figure keeps its extremes."""

    n_points: int | None = None
    """With `points`: how many points the run has in all."""
