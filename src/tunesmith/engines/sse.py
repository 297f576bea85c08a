"""Server-sent events as OpenAI writes them: `data: JSON`, a blank line, and `data: [DONE]` at the end."""

import secrets
from collections.abc import AsyncIterator
from typing import Any

import orjson
import structlog

from tunesmith.schemas.errors import Internal, TunesmithError

log = structlog.get_logger()
DONE = b"data: [DONE]\n\n"


def frame(body: dict[str, Any]) -> bytes:
    """One event."""
    return b"data: " + orjson.dumps(body) + b"\n\n"


async def guarded(frames: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The frames; a failure in their midst becomes a last frame with the error, since the status is sent already."""
    try:
        async for each in frames:
            yield each
    except TunesmithError as e:
        yield frame(e.body())
    except Exception as e:  # noqa: BLE001  the client is told in the stream, the operator in the log
        yield frame(unexpected(e).body())


def unexpected(error: Exception) -> Internal:
    """An error without details for the client; they are in the log under the same incident id."""
    incident = secrets.token_hex(6)
    log.error("request.failed", incident=incident, exc_info=error)
    return Internal(f"The engine failed on this request. Look for incident {incident} in its log.")
