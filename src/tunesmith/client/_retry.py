"""When a call is worth a second try, and how long to wait: the rule OpenAI's client keeps, so servers are met alike."""

import random

import httpx
from tenacity import RetryCallState
from tenacity.retry import retry_if_exception
from tenacity.wait import wait_base

from tunesmith.client.errors import ServerUnreachable, UnreadableReply, response_of, retry_after_s

FIRST_S = 0.5
LONGEST_S = 8.0
LONGEST_ASKED_S = 120.0
"""A longer Retry-After is an answer, not a pause: the caller is told at once."""


def worth_a_retry(error: BaseException) -> bool:
    """True for broken connections, 408, 429, 5xx, and the one 409 that asks for it by Retry-After."""
    if isinstance(error, UnreadableReply):
        return False
    response = response_of(error)
    if response is None:
        return isinstance(error, ServerUnreachable)
    asked = retry_after_s(error)
    if asked is not None and asked > LONGEST_ASKED_S:
        return False
    return _says_so(response, asked)


def _says_so(response: httpx.Response, asked_s: float | None) -> bool:
    override = response.headers.get("x-should-retry")
    if override in ("true", "false"):
        return override == "true"
    if response.status_code == 409:
        return asked_s is not None  # a twin of this request is in flight
    return response.status_code in (408, 429) or response.status_code >= 500


retry_rule = retry_if_exception(worth_a_retry)


class RetryWait(wait_base):
    """Retry-After where it was sent, else 0.5 s doubling to 8 s with up to a quarter taken off at random."""

    def __call__(self, retry_state: RetryCallState) -> float:
        error = retry_state.outcome.exception() if retry_state.outcome else None
        asked = retry_after_s(error) if error else None
        if asked is not None:
            return asked
        return min(LONGEST_S, FIRST_S * 2 ** (retry_state.attempt_number - 1)) * random.uniform(0.75, 1.0)
