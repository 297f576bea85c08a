"""Everything that changes in a project, as one stream a reader: no session is held between two looks at the tables.

There is no number that orders the events of all jobs, so a reader goes on from a moment: it looks back a little further
than it must, and knows by each job's own numbers what it has told. A look is made while the reader takes what it is
given, so one that is slow looks less often and holds no more.
"""

import datetime as dt
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from typing import Any, cast

from sqlalchemy import BigInteger, String, column, func, literal, literal_column, or_, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from tunesmith import __version__
from tunesmith.schemas.errors import Invalid, Unavailable
from tunesmith.schemas.jobs import Job, JobStatus
from tunesmith.schemas.live import LiveEvent, LiveHello, LiveJob, LiveMessage, LiveMetrics
from tunesmith.server.accounts.auth import Caller
from tunesmith.server.accounts.scope import owned
from tunesmith.server.db import Database
from tunesmith.server.events import service as events
from tunesmith.server.events import stream
from tunesmith.server.events.service import StoredEvent
from tunesmith.server.events.stream import Hub
from tunesmith.server.events.tables import JobEventRow
from tunesmith.server.jobs import facts, shapes
from tunesmith.server.jobs.tables import JobRow

KEEP_ALIVE_S = 15.0
LOOK_S = 2.0
"""How often to look when nobody calls; a job is told at most once in this time."""
WAITING_LOOK_S = 10.0
"""How often to look whether jobs that wait have moved up."""
WATCH_S = 45.0
COME_BACK_S = 1.0
OVERLAP = dt.timedelta(seconds=15)
"""An event carries the time at which its transaction began: one that took this long to commit is still told."""
REMEMBERED = dt.timedelta(minutes=10)
"""A reader that was away for longer looks again at everything instead."""
EVENTS_AT_ONCE = 500
JOBS_AT_ONCE = 100
WAITING_AT_ONCE = 50
_CURSOR = "live-"


async def live(
    db: Database,
    hub: Hub,
    caller: Caller,
    watched: Sequence[str],
    after: str | None,
    life_s: float,
    price_per_hour: float,
) -> AsyncIterator[bytes]:
    """Frames for the jobs that the caller may see: hello, then each change and event, and points of `watched` jobs.

    After `life_s` seconds, when the server stops, or when the database is away, the stream ends and asks the client to
    come back.
    """
    ends_at = time.monotonic() + life_s
    told_at = 0.0
    view = View(caller, frozenset(watched), _moment(after) if after else None, price_per_hour)
    with hub.waiter_for([(events.CHANNEL, job_id) for job_id in watched]) as waiter:
        try:
            async with db.session() as session:
                resumed = await view.begin(session)
            yield _framed(LiveHello(version=__version__, resumed=resumed))
            while True:
                quiet = time.monotonic() - told_at >= KEEP_ALIVE_S
                async with db.session() as session:
                    if quiet:
                        await view.watch(session)
                    told = await view.look(session)
                for message in told:
                    yield _framed(message)
                if told or quiet:
                    yield stream.mark(view.cursor)
                if quiet:
                    told_at = time.monotonic()
                if view.behind:
                    continue
                if time.monotonic() >= ends_at or waiter.stopping:
                    break
                await waiter.wait(max(0.0, min(view.next_look_s(), ends_at - time.monotonic())))
        except Unavailable:
            pass  # the client is told to come back, and the next call says what is wrong
        yield stream.come_back(COME_BACK_S)


def _framed(message: LiveMessage) -> bytes:
    return stream.named_frame(message.object.partition(".")[2], message)


def _moment(cursor: str) -> dt.datetime:
    """The time in a cursor. Raises Invalid for any other text."""
    digits = cursor.removeprefix(_CURSOR)
    if digits == cursor or not (digits.isascii() and digits.isdigit() and len(digits) <= 13):
        raise Invalid(f"Invalid 'after': {cursor[:80]!r} is no id of this stream.", param="after")
    return dt.datetime.fromtimestamp(int(digits) / 1000, dt.UTC)


