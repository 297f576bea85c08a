"""A task that is told to end ends, even when its first cancel is lost."""

import asyncio

from tunesmith.server import tasks


async def test_a_task_that_lost_a_cancel_is_cancelled_again():
    lost = 0

    async def stubborn() -> None:
        nonlocal lost
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if lost == 2:
                    raise
                lost += 1

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    await asyncio.wait_for(tasks.end(task), 10)
    assert task.cancelled()
    assert lost == 2


async def test_tasks_that_ended_or_failed_are_no_trouble():
    async def fails() -> None:
        raise KeyError

    done, failed = asyncio.create_task(asyncio.sleep(0)), asyncio.create_task(fails())
    await asyncio.wait({done, failed})
    await tasks.end(done, failed)
    await tasks.end()
