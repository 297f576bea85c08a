"""How a run ends: handed in, failed, handed back, or dropped."""

import asyncio
import json
from collections.abc import Coroutine
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import structlog
from pydantic import ValidationError

from tunesmith.client import TunesmithError
from tunesmith.schemas.training import EXIT_DONE, EXIT_STOPPED, TrainingFailure, TrainingResult
from tunesmith.schemas.worker import CompleteReply, CompleteRequest, FailRequest, ReleaseRequest
from tunesmith.worker.artifacts import RunFailed
from tunesmith.worker.attempt import Attempt
from tunesmith.worker.calls import REFUSALS
from tunesmith.worker.lease import Stop, Stopped
from tunesmith.worker.process import Exit
from tunesmith.worker.progress import finite

log = structlog.get_logger()
FLUSH_S = 30.0
"""Longest wait for the streams before an outcome is told without their last items."""
RELEASE_TRIES = 3
RELEASE_TIMEOUT_S = 2.0
REASONS: dict[Stop, Literal["shutdown", "paused", "drain"]] = {
    Stop.PAUSE: "paused",
    Stop.DRAIN: "drain",
    Stop.SHUTDOWN: "shutdown",
}


class Outcome(StrEnum):
    """What became of a claim, as this worker knows it."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    RELEASED = "released"
    DRAINED = "drained"
    CANCELLED = "cancelled"
    LOST = "lost"


async def hand_in(attempt: Attempt, ended: Exit) -> Outcome:
    """Tells the server what the child made: its model, or why there is none."""
    if ended.code != EXIT_DONE:
        return await fail(attempt, failure_of(ended, attempt.folder.out))
    try:
        return await _complete(attempt, read_result(attempt.folder.out))
    except RunFailed as failed:
        return await fail(attempt, failed.failure)


async def fail(attempt: Attempt, failure: TrainingFailure) -> Outcome:
    """Tells why the run ended; a retry, if the server decides on one, starts from what was uploaded before."""
    await _within(attempt.settings.grace_s, attempt.uploader.drain())
    await _within(FLUSH_S, attempt.reporter.flush())
    wire = attempt.lease.wire
    request = FailRequest(
        epoch=wire.epoch,
        failure_class=failure.failure_class,
        code=failure.code[:64],
        message=failure.message,
    )
    reply = await attempt.caller.persist(lambda: attempt.client.worker.fail(wire, request))
    log.warning("run.failed", job_id=wire.job_id, code=failure.code, decision=reply.decision, reason=failure.message)
    return Outcome.FAILED


async def step_down(attempt: Attempt, stop: Stop) -> Outcome:
    """Obeys an order: a checkpoint and the job handed back, or everything dropped at once."""
    if stop >= Stop.CANCELLED:
        return _drop(attempt, stop)
    if stop is Stop.SHUTDOWN:
        return await _leave(attempt, "shutdown")
    try:
        return await attempt.guard(_hand_back(attempt, stop), least=Stop.SHUTDOWN)
    except Stopped as stronger:
        if stronger.stop is Stop.SHUTDOWN:
            return await _leave(attempt, REASONS[stop])
        return _drop(attempt, stronger.stop)


def failure_of(ended: Exit, out: Path) -> TrainingFailure:
    """Why the child ended: its own words where it left them, else what its exit tells."""
    try:
        return TrainingFailure.model_validate_json((out / "failure.json").read_bytes(), extra="ignore")
    except (FileNotFoundError, ValidationError):
        pass  # it ended without a word
    last = f" Its last lines:\n{ended.stderr[-6000:]}" if ended.stderr else ""
    if ended.oom:
        text = (
            "The kernel ended the run because memory ran out. Use a smaller max_seq_len or batch_size, adaptation lora "
            "or qlora, or a worker with more memory."
        )
        return TrainingFailure(failure_class="oom", code="out_of_memory", message=text)
    if ended.signal == 9:
        return TrainingFailure(failure_class="infra", code="killed", message=f"The run was killed (signal 9).{last}")
    if ended.code == EXIT_STOPPED or ended.signal == 15:
        text = f"The run was stopped by somebody on its machine.{last}"
        return TrainingFailure(failure_class="preempted", code="stopped", message=text)
    how = f"signal {ended.signal}" if ended.signal else f"exit code {ended.code}"
    return TrainingFailure(failure_class="internal", code="internal", message=f"The run ended with {how}.{last}")


def read_result(out: Path) -> TrainingResult:
    """`out/result.json`. Raises RunFailed when it is absent or not what it should be."""
    try:
        return TrainingResult.model_validate(finite(json.loads((out / "result.json").read_bytes())), extra="ignore")
    except (OSError, ValueError) as error:
        message = f"The training program ended well but its result.json is missing or unreadable: {error}"[:8000]
        failure = TrainingFailure(failure_class="internal", code="internal", message=message)
        raise RunFailed(failure) from error


async def _complete(attempt: Attempt, result: TrainingResult) -> Outcome:
    """Published checkpoints, the model, the streams' ends, and then the word."""
    attempt.reporter.phase("uploading_result")
    attempt.uploader.drop_resume()
    await attempt.uploader.drain()
    upload_id = await _upload_result(attempt, result)
    wire = attempt.lease.wire
    while True:
        await _within(FLUSH_S, attempt.reporter.flush())
        request = CompleteRequest(
            epoch=wire.epoch, upload_id=upload_id, result=result, last_seq=attempt.reporter.positions
        )
        reply = await attempt.caller.persist(lambda request=request: attempt.client.worker.complete(wire, request))
        if isinstance(reply, CompleteReply):
            log.info("run.succeeded", job_id=wire.job_id, model=reply.fine_tuned_model)
            return Outcome.SUCCEEDED
        attempt.reporter.rewind(reply.next_seq)