def check_cursor(cursor: str) -> None:
    """Raises Invalid when the text is no cursor of this stream, before its answer begins."""
    _moment(cursor)


@dataclass
class View:
    """What one reader has been told."""

    caller: Caller
    watched: frozenset[str]
    since: dt.datetime | None
    """All that happened until then was told; by the database's clock."""
    price_per_hour: float
    """Of a worker's time."""
    behind: bool = False
    """The last look found more than it could tell."""
    _seqs: dict[str, tuple[int, dt.datetime]] = field(default_factory=dict[str, tuple[int, dt.datetime]])
    """The newest event told of each job that had one lately, and its time."""
    _versions: dict[str, str] = field(default_factory=dict[str, str])
    """Each leased job's row version."""
    _changed: dict[str, None] = field(default_factory=dict[str, None])
    """Jobs to tell, oldest change first."""
    _told_at: dict[str, float] = field(default_factory=dict[str, float])
    _waiting: dict[str, int] = field(default_factory=dict[str, int])
    """How each job that waits was told."""
    _waiting_looked_at: float = field(default_factory=time.monotonic)

    @property
    def cursor(self) -> str:
        return f"{_CURSOR}{int(cast('dt.datetime', self.since).timestamp() * 1000)}"

    async def begin(self, session: AsyncSession) -> bool:
        """Whether it can go on from where the reader was."""
        now = await _now(session)
        resumed = self.since is not None and now - REMEMBERED <= self.since <= now + OVERLAP
        if not resumed:
            self.since = now
        return resumed

    async def watch(self, session: AsyncSession) -> None:
        """Workers of the watched jobs report more often for a while, and call when they do."""
        if not self.watched:
            return
        mine = owned(select(JobRow.id).where(JobRow.id.in_(self.watched)), JobRow, self.caller)
        ended = [status.value for status in JobStatus if status.terminal]
        until = text(f"tunesmith_now() + interval '{WATCH_S:.0f} seconds'")
        await session.execute(
            update(JobRow)
            .where(JobRow.id.in_(mine), JobRow.status.not_in(ended))
            .values(watched_until=until)
            .execution_options(synchronize_session=False)
        )

    async def look(self, session: AsyncSession) -> list[LiveMessage]:
        """What is new: events and points first, then the jobs as they are now."""
        now = await _now(session)
        rows = await self._new_events(session)
        self.behind = len(rows) == EVENTS_AT_ONCE
        self._note_events(rows, now)
        await self._note_leased(session)
        told: list[LiveMessage] = [*_told(rows), *await self._jobs(session), *await self._moved_up(session)]
        return told

    def next_look_s(self) -> float:
        """Sooner where a job waits to be told."""
        now = time.monotonic()
        return min((max(0.05, self._due(job_id) - now) for job_id in islice(self._changed, 1)), default=LOOK_S)

    def _due(self, job_id: str) -> float:
        return self._told_at.get(job_id, -LOOK_S) + LOOK_S

    async def _new_events(self, session: AsyncSession) -> list[StoredEvent]:
        return [StoredEvent(*each) for each in await session.execute(self.events_statement())]

    def events_statement(self) -> Any:
        """Events behind what was told of each job. Within a job they come in order, so that a cut leaves no gap."""
        row = JobEventRow
        known = func.unnest(
            literal(list(self._seqs), ARRAY(String)),
            literal([seq for seq, _ in self._seqs.values()], ARRAY(BigInteger)),
        ).table_valued(column("id", String), column("seq", BigInteger), name="known", joins_implicitly=True)
        known = known.render_derived()
        points = row.job_id.in_(self.watched) & row.superseded.is_(False) if self.watched else literal(False)
        statement = (
            select(row.job_id, row.seq, row.created_at, row.level, row.type, row.message, row.data)
            .join(JobRow, JobRow.id == row.job_id)
            .outerjoin(known, known.c.id == row.job_id)
            .where(
                row.created_at >= cast("dt.datetime", self.since) - OVERLAP,
                row.seq > func.coalesce(known.c.seq, 0),
                or_(row.type == "message", points),
            )
            .order_by(row.job_id, row.seq)
            .limit(EVENTS_AT_ONCE)
        )
        return owned(cast("Any", statement), JobRow, self.caller)

    def _note_events(self, rows: Iterable[StoredEvent], now: dt.datetime) -> None:
        for row in rows:
            self._seqs[row.job_id] = row.seq, row.created_at
            self._changed.setdefault(row.job_id)
        if not self.behind:
            self.since = now
            oldest = now - 2 * OVERLAP
            self._seqs = {job_id: told for job_id, told in self._seqs.items() if told[1] >= oldest}

    async def _note_leased(self, session: AsyncSession) -> None:
        found: Any = await session.execute(self.leased_statement())
        now: dict[str, str] = dict(found.tuples().all())
        moved = [job_id for job_id, version in now.items() if self._versions.get(job_id) != version]
        freed = [job_id for job_id in self._versions if job_id not in now]
        self._changed.update(dict.fromkeys([*moved, *freed]))
        self._versions = now

    def leased_statement(self) -> Any:
        """Leased jobs with their row's version: each write of a worker makes a new one."""
        versions = select(JobRow.id, literal_column("jobs.xmin::text")).where(JobRow.claim_id.is_not(None))
        return owned(cast("Any", versions), JobRow, self.caller)

    async def _jobs(self, session: AsyncSession) -> list[LiveMessage]:
        now = time.monotonic()
        due = list(islice((job_id for job_id in self._changed if self._due(job_id) <= now), JOBS_AT_ONCE))
        if not due:
            return []
        self._told_at = {job_id: at for job_id, at in self._told_at.items() if at > now - LOOK_S}
        for job_id in due:
            del self._changed[job_id]
            self._told_at[job_id] = now
        jobs = await self._shown(session, select(JobRow).where(JobRow.id.in_(due)))
        return [LiveJob(job=job) for job in jobs]

    async def _moved_up(self, session: AsyncSession) -> list[LiveMessage]:
        """Jobs that wait and whose place or reason is another one: no row of theirs says so."""
        now = time.monotonic()
        if now - self._waiting_looked_at < WAITING_LOOK_S:
            return []
        self._waiting_looked_at = now
        waiting = (
            select(JobRow)
            .where(JobRow.status == JobStatus.QUEUED.value, JobRow.claim_id.is_(None))
            .order_by(JobRow.priority.desc(), JobRow.created_at, JobRow.id)
            .limit(WAITING_AT_ONCE)
        )
        before, self._waiting = self._waiting, {}
        told: list[LiveMessage] = []
        for job in await self._shown(session, waiting):
            self._waiting[job.id] = hash(job.model_dump_json())
            if before.get(job.id) not in (None, self._waiting[job.id]):
                told.append(LiveJob(job=job))
        return told

    async def _shown(self, session: AsyncSession, statement: Any) -> list[Job]:
        rows = list(await session.scalars(owned(statement, JobRow, self.caller)))
        if not rows:
            return []
        known = await facts.gather(session, rows, self.price_per_hour, sparklines=True)
        return [shapes.shown(row, known) for row in rows]


async def _now(session: AsyncSession) -> dt.datetime:
    """When this transaction began: what commits later was not seen by it."""
    return cast("dt.datetime", await session.scalar(text("SELECT tunesmith_now()")))


def _told(rows: Sequence[StoredEvent]) -> list[LiveMessage]:
    told: list[LiveMessage] = []
    for job_id, of_job in groupby(rows, key=lambda row: row.job_id):
        points = []
        for row in of_job:
            if row.type == "metrics":
                points.append(events.shown_metric(row))
            else:
                told.append(LiveEvent(job_id=job_id, event=events.shown(row)))
        if points:
            told.append(LiveMetrics(job_id=job_id, points=points))
    return told
