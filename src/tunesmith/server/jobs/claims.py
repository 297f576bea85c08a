"""A claim's answer: the spec, signed links to its files, the lease. And the wait for work, with no session held."""

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, LiteralString

import orjson
from fastapi import Request

from tunesmith.schemas.worker import ClaimRequest
from tunesmith.server.accounts import auth
from tunesmith.server.accounts.auth import Caller
from tunesmith.server.accounts.tables import FIRST_PROJECT
from tunesmith.server.db import Connection, Database
from tunesmith.server.events.stream import Hub
from tunesmith.server.jobs import queue, states
from tunesmith.server.jobs.bodies import body_of
from tunesmith.server.jobs.fence import LeaseToken
from tunesmith.server.jobs.queue import Claimed
from tunesmith.server.models.service import Sign
from tunesmith.server.settings import Settings

POLL_S = (1.0, 2.0)
"""How often to look without having been woken: a job that was sent back becomes due without a word."""

SMALLER_AFTER_OOM = 4
"""Micro-batches shrink by this when memory ran out."""

RESUME: LiteralString = """
SELECT step, manifest FROM checkpoints
WHERE job_id = %(job_id)s AND kind = 'resume' AND dropped_at IS NULL ORDER BY step DESC LIMIT 1"""


@dataclass(frozen=True)
class Lessor:
    """What a lease is made with."""

    db: Database
    hub: Hub
    settings: Settings
    lease_secret: bytes
    sign: Sign


async def claim(lessor: Lessor, key: str, request: Request) -> bytes | None:
    """A leased job as ClaimReply's JSON, waiting for one up to `wait_s`; None when there is none.

    A worker key of the first project, such as the installation's own worker.key, serves every project; any other key
    only the project that it belongs to. The same claim_id again answers the same lease.
    """
    began = time.monotonic()
    known = auth.worker_key_inside.recall(key)
    if known is not None and (reply := await _again(lessor, known, request)) is not None:
        return reply
    with lessor.hub.waiter(states.QUEUE_CHANNEL) as waiter:
        async with lessor.db.lean(each_alone=True) as connection:
            worker = auth.remember(request, await auth.worker_key_inside.caller(connection, key))
            body = await body_of(request, ClaimRequest)
            scope = _scope(worker)
            job_id = await queue.greet(connection, worker, scope, body)
            held = await queue.held(connection, job_id) if job_id is not None else None
            reply = await _reply(lessor, connection, held) if held else await _try(lessor, connection, scope, body)
        while True:
            left_s = began + body.wait_s - time.monotonic()
            if reply is not None or left_s <= 0 or waiter.stopping or await request.is_disconnected():
                return reply
            await waiter.wait(min(left_s, random.uniform(*POLL_S)))
            async with lessor.db.lean(each_alone=True) as connection:
                reply = await _try(lessor, connection, scope, body)


async def _again(lessor: Lessor, worker: Caller, request: Request) -> bytes | None:
    """The reply to a worker that has claimed here before, by one statement; None: it takes the long way."""
    body = await body_of(request, ClaimRequest)
    async with lessor.db.lean(each_alone=True) as connection:
        deadline_s = lessor.settings.start_deadline_s
        found = await queue.claim_again(connection, worker, _scope(worker), body, deadline_s)
        if found is None:
            return None
        auth.remember(request, worker)
        return await _reply(lessor, connection, found)


def _scope(worker: Caller) -> str | None:
    return None if worker.project_slug == FIRST_PROJECT else worker.project_id


async def _try(lessor: Lessor, connection: Connection, scope: str | None, body: ClaimRequest) -> bytes | None:
    found = await queue.claim(connection, scope, body, lessor.settings.start_deadline_s)
    return await _reply(lessor, connection, found) if found is not None else None


async def _reply(lessor: Lessor, connection: Connection, job: Claimed) -> bytes:
    """ClaimReply as JSON. Its parts come from our own tables, so they are not validated again."""
    token = LeaseToken(job.job_id, job.epoch, job.claim_id)
    data = {name: job.inputs[name] for name in ("training", "validation") if job.inputs.get(name)}
    parent = job.inputs.get("parent")
    return orjson.dumps(
        {
            "job_id": job.job_id,
            "epoch": job.epoch,
            "lease_token": token.signed(lessor.lease_secret),
            "ttl_s": lessor.settings.lease_ttl_s,
            "report_s": lessor.settings.report_interval_s,
            "spec": _spec(job, lessor.settings),
            "inputs": [_download(file, file["name"], lessor.sign) for file in data.values()],
            "parent": [_download(file, file["path"], lessor.sign) for file in parent] if parent is not None else None,
            "resume": await _resume(connection, job, lessor.sign) if job.epoch > 1 else None,
        }
    )


def _spec(job: Claimed, settings: Settings) -> dict[str, Any]:
    """TrainingSpec; its paths are names of `inputs`, for which the worker puts its own."""
    validation = job.inputs.get("validation")
    return {
        "job_id": job.job_id,
        "task": job.task,
        "method": job.method,
        "adaptation": job.adaptation,
        "backend": job.backend,
        "base": job.base,
        "training_file": _input(job.inputs["training"]),
        "validation_file": _input(validation) if validation else None,
        "validation_split": job.validation_split,
        "hyperparameters": job.wanted,
        "seed": job.seed,
        "micro_batch_divisor": SMALLER_AFTER_OOM**job.oom_retries,
        "output_model": job.delivery["repo"] if job.delivery else None,
        "output_weights": job.delivery["weights"] if job.delivery else "adapter",
        "checkpoint_interval_s": settings.checkpoint_interval_s,
    }


def _input(file: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "path": file["name"],
        "format": file["format"],
        "compression": file.get("compression"),
        "sha256": file["sha256"],
    }


def _download(file: Mapping[str, Any], name: str, sign: Sign) -> dict[str, Any]:
    return {
        "name": name,
        "size_bytes": file["size_bytes"],
        "sha256": file["sha256"],
        "url": sign(f"/storage/v1/{file['sha256']}", name=name),
    }


async def _resume(connection: Connection, job: Claimed, sign: Sign) -> dict[str, Any] | None:
    """The last committed resume checkpoint."""
    row = await (await connection.execute(RESUME, {"job_id": job.job_id})).fetchone()
    if row is None:
        return None
    return {"step": row[0], "files": [_download(file, file["path"], sign) for file in row[1]]}
