"""Ending asyncio tasks for certain."""

import asyncio
from typing import Any

_AGAIN_S = 0.2


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancels the tasks until each has ended; what they raise is dropped.

    Once is not enough: up to Python 3.11 `asyncio.wait_for`, which psycopg waits by, loses a cancel that comes
    together with what is waited for, and a loop around it would go on for ever.
    """
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_AGAIN_S)
    await asyncio.gather(*tasks, return_exceptions=True)