async def _upload_result(attempt: Attempt, result: TrainingResult) -> str:
    try:
        return await attempt.uploader.send("result", result.steps, attempt.folder.out / "model", result.metrics)
    except REFUSALS as error:
        message = f"The trained model was not accepted: {error.message}"[:8000]
        failure = TrainingFailure(failure_class="internal", code=error.error_code, message=message)
        raise RunFailed(failure) from error


async def _hand_back(attempt: Attempt, stop: Stop) -> Outcome:
    """Pause and drain: a checkpoint is written and stored before the job is released."""
    if attempt.child is not None:
        ended = await attempt.child.stop(attempt.orders.grace_s or attempt.settings.grace_s)
        if ended.code != EXIT_STOPPED and ended.signal is None:
            return await hand_in(attempt, ended)  # it came to its own end meanwhile
    await attempt.uploader.drain()
    await _within(FLUSH_S, attempt.reporter.flush())
    wire = attempt.lease.wire
    request = ReleaseRequest(epoch=wire.epoch, reason=REASONS[stop])
    await attempt.caller.persist(lambda: attempt.client.worker.release(wire, request))
    log.info("run.released", job_id=wire.job_id, reason=request.reason)
    return Outcome.DRAINED if stop is Stop.DRAIN else Outcome.RELEASED


async def _leave(attempt: Attempt, reason: Literal["shutdown", "paused", "drain"]) -> Outcome:
    """Shutdown: a checkpoint if it is quick, the job handed back in any case, within two seconds."""
    if attempt.child is not None:
        attempt.child.terminate()
        await _within(attempt.settings.shutdown_s, _checkpoint(attempt))
    wire = attempt.lease.wire
    request = ReleaseRequest(epoch=wire.epoch, reason=reason)
    for _ in range(RELEASE_TRIES):
        try:
            await attempt.client.worker.release(wire, request, timeout_s=RELEASE_TIMEOUT_S)
            log.info("run.released", job_id=wire.job_id, reason=reason)
            return Outcome.RELEASED
        except TunesmithError as error:
            if attempt.lease.is_stop_order(error):
                return Outcome.LOST
            log.warning("release.failed", job_id=wire.job_id, reason=error.message)
            await attempt.worker.clock.sleep(attempt.worker.clock.between(0, 0.5))
    return Outcome.LOST  # the lease runs out by itself


async def _checkpoint(attempt: Attempt) -> None:
    if attempt.child is not None:
        await attempt.child.wait()
    await attempt.uploader.drain()


def _drop(attempt: Attempt, stop: Stop) -> Outcome:
    if attempt.child is not None:
        attempt.child.kill()
    log.info("run.dropped", job_id=attempt.lease.wire.job_id, reason=stop.name.lower())
    return Outcome.CANCELLED if stop is Stop.CANCELLED else Outcome.LOST


async def _within(seconds: float, step: Coroutine[Any, Any, None]) -> None:
    """The step, given up when it takes longer: what it would have brought is not worth more waiting."""
    try:
        async with asyncio.timeout(seconds):
            await step
    except TimeoutError:
        log.warning("step.given_up", after_s=seconds)
