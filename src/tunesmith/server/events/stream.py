"""Who waits is woken: a hub that listens to PostgreSQL's notifications, and the frames of server-sent events.

A notification is a hint. Whoever waits looks at the table when woken, and also after a while without a word, since the
listening connection may break at any time.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Generator, Iterable
from contextlib import asynccontextmanager
from typing import LiteralString

import orjson
import psycopg
import structlog
from pydantic import BaseModel

from tunesmith.server import tasks
from tunesmith.server.db import libpq_url

log = structlog.get_logger()

KEEP_ALIVE = b": keep-alive\n\n"
DONE = b"data: [DONE]\n\n"
RECONNECT_MAX_S = 5.0


class Hub:
    """Wakes waiters by topic: a notification on channel C with payload P wakes the topic (C, P)."""

    def __init__(self, url: str, channels: tuple[LiteralString, ...], stopping: asyncio.Event) -> None:
        self._url = libpq_url(url)
        self._channels = channels
        self._stopping = stopping
        self._waiters: dict[tuple[str, str], set[Waiter]] = {}
        self.listening = False
        """False while there is no connection: waiters should look more often by themselves."""

    @contextlib.contextmanager
    def waiter(self, channel: str, payload: str = "") -> "Generator[Waiter]":
        """A waiter for the length of a block. Look at the table after this begins, or a word may be missed."""
        with self.waiter_for([(channel, payload)]) as waiter:
            yield waiter

    @contextlib.contextmanager
    def waiter_for(self, topics: Iterable[tuple[str, str]]) -> "Generator[Waiter]":
        """The same for several topics, (channel, payload) each: whichever is called first wakes it."""
        # A topic of its own too, which nobody calls: so it is woken with all others when there are no topics.
        waiter = Waiter(self._stopping)
        mine = {*topics, ("", str(id(waiter)))}
        for topic in mine:
            self._waiters.setdefault(topic, set()).add(waiter)
        try:
            yield waiter
        finally:
            for topic in mine:
                group = self._waiters[topic]
                group.discard(waiter)
                if not group:
                    del self._waiters[topic]

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Listens for the length of the block; everybody is woken when the process is told to stop."""
        listening = [asyncio.create_task(self._listen_on()), asyncio.create_task(self._wake_at_stop())]
        try:
            yield
        finally:
            await tasks.end(*listening)

    async def _listen_on(self) -> None:
        """A broken connection is made again, and then everybody is woken to look."""
        wait_s = 0.1
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as connection:
                    wait_s = 0.1
                    await self._listen(connection)
            except psycopg.Error as e:
                log.warning("events.listening_broke", reason=type(e).__name__, again_in_s=wait_s)
            finally:
                self.listening = False
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, RECONNECT_MAX_S)

    async def _listen(self, connection: psycopg.AsyncConnection) -> None:
        for channel in self._channels:
            await connection.execute(f"LISTEN {channel}")
        self.listening = True
        self.wake_all()
        async for notice in connection.notifies():
            for waiter in self._waiters.get((notice.channel, notice.payload), ()):
                waiter.wake()

    async def _wake_at_stop(self) -> None:
        await self._stopping.wait()
        self.wake_all()

    def wake_all(self) -> None:
        """Everybody looks."""
        for group in self._waiters.values():
            for waiter in group:
                waiter.wake()


class Waiter:
    """One who waits."""

    def __init__(self, stopping: asyncio.Event) -> None:
        self._stopping = stopping
        self._woken = asyncio.Event()

    @property
    def stopping(self) -> bool:
        """The process ends: stop waiting."""
        return self._stopping.is_set()

    def wake(self) -> None:
        self._woken.set()

    async def wait(self, timeout_s: float) -> None:
        """Until woken, or `timeout_s` seconds. A word that came before is not lost."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._woken.wait()
        self._woken.clear()


def frame(event_id: str, data: BaseModel) -> bytes:
    """One message. The id is what a client sends back as Last-Event-ID; JSON holds no line breaks, so nothing in the
    data can end the frame."""
    return b"id: " + event_id.encode() + b"\ndata: " + orjson.dumps(data.model_dump(mode="json")) + b"\n\n"


def named_frame(name: str, data: BaseModel) -> bytes:
    """One message of the kind `name`, without an id: `mark` says later that all until there was told."""
    return b"event: " + name.encode() + b"\ndata: " + orjson.dumps(data.model_dump(mode="json")) + b"\n\n"


def mark(event_id: str) -> bytes:
    """What a client sends back as Last-Event-ID from now on; no message."""
    return b"id: " + event_id.encode() + b"\n\n"


def come_back(after_s: float) -> bytes:
    """Asks the client to connect again: the stream has reached the end of its bounded life."""
    return f"retry: {int(after_s * 1000)}\n\n".encode()
