"""The one figure that tells how a run does, and its newest losses as a small line."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, LiteralString, cast

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from tunesmith.schemas.jobs import JobHeadline
from tunesmith.schemas.models import Comparison
from tunesmith.server.db import driver
from tunesmith.server.jobs.states import SUCCEEDED
from tunesmith.server.jobs.tables import JobRow
from tunesmith.server.models.tables import ModelVersionRow

SPARKS = 24
LOOKED_BACK = 200
"""Metric points among which the newest held-out loss is looked for."""
SETS = ("held_out", "clusters", "random")
"""Which held-out records are told of first: of proteins those that are least like the training's."""

NEWEST: LiteralString = """
SELECT wanted.id, (array_agg(data->>'valid_loss' ORDER BY seq DESC) FILTER (WHERE data->>'valid_loss' IS NOT NULL))[1],
  (array_agg(data->>'train_loss' ORDER BY seq DESC) FILTER (WHERE data->>'train_loss' IS NOT NULL))[1]
FROM unnest(%(ids)s::text[]) AS wanted(id) CROSS JOIN LATERAL (
  SELECT seq, data FROM job_events e WHERE e.job_id = wanted.id AND e.type = 'metrics' AND NOT e.superseded
  ORDER BY seq DESC LIMIT %(looked_back)s) AS point
GROUP BY wanted.id"""

# The job's events are cut into stretches of equal length, and the newest training loss of each is looked up by the
# index; the first of all is looked up apart. So a long run costs no more than a short one.
SPARKLINES: LiteralString = """
WITH job AS (
    SELECT wanted.id, last.seq AS last FROM unnest(%(ids)s::text[]) AS wanted(id) CROSS JOIN LATERAL (
      SELECT seq FROM job_events e WHERE e.job_id = wanted.id ORDER BY seq DESC LIMIT 1) AS last
  ), stretch AS (
    SELECT id, last * n / %(stretches)s AS behind, last * (n + 1) / %(stretches)s AS until
    FROM job CROSS JOIN generate_series(0, %(stretches)s - 1) AS n
  )
SELECT id, point.seq, point.loss FROM job CROSS JOIN LATERAL (
    SELECT seq, (data->>'train_loss')::float8 AS loss FROM job_events e
    WHERE e.job_id = job.id AND type = 'metrics' AND NOT superseded AND data->>'train_loss' IS NOT NULL
    ORDER BY seq LIMIT 1) AS point
UNION
SELECT id, point.seq, point.loss FROM stretch CROSS JOIN LATERAL (
    SELECT seq, (data->>'train_loss')::float8 AS loss FROM job_events e
    WHERE e.job_id = stretch.id AND e.seq > stretch.behind AND e.seq <= stretch.until
      AND type = 'metrics' AND NOT superseded AND data->>'train_loss' IS NOT NULL
    ORDER BY seq DESC LIMIT 1) AS point
ORDER BY id, seq"""


async def headlines(session: AsyncSession, rows: Sequence[JobRow]) -> dict[str, JobHeadline]:
    """By job: of a succeeded one its comparison, of another that has begun its newest loss. Two queries at most."""
    done = [row.id for row in rows if row.status == SUCCEEDED.value]
    begun = [row.id for row in rows if row.status != SUCCEEDED.value and row.started_at is not None]
    found = await _compared(session, done) if done else {}
    return found | (await _newest(session, begun) if begun else {})


async def _compared(session: AsyncSession, job_ids: Iterable[str]) -> dict[str, JobHeadline]:
    found = await session.execute(
        select(ModelVersionRow.job_id, ModelVersionRow.comparisons).where(ModelVersionRow.job_id.in_(job_ids))
    )
    return {job_id: _of_comparison(comparisons) for job_id, comparisons in found.tuples() if comparisons}


def _of_comparison(comparisons: Sequence[Mapping[str, Any]]) -> JobHeadline:
    """The first of the set that tells most: the training's own order of metrics puts the chief one first."""
    told = [Comparison.model_validate(each) for each in comparisons]
    chief = min(told, key=lambda each: SETS.index(each.set))
    return JobHeadline(
        metric=chief.metric,
        set=chief.set,
        value=chief.after.value,
        before=chief.before.value,
        higher_is_better=chief.higher_is_better,
        verdict=chief.verdict,
        sentence=chief.sentence,
    )


async def _newest(session: AsyncSession, job_ids: Sequence[str]) -> dict[str, JobHeadline]:
    cursor = await (await driver(session)).execute(NEWEST, {"ids": list(job_ids), "looked_back": LOOKED_BACK})
    found: dict[str, JobHeadline] = {}
    for job_id, held_out, training in await cursor.fetchall():
        if held_out is not None:
            found[job_id] = JobHeadline(metric="loss", set="held_out", value=float(held_out))
        elif training is not None:
            found[job_id] = JobHeadline(metric="loss", set="training", value=float(training))
    return found


async def sparklines(session: AsyncSession, job_ids: Sequence[str]) -> dict[str, list[float]]:
    """By job: up to 24 of its training losses, evenly spread, from the first to the newest."""
    parameters = {"ids": list(job_ids), "stretches": SPARKS - 1}
    cursor = await (await driver(session)).execute(SPARKLINES, parameters)
    lines: dict[str, list[float]] = {job_id: [] for job_id in job_ids}
    for job_id, _, loss in cast("list[tuple[str, int, float]]", await cursor.fetchall()):
        lines[job_id].append(loss)
    return lines
