"""What is known of a job when its weights arrive: their origin, and the lineage of the model made of them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, LiteralString

from psycopg.rows import class_row

from tunesmith.schemas.errors import JobNotFound
from tunesmith.schemas.models import Lineage
from tunesmith.schemas.training import TrainingResult
from tunesmith.server.db import Connection
from tunesmith.server.models.registration import Origin

COLUMNS: LiteralString = """
  model_name, family, task, method, adaptation, backend, base, parent_model, training_file, validation_file, inputs,
  validation_split, seed"""
ASKED: LiteralString = f"""
SELECT id AS job_id, project_id, created_by, organization, {COLUMNS} FROM jobs WHERE id = %(job_id)s"""


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked of a job."""

    job_id: str
    project_id: str
    created_by: str
    organization: str
    model_name: str
    family: str
    task: str
    method: str
    adaptation: str
    backend: str
    base: dict[str, Any]
    parent_model: str | None
    training_file: str
    validation_file: str | None
    inputs: dict[str, Any]
    validation_split: float
    seed: int

    @property
    def origin(self) -> Origin:
        return Origin(
            job_id=self.job_id,
            project_id=self.project_id,
            created_by=self.created_by,
            organization=self.organization,
            model_name=self.model_name,
            family=self.family,
            task=self.task,
            adaptation=self.adaptation,
            base=self.base,
            parent_model=self.parent_model,
        )

    def lineage(self, result: TrainingResult) -> dict[str, Any]:
        """Enough to train the model again."""
        validation = self.inputs.get("validation")
        spec = {
            "task": self.task,
            "method": self.method,
            "adaptation": self.adaptation,
            "backend": self.backend,
            "validation_split": self.validation_split,
            "hyperparameters": result.hyperparameters.model_dump(mode="json"),
        }
        return Lineage(
            job_id=self.job_id,
            base_model=self.base["key"],
            base_source=self.base["source"],
            parent_model=self.parent_model,
            training_file=self.training_file,
            training_sha256=self.inputs["training"]["sha256"],
            validation_file=self.validation_file,
            validation_sha256=validation["sha256"] if validation else None,
            record_fingerprint=result.record_fingerprint,
            seed=self.seed,
            spec=spec,
            packages=result.packages,
        ).model_dump(mode="json")


_NAMES = tuple(field.name for field in fields(Asked))


def asked_in(row: Mapping[str, Any]) -> Asked:
    """The columns COLUMNS and the first four of `Asked`, of a row that may have others too."""
    return Asked(**{name: row[name] for name in _NAMES})


async def asked(connection: Connection, job_id: str) -> Asked:
    """What was asked of the job. Raises JobNotFound."""
    async with connection.cursor(row_factory=class_row(Asked)) as cursor:
        await cursor.execute(ASKED, {"job_id": job_id})
        row = await cursor.fetchone()
    if row is None:
        raise JobNotFound(job_id)
    return row
