"""The worker protocol under /worker/v1: claim, report, uploads and commit, complete, fail, release."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from tunesmith.schemas.datasets import Checkup
from tunesmith.schemas.jobs import JobStatus
from tunesmith.schemas.models import ArtifactFile
from tunesmith.schemas.shape import Adaptation, Sha256, Shape, Task
from tunesmith.schemas.training import (
    CheckpointAnswer,
    FailureClass,
    LogLine,
    MetricPoint,
    RunEvent,
    RunStarted,
    TrainingResult,
    TrainingSpec,
)

MAX_ITEMS = 1000
"""Of all streams in one report."""
MAX_BODY_BYTES = 1024 * 1024


class Capabilities(Shape):
    """What a worker can do; told with each claim."""

    tasks: list[Task]
    cpu_count: int
    memory_bytes: int
    gpu: str | None = None
    gpu_memory_bytes: int | None = None
    packages: dict[str, str] = Field(default_factory=dict[str, str])
    adaptations: list[Adaptation] = Field(default_factory=lambda: [Adaptation.LORA, Adaptation.FULL])
    """QLoRA only where bitsandbytes runs."""
    version: str


class ClaimRequest(Shape):
    worker_id: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")
    """Chosen by the worker and kept; the server ties it to the key that first used it."""
    session_id: str = Field(min_length=1, max_length=64)
    """New with each start of the worker process."""
    claim_id: UUID
    """New with each wanted job: the same one again within the lease answers the same lease."""
    capabilities: Capabilities
    wait_s: float = Field(default=30, ge=0, le=50)


class Download(Shape):
    """A file to fetch: `url` is signed, relative to the server, takes Range and lives 15 minutes."""

    name: str
    size_bytes: int
    sha256: Sha256
    url: str


class Resume(Shape):
    """The last committed resume checkpoint."""

    step: int
    files: list[Download]


class ClaimReply(Shape):
    job_id: str
    epoch: int
    lease_token: str
    ttl_s: float
    report_s: float
    spec: TrainingSpec
    """Its file paths are names of `inputs`; the worker puts local paths in their place."""
    inputs: list[Download]
    parent: list[Download] | None = None
    """Files of the tuned model to continue from."""
    resume: Resume | None = None


class MetricSlice(Shape):
    first_seq: int = Field(ge=0)
    items: list[MetricPoint]


class LogSlice(Shape):
    first_seq: int = Field(ge=0)
    items: list[LogLine]


class EventSlice(Shape):
    first_seq: int = Field(ge=0)
    items: list[RunEvent]


class Resources(Shape):
    """What the run uses now, its child processes included."""

    cpu_percent: float = Field(ge=0)
    """100 is one core."""
    memory_bytes: int = Field(ge=0)
    gpu_percent: float | None = Field(default=None, ge=0)
    gpu_memory_bytes: int | None = Field(default=None, ge=0)


class ReportRequest(Shape):
    """Renews the lease and carries what is new. `report_seq` counts from 1 within the epoch."""

    epoch: int
    report_seq: int = Field(ge=1)
    phase: str | None = Field(default=None, max_length=64)
    step: int | None = Field(default=None, ge=0)
    total: int | None = Field(default=None, ge=0)
    eta_s: float | None = Field(default=None, ge=0)
    started: RunStarted | None = None
    """Sent until a report with it was answered."""
    checkup: Checkup | None = None
    """Likewise."""
    resources: Resources | None = None
    metrics: MetricSlice | None = None
    logs: LogSlice | None = None
    events: EventSlice | None = None


class StreamPositions(Shape):
    """The next sequence number the server expects of each stream; the worker rewinds or skips to it."""

    metrics: int = 0
    logs: int = 0
    events: int = 0


Command = Literal["none", "cancel", "pause", "drain"]


class ReportReply(Shape):
    ttl_s: float
    next_s: float
    next_seq: StreamPositions
    command: Command = "none"
    grace_s: float = 0
    conflicts: list[str] = Field(default_factory=list[str])
    """Streams whose items differ from what is stored at the same numbers; they were dropped."""
    truncated: bool = False


UploadKind = Literal["resume", "published", "result"]


class UploadRequest(Shape):
    """Asks for places for the files of one checkpoint or of the result. The same (kind, step) again goes on with it."""

    epoch: int
    kind: UploadKind
    step: int = Field(ge=0)
    manifest: list[ArtifactFile] = Field(min_length=1, max_length=500)
    metrics: dict[str, float] = Field(default_factory=dict[str, float])
    answers: list[CheckpointAnswer] = Field(default_factory=list[CheckpointAnswer], max_length=4)


class UploadTarget(Shape):
    """Where to PATCH one file's bytes, from `offset` on. `url` is signed and relative to the server."""

    sha256: Sha256
    size_bytes: int
    offset: int
    url: str


class UploadReply(Shape):
    upload_id: str
    committed: bool
    targets: list[UploadTarget]
    """Only what the server lacks."""


class CommitRequest(Shape):
    epoch: int


class CommitReply(Shape):
    upload_id: str
    kind: UploadKind
    step: int


class CompleteRequest(Shape):
    """`upload_id` is the committed upload of kind `result`. `last_seq` is the next number of each stream."""

    epoch: int
    upload_id: str
    result: TrainingResult
    last_seq: StreamPositions = StreamPositions()


class CompleteReply(Shape):
    status: JobStatus
    fine_tuned_model: str


class MissingReply(Shape):
    """202: the server lacks items of these streams; flush from here and complete again."""

    next_seq: StreamPositions


class FailRequest(Shape):
    epoch: int
    failure_class: FailureClass
    code: str = Field(max_length=64)
    message: str = Field(max_length=8192)


class FailReply(Shape):
    status: JobStatus
    decision: Literal["retry", "final"]


class ReleaseRequest(Shape):
    epoch: int
    reason: Literal["shutdown", "paused", "drain"]


class ReleaseReply(Shape):
    status: JobStatus


class Problem(Shape):
    """application/problem+json: how a worker knows that a stop order is really ours (`job_id` and `epoch` echoed)."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str
    job_id: str | None = None
    epoch: int | None = None
    offset: Annotated[int | None, Field(description="With offset_mismatch: the true offset.")] = None


class EngineRegistration(Shape):
    """Sent by an engine at its start and then every `heartbeat_s` as a sign of life."""

    engine_id: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")
    url: str = Field(max_length=512)
    secret: str = Field(min_length=16, max_length=128)
    """What the server must send to the engine as its Bearer."""
    loaded: list[str] = Field(default_factory=list[str])
    """Names of the models in memory."""
    version: str


class EngineRegistered(Shape):
    engine_id: str
    heartbeat_s: float
