"""Success: a worker's `complete`. Model, result file, the job's end and its events commit together or not at all."""

import hashlib
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg.errors import UniqueViolation
from psycopg.rows import dict_row

from tunesmith.schemas.errors import InFlight, Unprocessable
from tunesmith.schemas.models import Comparison
from tunesmith.schemas.training import TrainingResult
from tunesmith.schemas.worker import CompleteReply, CompleteRequest, MissingReply, StreamPositions
from tunesmith.server import ids
from tunesmith.server.datasets import service as datasets
from tunesmith.server.db import Database
from tunesmith.server.events.service import Entry
from tunesmith.server.jobs import arrivals, fence, origin, protocol, states
from tunesmith.server.jobs.fence import LeaseToken, Locked
from tunesmith.server.jobs.origin import Asked
from tunesmith.server.jobs.states import QUEUED, SUCCEEDED, Along, Ended
from tunesmith.server.models import registration
from tunesmith.server.models.registration import Shown, Weights
from tunesmith.server.storage.blobs import BlobStore, Stored

CSV_HEADER = b"step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy\n"
MAX_CSV_BYTES = 1024**3
MAX_LOOKS = 5
"""How often a complete looks anew at a job that changes between its look and its write."""

# One row a step; points that a later epoch trained again are left out.
_FIGURES = ("train_loss", "train_mean_token_accuracy", "valid_loss", "valid_mean_token_accuracy")
_ROW = " || ',' || ".join(["step", *(f"COALESCE(max((data->>'{name}')::float8)::text, '')" for name in _FIGURES)])
RESULT_ROWS = f"""
SELECT string_agg(line, E'\\n' ORDER BY step) || E'\\n' FROM (
  SELECT step, {_ROW} AS line
  FROM job_events WHERE job_id = %(job_id)s AND type = 'metrics' AND NOT superseded GROUP BY step) AS steps"""

COMMITTED = """
SELECT manifest FROM uploads u WHERE u.id = %(upload_id)s AND u.job_id = jobs.id AND u.epoch = jobs.epoch
  AND u.kind = 'result' AND u.state = 'committed'"""

LOOK = f"""
SELECT {fence.LOCKED}, {origin.COLUMNS}, ({COMMITTED}) AS manifest, ({fence.REPLAY}) AS replay,
  CASE WHEN next_metric > 0 OR resume_step > 0 THEN ({RESULT_ROWS}) END AS csv
FROM jobs WHERE id = %(job_id)s"""

# What was looked at is still so: the lease, the state, the figures that the result file has, and the weights.
UNCHANGED: LiteralString = f"""
  AND status = %(now)s AND epoch = %(epoch)s AND claim_id = %(claim_id)s AND next_metric = %(next_metric)s
  AND EXISTS ({COMMITTED})"""
PARTS: LiteralString = datasets.RESULT_PART + registration.VERSION_PART


@dataclass(frozen=True, slots=True)
class _Look:
    """The job when it was looked at, without a lock."""

    lease: Locked
    asked: Asked
    manifest: list[dict[str, Any]] | None
    """Files of the named upload, if it is a committed result of the job's epoch."""
    replay: dict[str, Any] | None
    """What the same call was answered, if it has ended the job before."""
    csv: bytes
    """The result file as it is now."""


async def complete(
    db: Database, blobs: BlobStore, token: LeaseToken, body: CompleteRequest
) -> CompleteReply | MissingReply:
    """The job has succeeded and its model is registered; or MissingReply while items of its streams have not come.

    Two statements: a look without a lock, and a write that does nothing when the job has changed since; then it is
    looked at again. The same call again gets the same answer. Raises LeaseLost, AlreadyTerminal, Unprocessable when the
    result was not uploaded and committed by this epoch, and InFlight when the job would not keep still.
    """
    digest = protocol.digest_of(body)
    for _ in range(MAX_LOOKS):
        look = await _look(db, token, digest, body.upload_id)
        if look.replay is not None:
            await _put(blobs, look.csv)  # the server may have ended between the write and the answer
            return CompleteReply.model_validate(look.replay)
        _refuse_ended(token, look.lease)
        if _gaps(look.lease, body.last_seq) and not look.lease.gave_up_waiting:
            async with db.lean(each_alone=True) as connection:
                await fence.note_completing(connection, token)
            return MissingReply(next_seq=protocol.positions(look.lease))
        if look.manifest is None:
            raise _not_committed(look.lease, body.upload_id)
        if look.lease.status is QUEUED and look.lease.epoch > 1:
            await _start(db, token)
            continue
        stored = await _put(blobs, look.csv)
        reply = await _conclude(db, look, look.manifest, stored, body, digest)
        if reply is not None:
            await _put(blobs, look.csv)  # swept meanwhile with another file; held from now on
            return reply
    raise InFlight(f"Job {token.job_id} changed again and again meanwhile. Send the same call once more.")


