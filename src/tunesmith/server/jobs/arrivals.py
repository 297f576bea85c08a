"""Checkpoints as they arrive: a committed upload becomes one in the transaction that commits it."""

import math
from collections.abc import Mapping
from typing import Literal, cast

from sqlalchemy.ext.asyncio import AsyncSession

from tunesmith.server.db import driver
from tunesmith.server.events import service as events
from tunesmith.server.events.service import Entry
from tunesmith.server.jobs import origin
from tunesmith.server.jobs.fence import LeaseToken
from tunesmith.server.models import names, registration
from tunesmith.server.models.registration import Weights
from tunesmith.server.storage import uploads
from tunesmith.server.storage.tables import UploadRow


async def take(session: AsyncSession, token: LeaseToken, row: UploadRow) -> list[str]:
    """Puts the checkpoint into the job's list; a result is taken by `complete`. The caller holds the fence.

    Returns the sha256s that are needed no more, to be swept after the commit.
    """
    if row.kind == "result":
        return []
    kind = cast("Literal['resume', 'published']", row.kind)
    connection = await driver(session)
    asked = await origin.asked(connection, token.job_id)
    weights = Weights(row.id, row.manifest, finite(row.metrics), row.answers)
    dropped = await registration.put_checkpoint(connection, asked.origin, weights, kind, token.epoch, row.step)
    if kind == "published":
        name = names.of_checkpoint(asked.model_name, row.step)
        entry = Entry(f"Checkpoint created at step {row.step} with Snapshot ID: {name}")
        await events.append(connection, token.job_id, [entry])
    return await uploads.drop_uploads(session, dropped) if dropped else []


def finite(metrics: Mapping[str, float]) -> dict[str, float]:
    """The figures that are numbers; a loss that left the rails is left out."""
    return {k: v for k, v in metrics.items() if math.isfinite(v)}
