"""The hub: who waits is woken, and a broken connection is made again."""

import asyncio

import psycopg
import pytest

from tunesmith.schemas.jobs import JobEvent
from tunesmith.server.db import libpq_url
from tunesmith.server.events import stream
from tunesmith.server.events.stream import Hub


@pytest.fixture
async def hub(database_url):
    made = Hub(database_url, ("t_events", "t_queue"), asyncio.Event())
    async with made.running():
        async with asyncio.timeout(10):
            while not made.listening:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        yield made


async def notify(database_url, channel, payload=""):
    async with await psycopg.AsyncConnection.connect(libpq_url(database_url), autocommit=True) as connection:
        await connection.execute("SELECT pg_notify(%s, %s)", [channel, payload])


async def woken(waiter, within_s=5.0):
    loop = asyncio.get_running_loop()
    started = loop.time()
    await waiter.wait(within_s)
    return loop.time() - started < within_s * 0.9


async def test_a_notification_wakes_its_own_topic_alone(hub, database_url):
    with hub.waiter("t_events", "a") as mine, hub.waiter("t_events", "b") as other:
        await notify(database_url, "t_events", "a")
        assert await woken(mine)
        assert not await woken(other, 0.05)


async def test_a_word_that_came_before_the_wait_is_not_lost(hub, database_url):
    with hub.waiter("t_queue") as waiter, hub.waiter("t_queue") as witness:
        await notify(database_url, "t_queue")
        assert await woken(witness)
        assert await woken(waiter)
        assert not await woken(waiter, 0.05)


async def test_after_a_cut_everybody_is_woken_and_words_arrive_again(hub, database_url):
    with hub.waiter("t_queue") as waiter:
        async with await psycopg.AsyncConnection.connect(libpq_url(database_url), autocommit=True) as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE query LIKE 'LISTEN%%' AND datname = current_database()"
            )
        assert await woken(waiter)
        await notify(database_url, "t_queue")
        assert await woken(waiter)


def test_nothing_in_an_event_can_end_its_frame():
    event = JobEvent(
        id="ftevent-a-1", created_at=1, level="info", message="a\n\ndata: [DONE]\r\nid: 7", type="message", data=None
    )
    frame = stream.frame(event.id, event)
    assert frame.startswith(b"id: ftevent-a-1\ndata: {")
    assert frame.count(b"\n") == 3
    assert b"\r" not in frame