async def _look(db: Database, token: LeaseToken, digest: bytes, upload_id: str) -> _Look:
    parameters = {
        "job_id": token.job_id,
        "epoch": token.epoch,
        "claim_id": token.claim_id,
        "digest": digest,
        "upload_id": upload_id,
    }
    async with db.lean(each_alone=True) as connection, connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(LOOK, parameters)
        row = await cursor.fetchone()
    if row is None:
        raise fence.refusal(token, None)
    lease = fence.locked_in(row)
    if row["replay"] is None and not lease.held_by(token):
        raise fence.refusal(token, lease)
    csv = CSV_HEADER + (row["csv"] or "").encode()
    return _Look(lease, origin.asked_in(row), row["manifest"], row["replay"], csv)


def _refuse_ended(token: LeaseToken, lease: Locked) -> None:
    """Complete against cancel: whichever committed first has won."""
    if lease.status.terminal:
        raise fence.refusal(token, lease)


def _gaps(lease: Locked, sent: StreamPositions) -> list[str]:
    """Streams of which items that the worker has sent are lacking."""
    have = protocol.positions(lease)
    return [name for name in ("metrics", "logs", "events") if getattr(have, name) < getattr(sent, name)]


async def _start(db: Database, token: LeaseToken) -> None:
    """The run was over before its first report, and an earlier epoch has left points behind."""
    async with db.lean() as connection:
        lease = await fence.hold_live(connection, token)
        if lease.status is QUEUED:
            await protocol.start(connection, lease)


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
    db: Database, look: _Look, manifest: list[dict[str, Any]], stored: Stored, body: CompleteRequest, digest: bytes
) -> CompleteReply | None:
    """All of it in one statement; None when the job has changed since the look, and then nothing is written."""
    lease, asked = look.lease, look.asked
    result_file = ids.new_id("file")
    weights = Weights(body.upload_id, manifest, arrivals.finite(body.result.metrics))
    written = {
        "now": lease.status.value,
        "epoch": lease.epoch,
        "claim_id": lease.claim_id,
        "next_metric": lease.next_metric,
        **datasets.result_parameters(result_file, stored),
        **registration.version_parameters(weights, _shown(body.result), asked.lineage(body.result)),
    }
    reply = CompleteReply(status=SUCCEEDED, fine_tuned_model=asked.model_name)
    try:
        async with db.lean(each_alone=True) as connection:
            done = await states.succeed(
                connection,
                lease.job_id,
                lease.status,
                _entries(lease, body, asked.model_name),
                ended=Ended(lease.epoch, "succeeded", digest, reply.model_dump(mode="json")),
                along=Along(UNCHANGED, PARTS, written),
                fine_tuned_model=asked.model_name,
                result_file=result_file,
                **_figures(body.result),
            )
    except UniqueViolation:  # an event was added between the look and the write
        return None
    return reply if done else None


def _shown(result: TrainingResult) -> Shown:
    return Shown(
        [c.model_dump(mode="json") for c in result.comparisons if _is_finite(c)],
        details=result.model_dump(mode="json", include={"classification", "embedding", "delivery"}),
        probes=[probe.model_dump(mode="json") for probe in result.probes],
    )


def _figures(result: TrainingResult) -> dict[str, Any]:
    return {
        "trained_tokens": max(0, result.trained_tokens),
        "hyperparameters": result.hyperparameters.model_dump(mode="json"),
        "step": result.steps,
        "total_steps": result.steps,
    }


def _entries(lease: Locked, body: CompleteRequest, name: str) -> list[Entry]:
    entries = [protocol.started(lease)] if lease.status is QUEUED else []
    gaps = _gaps(lease, body.last_seq)
    if gaps:
        entries.append(Entry(f"Some of the run's {', '.join(gaps)} never arrived: they have gaps", level="warn"))
    return [
        *entries, Entry(f"New fine-tuned model created: {name}"), Entry("The job has successfully completed")
    ]  # fmt: skip


def _is_finite(comparison: Comparison) -> bool:
    estimates = (comparison.before, comparison.after, comparison.difference)
    return all(math.isfinite(v) for e in estimates for v in (e.value, e.low, e.high))
