"""Success: a worker's `complete`. Model, result file, the job's end and its events commit together or not at all."""

import hashlib
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import sql

from tunesmith.schemas.errors import Unprocessable
from tunesmith.schemas.models import Comparison
from tunesmith.schemas.training import TrainingResult
from tunesmith.schemas.worker import CompleteReply, CompleteRequest, MissingReply, StreamPositions
from tunesmith.server.datasets import service as datasets
from tunesmith.server.db import Connection, Database
from tunesmith.server.events.service import Entry
from tunesmith.server.jobs import arrivals, origin, protocol, queue, states
from tunesmith.server.jobs.queue import LeaseToken, Locked
from tunesmith.server.jobs.states import QUEUED, SUCCEEDED, Ended
from tunesmith.server.models import registration
from tunesmith.server.models.registration import Shown, Weights
from tunesmith.server.storage.blobs import BlobStore, Stored

CSV_HEADER = b"step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy\n"
MAX_CSV_BYTES = 1024**3

# One row a step; points that a later epoch trained again are left out.
RESULT_ROWS: LiteralString = """
COPY (
  SELECT step, max((data->>'train_loss')::float8), max((data->>'train_mean_token_accuracy')::float8),
    max((data->>'valid_loss')::float8), max((data->>'valid_mean_token_accuracy')::float8)
  FROM job_events WHERE job_id = {} AND type = 'metrics' AND NOT superseded GROUP BY step ORDER BY step
) TO STDOUT WITH (FORMAT csv)"""


@dataclass(frozen=True, slots=True)
class _Ready:
    """All streams are complete; the result file as it is then."""

    csv: bytes
    next_metric: int


async def complete(
    db: Database, blobs: BlobStore, token: LeaseToken, body: CompleteRequest
) -> CompleteReply | MissingReply:
    """The job has succeeded and its model is registered; or MissingReply while items of its streams have not come.

    The same call again gets the same answer. Raises LeaseLost, AlreadyTerminal, and Unprocessable when the result was
    not uploaded and committed by this epoch.
    """
    digest = protocol.digest_of(body)
    while True:
        ready = await _prepare(db, token, digest, body)
        if not isinstance(ready, _Ready):
            return ready
        stored = await _put(blobs, ready.csv)
        async with db.lean() as connection:
            lease = await queue.hold_or_replay(connection, token, digest)
            if isinstance(lease, dict):
                return CompleteReply.model_validate(lease)
            _refuse_ended(token, lease)
            if lease.next_metric != ready.next_metric:
                continue  # points came in meanwhile: the result file must have them
            asked = await origin.asked(connection, lease.job_id, body.upload_id)
            if asked.result_manifest is None:
                raise _not_committed(lease, body.upload_id)
            weights = Weights(body.upload_id, asked.result_manifest, arrivals.finite(body.result.metrics))
            result_file = await datasets.create_result_file(
                connection,
                blobs,
                project_id=lease.project_id,
                created_by=lease.created_by,
                filename="step_metrics.csv",
                stored=stored,
            )
            return await _conclude(connection, lease, asked, weights, result_file, body, digest)


async def _prepare(
    db: Database, token: LeaseToken, digest: bytes, body: CompleteRequest
) -> _Ready | CompleteReply | MissingReply:
    async with db.lean(each_alone=True) as connection:
        lease = await queue.hold_or_replay(connection, token, digest)
        if isinstance(lease, dict):
            return CompleteReply.model_validate(lease)
        _refuse_ended(token, lease)
        if _gaps(lease, body.last_seq) and not lease.gave_up_waiting:
            await queue.note_completing(connection, lease.job_id)
            return MissingReply(next_seq=protocol.positions(lease))
        rows = await _result_rows(connection, lease)
    return _Ready(CSV_HEADER + rows, lease.next_metric)


def _refuse_ended(token: LeaseToken, lease: Locked) -> None:
    """Complete against cancel: whichever committed first has won."""
    if lease.status.terminal:
        raise queue.refusal(token, lease)


def _gaps(lease: Locked, sent: StreamPositions) -> list[str]:
    """Streams of which items that the worker has sent are lacking."""
    have = protocol.positions(lease)
    return [name for name in ("metrics", "logs", "events") if getattr(have, name) < getattr(sent, name)]


async def _result_rows(connection: Connection, lease: Locked) -> bytes:
    if lease.next_metric == 0 and lease.resume_step == 0:
        return b""
    async with connection.cursor() as cursor, cursor.copy(sql.SQL(RESULT_ROWS).format(lease.job_id)) as copy:
        return b"".join([bytes(piece) async for piece in copy])


async def _put(blobs: BlobStore, content: bytes) -> Stored:
    """The bytes, stored; those that are there already are not written again."""
    stored = Stored(hashlib.sha256(content).hexdigest(), len(content))
    if await blobs.size(stored.sha256) == stored.size_bytes:
        return stored
    return await blobs.put(_once(content), limit_bytes=MAX_CSV_BYTES)


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _not_committed(lease: Locked, upload_id: str) -> Unprocessable:
    return Unprocessable(
        f"Upload {upload_id} is no committed result of epoch {lease.epoch}. Upload the model's files with kind "
        "'result', commit them, then complete.",
        code="result_not_committed",
    )


async def _conclude(
    connection: Connection,
    lease: Locked,
    asked: origin.Asked,
    weights: Weights,
    result_file: str,
    body: CompleteRequest,
    digest: bytes,
) -> CompleteReply:
    if lease.status is QUEUED:
        lease = await protocol.start(connection, lease)
    comparisons = [c.model_dump(mode="json") for c in body.result.comparisons if _is_finite(c)]
    shown = Shown(
        comparisons,
        details=body.result.model_dump(mode="json", include={"classification", "embedding", "delivery"}),
        probes=[probe.model_dump(mode="json") for probe in body.result.probes],
    )
    await registration.register(connection, asked.origin, weights, shown, asked.lineage(body.result))
    reply = CompleteReply(status=SUCCEEDED, fine_tuned_model=asked.model_name)
    ended = Ended(lease.epoch, "succeeded", digest, reply.model_dump(mode="json"))
    await states.change(
        connection,
        lease.job_id,
        lease.status,
        SUCCEEDED,
        _entries(lease, body, asked.model_name),
        ended=ended,
        fine_tuned_model=asked.model_name,
        result_file=result_file,
        **_figures(body.result),
    )
    return reply


def _figures(result: TrainingResult) -> dict[str, Any]:
    return {
        "trained_tokens": max(0, result.trained_tokens),
        "hyperparameters": result.hyperparameters.model_dump(mode="json"),
        "step": result.steps,
        "total_steps": result.steps,
    }


def _entries(lease: Locked, body: CompleteRequest, name: str) -> list[Entry]:
    entries = [Entry(f"New fine-tuned model created: {name}"), Entry("The job has successfully completed")]
    gaps = _gaps(lease, body.last_seq)
    if gaps:
        lost = Entry(f"Some of the run's {', '.join(gaps)} never arrived: they have gaps", level="warn")
        return [lost, *entries]
    return entries


def _is_finite(comparison: Comparison) -> bool:
    estimates = (comparison.before, comparison.after, comparison.difference)
    return all(math.isfinite(v) for e in estimates for v in (e.value, e.low, e.high))
