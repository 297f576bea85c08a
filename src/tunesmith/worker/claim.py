"""Asking for work, by long poll, for as long as it takes."""

import structlog

from tunesmith.client import problem_of
from tunesmith.client.errors import retry_after_s
from tunesmith.client.resources.worker import NoWork
from tunesmith.schemas.errors import Forbidden, Invalid, TunesmithError, Unauthenticated, WorkerTooOld
from tunesmith.worker.attempt import Claimed, Worker

log = structlog.get_logger()
SAME_CLAIM_S = 45.0
"""How long one claim_id is repeated: less than the shortest usual lease, so it can only answer the same one."""
REFUSED_TRIES = 3
FIRST_S = 1.0
IDLE_S = 1.0


async def claim(worker: Worker) -> Claimed:
    """The next job. Raises the server's refusal when the key, the version or the request will never do."""
    request, began = worker.claim_request(), worker.clock.monotonic()
    failures = refused = 0
    while True:
        asked_at = worker.clock.monotonic()
        try:
            reply = await worker.client.worker.claim(request)
        except TunesmithError as error:
            refused = refused + 1 if _is_refusal(error) else 0
            if refused >= REFUSED_TRIES or isinstance(error, WorkerTooOld):
                raise
            pause_s = retry_after_s(error) or worker.clock.backoff_s(
                failures, first_s=FIRST_S, longest_s=worker.settings.retry_longest_s
            )
            failures += 1
            log.warning("claim.repeated", failures=failures, reason=error.message)
            await worker.clock.sleep(pause_s)
            # A lost answer may have leased a job: the same claim_id brings it, while it can still be ours.
            if worker.clock.monotonic() - began > SAME_CLAIM_S:
                request, began = worker.claim_request(), worker.clock.monotonic()
            continue
        if not isinstance(reply, NoWork):
            log.info("job.claimed", job_id=reply.job_id, epoch=reply.epoch)
            return Claimed(request, reply)
        failures = refused = 0
        waited_s = worker.clock.monotonic() - asked_at
        pause_s = reply.retry_after_s if reply.retry_after_s is not None else max(0.0, IDLE_S - waited_s)
        await worker.clock.sleep(pause_s * worker.clock.between(0.8, 1.2))
        request, began = worker.claim_request(), worker.clock.monotonic()


def _is_refusal(error: TunesmithError) -> bool:
    return isinstance(error, (Unauthenticated, Forbidden, Invalid)) and problem_of(error) is not None
