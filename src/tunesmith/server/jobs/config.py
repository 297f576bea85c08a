"""A job's body, rebuilt from its row: what makes the same job again."""

from typing import Any

from tunesmith.schemas.job_defaults import usual_adaptation
from tunesmith.schemas.jobs import DpoMethod, JobConfig, JobCreate, Method, SupervisedMethod
from tunesmith.schemas.shape import Adaptation, Task, TrainingMethod
from tunesmith.schemas.training import Hyperparameters
from tunesmith.server.jobs.shapes import PRIORITIES
from tunesmith.server.jobs.submission import DEFAULT_SPLIT
from tunesmith.server.jobs.tables import JobRow


def config_of(row: JobRow, project: str) -> JobConfig:
    """What was asked of the job of `project` (a slug), and the numbers that its run used."""
    return JobConfig(request=request_of(row, project), resolved=row.hyperparameters)


def request_of(row: JobRow, project: str | None) -> JobCreate:
    """The body: what was left out stands there as it was decided, the seed among it; `auto` stays."""
    delivery = row.delivery or {}
    return JobCreate.model_validate(
        {
            "model": row.model,
            "training_file": row.training_file,
            "validation_file": row.validation_file,
            "suffix": row.suffix,
            "seed": row.seed,
            "metadata": row.labels,
            "method": method_of(TrainingMethod(row.method), Hyperparameters.model_validate(row.wanted)),
            "name": row.name,
            "priority": PRIORITIES[row.priority],
            "project": project,
            "task": Task(row.task),
            "adaptation": Adaptation(row.adaptation),
            "backend": row.backend,
            "provider": row.provider,
            "validation_split": row.validation_split,
            "output_model": delivery.get("repo"),
            "output_weights": delivery.get("weights", "adapter"),
        }
    )


def asked_of(row: JobRow, project: str | None) -> JobCreate:
    """The same body without what would be decided so anyway; `project` as it must be told, if at all."""
    whole = request_of(row, project)
    usual_split = 0.0 if row.validation_file else DEFAULT_SPLIT
    usual: dict[str, Any] = {}
    if whole.adaptation is usual_adaptation(Task(row.task)):
        usual["adaptation"] = None
    if row.validation_split == usual_split:
        usual["validation_split"] = None
    return whole.model_copy(update=usual)


def method_of(kind: TrainingMethod, wanted: Hyperparameters) -> Method:
    """OpenAI's method object with these hyperparameters in the place of its type."""
    if kind is TrainingMethod.DPO:
        return Method(type=kind, dpo=DpoMethod(hyperparameters=wanted))
    return Method(type=kind, supervised=SupervisedMethod(hyperparameters=wanted))
