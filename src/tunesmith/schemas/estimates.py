"""What a job would need before it is started: memory, time, price, and who could run it."""

from typing import Literal

from pydantic import Field

from tunesmith.schemas.shape import Adaptation, Shape, Task, TrainingMethod
from tunesmith.schemas.training import ResolvedHyperparameters


class Range(Shape):
    """A figure, and the bounds between which about nine of ten runs should lie."""

    value: float
    low: float
    high: float


class EstimatedTokens(Shape):
    """Of the training data, all epochs together."""

    total: int
    """Tokens that the model reads."""
    trained: int
    """Those that carry loss."""
    counted_by: Literal["tokenizer", "ratio", "residues"]
    """The base's own tokenizer on records of the file; characters a token of such text; or the residues themselves."""


class EstimatedCost(Shape):
    """Price of the worker's time, in the currency that the operator counts in."""

    price_per_hour: float
    value: float
    low: float
    high: float


Device = Literal["cpu", "gpu"]


class WorkerFit(Shape):
    """Whether one worker could run the job."""

    id: str
    connected: bool
    """It was heard of lately."""
    device: Device
    fits: Literal["fits", "tight", "does_not_fit"]
    """tight: the likely peak fits, its upper bound does not."""
    why: str
    peak_memory_bytes: int
    memory_bytes: int
    """What the worker has of the memory that decides: the GPU's where it has one."""
    time_s: Range | None = None
    """None where it cannot run."""


class RecordedError(Shape):
    """How far the figures were off in runs that were measured (percent; positive: the run needed more)."""

    run: str
    memory_percent: float
    time_percent: float


class EstimateBasis(Shape):
    """How the figures came about."""

    measured: bool
    """False where no run on this kind of device has been measured: bounds are wider then."""
    calibration: str
    n_runs: int
    """Finished runs of this project with the same base, task, method and adaptation that corrected the figures."""
    memory_correction: float
    """What the calculated peak was multiplied by, from those runs."""
    time_correction: float
    model_shape: Literal["known", "from_parameters"]
    """Width and depth of the base: known, or guessed from its number of weights."""
    recorded_errors: list[RecordedError] = Field(default_factory=list[RecordedError])
    """Of the calibrated model against measured runs of the same task and adaptation, else of all."""


class JobEstimate(Shape):
    """Answer of POST /v1/fine_tuning/estimate. Memory, time and cost are those of the worker named in `worker`."""

    object: Literal["fine_tuning.estimate"] = "fine_tuning.estimate"
    model: str
    task: Task
    method: TrainingMethod
    adaptation: Adaptation
    worker: str | None
    """The connected worker that would likely be quickest; None: none is there, and two CPU cores are assumed."""
    device: Device
    peak_memory_bytes: Range
    """Of the training process; on a GPU, of the GPU."""
    time_s: Range
    """From the claim to the finished model; without waiting in the queue."""
    fetch_s: float
    """Of it the download of the base where the worker is not known to have it."""
    fetch_bytes: int
    """Size of that download, about; 0 where the base is on the worker's disk."""
    cost: EstimatedCost
    tokens: EstimatedTokens
    n_train: int
    n_held_out: int
    steps: int
    micro_batch: int
    """Examples that are computed at once; the rest of a batch follows, and their gradients are summed."""
    hyperparameters: ResolvedHyperparameters
    defaults: ResolvedHyperparameters
    """What the hyperparameters would be if none had been asked for."""
    reasons: dict[str, str]
    """Why: a sentence for each of the hyperparameters, and for adaptation, method and validation_split. Of what was
    asked for, it tells what the default would be."""
    workers: list[WorkerFit]
    warnings: list[str]
    basis: EstimateBasis
