"""A job's events as they happen, as server-sent events. No session is held between two looks at the table."""

import time
from collections.abc import AsyncIterator
from typing import LiteralString

from tunesmith.schemas.jobs import JobStatus
from tunesmith.server.db import Database, driver
from tunesmith.server.events import service as events
from tunesmith.server.events import stream
from tunesmith.server.events.service import StoredEvent
from tunesmith.server.events.stream import Hub, Waiter

KEEP_ALIVE_S = 15.0
WATCH_S = 45.0
"""A job counts as watched for this long after its reader last showed up."""
POLL_S = 2.0
"""How often to look while the hub does not listen."""
AT_ONCE = 500
"""Events of one look."""
COME_BACK_S = 1.0

# Takes the row's lock for a moment: what is being written now is committed before the first look, and whatever is
# written later sees that somebody watches and sends a notification. So no event can slip between.
WATCH: LiteralString = """
UPDATE jobs SET watched_until = tunesmith_now() + make_interval(secs => %(watch_s)s) WHERE id = %(job_id)s"""

STATUS: LiteralString = "SELECT status FROM jobs WHERE id = %(job_id)s"


async def follow(db: Database, hub: Hub, job_id: str, after_seq: int, life_s: float) -> AsyncIterator[bytes]:
    """Frames of every event behind `after_seq`, then [DONE] once the job has ended.

    After `life_s` seconds, or when the server stops, the stream ends and asks the client to come back.
    """
    ends_at = time.monotonic() + life_s
    told_at = 0.0
    with hub.waiter(events.CHANNEL, job_id) as waiter:
        while True:
            now = time.monotonic()
            quiet = now - told_at >= KEEP_ALIVE_S
            if quiet:
                await _watch(db, job_id)
            rows, ended = await _look(db, job_id, after_seq)
            for row in rows:
                yield stream.frame(events.id_of("ftevent-", job_id, row.seq), events.shown(row))
                after_seq = row.seq
            if len(rows) == AT_ONCE:
                continue
            if ended:
                yield stream.DONE
                return
            if now >= ends_at or waiter.stopping:
                yield stream.come_back(COME_BACK_S)
                return
            if quiet:
                if not rows:
                    yield stream.KEEP_ALIVE
                told_at = now
            await _wait(waiter, hub, ends_at)


async def _watch(db: Database, job_id: str) -> None:
    async with db.session() as session:
        await (await driver(session)).execute(WATCH, {"job_id": job_id, "watch_s": WATCH_S})


async def _look(db: Database, job_id: str, after_seq: int) -> tuple[list[StoredEvent], bool]:
    """New events, and whether there can be no more. The status is read first: its last event was written with it."""
    async with db.session() as session:
        connection = await driver(session)
        row = await (await connection.execute(STATUS, {"job_id": job_id})).fetchone()
        ended = row is None or JobStatus(row[0]).terminal
        return await events.after(connection, job_id, after_seq, AT_ONCE), ended


async def _wait(waiter: Waiter, hub: Hub, ends_at: float) -> None:
    longest = KEEP_ALIVE_S if hub.listening else POLL_S
    await waiter.wait(max(0.0, min(longest, ends_at - time.monotonic())))
