"""The worker's loop: claim, run, report, complete."""

import asyncio

import structlog

from tunesmith.schemas.training import TrainingFailure
from tunesmith.worker.artifacts import RunFailed
from tunesmith.worker.attempt import Attempt, Claimed, Worker
from tunesmith.worker.claim import claim
from tunesmith.worker.ending import Outcome, fail, hand_in, step_down
from tunesmith.worker.lease import Stop, Stopped

log = structlog.get_logger()


async def work(worker: Worker) -> None:
    """Takes one job after another until the worker is told to stop or its server drains it."""
    while (claimed := await _claim_unless_stopping(worker)) is not None:
        outcome = await run(worker, claimed)
        log.info("run.ended", job_id=claimed.reply.job_id, epoch=claimed.reply.epoch, outcome=outcome)
        if outcome is Outcome.DRAINED:
            return


async def run(worker: Worker, claimed: Claimed) -> Outcome:
    """One job from its first report to its end."""
    attempt = Attempt(worker, claimed)
    async with attempt.open():
        try:
            await attempt.guard(attempt.reporter.answered())
            spec = await attempt.guard(attempt.bring_inputs())
            child = await attempt.guard(attempt.start_child(spec))
            ended = await attempt.guard(child.wait())
            finish_s = worker.settings.shutdown_s
            return await attempt.guard(hand_in(attempt, ended), least=Stop.SHUTDOWN, finish_s=finish_s)
        except Stopped as stopped:
            return await step_down(attempt, stopped.stop)
        except RunFailed as failed:
            return await _fail(attempt, failed.failure)
        except OSError as error:
            return await _fail(attempt, _machine_failure(error))


async def _claim_unless_stopping(worker: Worker) -> Claimed | None:
    claiming = asyncio.ensure_future(claim(worker))
    stopping = asyncio.ensure_future(worker.stopping.wait())
    try:
        await asyncio.wait({claiming, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return claiming.result() if claiming.done() else None
    finally:
        claiming.cancel()
        stopping.cancel()


async def _fail(attempt: Attempt, failure: TrainingFailure) -> Outcome:
    if attempt.child is not None:
        attempt.child.kill()
    try:
        return await attempt.guard(fail(attempt, failure), least=Stop.SHUTDOWN)
    except Stopped as stopped:
        return await step_down(attempt, stopped.stop)


def _machine_failure(error: OSError) -> TrainingFailure:
    message = f"The worker's machine could not go on: {error}. Look at its disk and its training program."
    return TrainingFailure(failure_class="infra", code="worker_machine", message=message)
