"""What jobs write here: a model version at success, checkpoints on the way. The caller holds the job's fence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, LiteralString

from psycopg.types.json import Jsonb

from tunesmith.server import ids
from tunesmith.server.db import Connection
from tunesmith.server.models import names

KEEP = {"resume": 2, "published": 3}
"""Newest checkpoints of a job that are kept, by kind; beside them the published one whose held-out loss is best."""

# A part of the statement that ends a job, its part `job`; the job's model version is there, under `model_name`.
# The family's row lock orders two jobs that end at once; the job's id is unique, so a job has one version at most.
VERSION_PART: LiteralString = """,
  family AS (
    INSERT INTO model_families (project_id, name, last_version) SELECT project_id, family, 1 FROM job
    ON CONFLICT (project_id, name) DO UPDATE SET last_version = model_families.last_version + 1
    RETURNING last_version
  ), version AS (
    INSERT INTO model_versions (id, project_id, created_by, owned_by, job_id, upload_id, family, version, task,
      adaptation, base_model, base, parent_model, manifest, size_bytes, metrics, comparisons, details, probes, lineage)
    SELECT model_name, project_id, created_by, organization, job.id, %(upload_id)s, job.family, last_version, task,
      adaptation, base->>'key', base, parent_model, %(manifest)s, %(weights_bytes)s, %(metrics)s, %(comparisons)s,
      %(details)s, %(probes)s, %(lineage)s
    FROM job, family
  )"""

PUT_CHECKPOINT: LiteralString = """
INSERT INTO checkpoints (id, project_id, created_by, owned_by, job_id, epoch, kind, step, upload_id, name, task,
  adaptation, base, manifest, metrics, answers)
VALUES (%(id)s, %(project_id)s, %(created_by)s, %(owned_by)s, %(job_id)s, %(epoch)s, %(kind)s, %(step)s, %(upload_id)s,
  %(name)s, %(task)s, %(adaptation)s, %(base)s, %(manifest)s, %(metrics)s, %(answers)s)
ON CONFLICT (job_id, kind, step) DO UPDATE SET epoch = EXCLUDED.epoch, upload_id = EXCLUDED.upload_id,
  manifest = EXCLUDED.manifest, metrics = EXCLUDED.metrics,
  answers = EXCLUDED.answers, created_at = tunesmith_now(), dropped_at = NULL
RETURNING id"""

REPLACED: LiteralString = """
SELECT upload_id FROM checkpoints WHERE job_id = %(job_id)s AND kind = %(kind)s AND step = %(step)s"""

DROP_OLD: LiteralString = """
UPDATE checkpoints SET dropped_at = tunesmith_now()
WHERE job_id = %(job_id)s AND kind = %(kind)s AND dropped_at IS NULL AND step NOT IN (
  SELECT step FROM checkpoints WHERE job_id = %(job_id)s AND kind = %(kind)s AND dropped_at IS NULL
  ORDER BY created_at DESC, step DESC LIMIT %(keep)s)
  AND step IS DISTINCT FROM (
  SELECT step FROM checkpoints
  WHERE job_id = %(job_id)s AND kind = %(kind)s AND dropped_at IS NULL AND metrics ? 'full_valid_loss'
  ORDER BY (metrics->>'full_valid_loss')::float8, step LIMIT 1)
RETURNING upload_id"""


@dataclass(frozen=True, slots=True)
class Origin:
    """The job that weights come from."""

    job_id: str
    project_id: str
    created_by: str
    organization: str
    model_name: str
    family: str
    task: str
    adaptation: str
    base: dict[str, Any]
    parent_model: str | None


@dataclass(frozen=True, slots=True)
class Weights:
    """Committed files, and what was measured of them."""

    upload_id: str
    manifest: Sequence[dict[str, Any]]
    metrics: dict[str, float]
    answers: Sequence[dict[str, Any]] = ()
    """Of a checkpoint: what it answers to held-out prompts."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a model version shows of its training."""

    comparisons: Sequence[dict[str, Any]]
    details: dict[str, Any]
    """`classification`, `embedding` and `delivery` of the result; None where the task has none."""
    probes: list[dict[str, Any]]
    """What an engine is asked to repeat."""


def version_parameters(weights: Weights, shown: Shown, lineage: dict[str, Any]) -> dict[str, Any]:
    """What VERSION_PART takes."""
    return {
        "upload_id": weights.upload_id,
        "manifest": Jsonb(list(weights.manifest)),
        "weights_bytes": sum(int(file["size_bytes"]) for file in weights.manifest),
        "metrics": Jsonb(weights.metrics),
        "comparisons": Jsonb(list(shown.comparisons)),
        "details": Jsonb(shown.details),
        "probes": Jsonb(shown.probes),
        "lineage": Jsonb(lineage),
    }


async def put_checkpoint(
    connection: Connection,
    origin: Origin,
    weights: Weights,
    kind: Literal["resume", "published"],
    epoch: int,
    step: int,
) -> list[str]:
    """The checkpoint is there. Returns the uploads that are needed no more: of older ones beyond KEEP, and of the one
    at the same step, in whose place it is put when a later epoch reaches that step again."""
    parameters = {
        "project_id": origin.project_id,
        "created_by": origin.created_by,
        "owned_by": origin.organization,
        "job_id": origin.job_id,
        "upload_id": weights.upload_id,
        "task": origin.task,
        "adaptation": origin.adaptation,
        "base": Jsonb(origin.base),
        "manifest": Jsonb(list(weights.manifest)),
        "metrics": Jsonb(weights.metrics),
        "id": ids.new_id("checkpoint"),
        "epoch": epoch,
        "kind": kind,
        "step": step,
        "answers": Jsonb(list(weights.answers)),
        "name": names.of_checkpoint(origin.model_name, step) if kind == "published" else None,
    }
    replaced = await (await connection.execute(REPLACED, parameters)).fetchall()
    await connection.execute(PUT_CHECKPOINT, parameters)
    dropped = await (await connection.execute(DROP_OLD, parameters | {"keep": KEEP[kind]})).fetchall()
    return [row[0] for row in [*replaced, *dropped] if row[0] != weights.upload_id]
