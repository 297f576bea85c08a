"""A run's figures, thinned: what a chart of N points can show, and no more.

Method: M4 (Jugel et al. 2014, doi:10.14778/2732951.2732953). The steps are cut into N/4 equal stretches, and of each
figure the first, the last, the lowest and the highest point of each stretch are kept: no peak is lost, and the line
drawn through them is the line through all points wherever a stretch is no wider than a pixel.
"""

from dataclasses import dataclass
from typing import LiteralString

from psycopg.rows import dict_row

from tunesmith.schemas.jobs import JobMetric
from tunesmith.server.clock import epoch_s
from tunesmith.server.db import Connection
from tunesmith.server.events import service as events

# Ties go to the earliest point: the array is compared figure first, then place.
THINNED: LiteralString = """
WITH point AS MATERIALIZED (
    SELECT seq, step, data FROM job_events WHERE job_id = %(job_id)s AND type = 'metrics' AND NOT superseded
  ), bounds AS (
    SELECT min(step) AS first, GREATEST(max(step), min(step) + 1) AS last, count(*) AS n FROM point
  ), figure AS MATERIALIZED (
    SELECT name, seq, value::float8 AS value,
      width_bucket(step::float8, bounds.first::float8, bounds.last::float8, %(stretches)s::int) AS stretch
    FROM point CROSS JOIN bounds CROSS JOIN jsonb_each_text(data) AS f(name, value)
    WHERE name NOT IN ('step', 'total_steps') AND value IS NOT NULL
  ), kept AS (
    SELECT name, unnest(ARRAY[min(seq), max(seq), (min(ARRAY[value, seq]))[2]::bigint,
      -(max(ARRAY[value, -seq]))[2]::bigint]) AS seq
    FROM figure GROUP BY name, stretch
  ), chosen AS (
    SELECT seq, array_agg(DISTINCT name) AS names FROM kept GROUP BY seq
  )
SELECT e.seq, e.step, e.created_at, e.data, chosen.names, bounds.n
FROM chosen JOIN job_events e ON e.job_id = %(job_id)s AND e.seq = chosen.seq CROSS JOIN bounds ORDER BY e.seq"""


@dataclass(frozen=True)
class Thinned:
    """Points in order, each with those of its figures that were kept; `n_points` is of the whole run."""

    points: list[JobMetric]
    n_points: int


async def thinned(connection: Connection, job_id: str, points: int) -> Thinned:
    """At most `points` points of each figure of the job, oldest first; extremes are among them."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(THINNED, {"job_id": job_id, "stretches": max(1, points // 4)})
        rows = await cursor.fetchall()
    found = [
        JobMetric(
            id=events.id_of("ftmetric-", job_id, row["seq"]),
            created_at=epoch_s(row["created_at"]),
            step=row["step"],
            values={name: float(row["data"][name]) for name in row["names"]},
        )
        for row in rows
    ]
    return Thinned(found, rows[0]["n"] if rows else 0)
