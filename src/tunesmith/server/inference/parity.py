"""Whether engines do with a tuned model what its training saw: each new version is asked its probes once.

A version waits with `parity` null, or pending. One is taken at a time, by a mark in its row instead of a held session,
so that several servers never ask the same one at once; then an engine works as long as it needs.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any, LiteralString

import orjson
import structlog
from psycopg.rows import class_row
from psycopg.types.json import Jsonb
from pydantic import ValidationError

from tunesmith.schemas.accounts import KeyKind
from tunesmith.schemas.errors import NoEngine, Unavailable
from tunesmith.schemas.inference import ServedModel
from tunesmith.schemas.models import BaseModelEntry, Parity, Probe
from tunesmith.schemas.parity import MAX_PROBES, ParityCall, ParityReply
from tunesmith.schemas.shape import Adaptation, Task
from tunesmith.server.accounts.auth import Caller
from tunesmith.server.clock import epoch_s
from tunesmith.server.db import Database, driver
from tunesmith.server.events import service as events
from tunesmith.server.events.service import Entry
from tunesmith.server.inference import router
from tunesmith.server.inference.agreement import judge
from tunesmith.server.inference.engine_client import EngineAway, EngineClient
from tunesmith.server.inference.router import Engine
from tunesmith.server.jobs import fence
from tunesmith.server.models import service as models
from tunesmith.server.models.tables import TO_COMPARE
from tunesmith.server.settings import Settings
from tunesmith.server.storage import links

log = structlog.get_logger()

ASKING = "An engine is being asked."
ASK_AGAIN_S = 60
"""After a try that came to nothing; the wait grows to half the version's age, an hour at most."""
LONGEST_WAIT_S = 3600
GIVEN_UP_S = 900
"""A mark as old as this is of a server that died: longer than an engine may be silent."""
LOOKED_AT = 20

DUE: LiteralString = f"""
SELECT id, project_id, created_by, job_id, task, adaptation, base, manifest, probes, tunesmith_now() AS now
FROM model_versions
WHERE {TO_COMPARE}
  AND (parity IS NULL OR to_timestamp((parity->>'checked_at')::float8) < tunesmith_now() - CASE
    WHEN parity->>'note' = %(asking)s THEN %(given_up)s
    ELSE GREATEST(%(again)s, LEAST(%(longest)s, (to_timestamp((parity->>'checked_at')::float8) - created_at) / 2)) END)
ORDER BY parity IS NOT NULL, created_at LIMIT %(most)s
FOR UPDATE SKIP LOCKED"""

MARK: LiteralString = "UPDATE model_versions SET parity = %(parity)s WHERE id = %(id)s"
STORE: LiteralString = """
UPDATE model_versions SET parity = %(parity)s
WHERE id = %(id)s AND deleted_at IS NULL AND parity->>'note' = %(asking)s RETURNING id"""


@dataclass(frozen=True, slots=True)
class Due:
    """A version that waits for its comparison."""

    id: str
    project_id: str
    created_by: str
    job_id: str
    task: str
    adaptation: str
    base: dict[str, Any]
    manifest: list[dict[str, Any]]
    probes: list[dict[str, Any]]
    now: dt.datetime

    @property
    def owner(self) -> Caller:
        """Engines that work for the version's project may be asked."""
        return Caller("", KeyKind.USER, self.created_by, "", self.project_id, "")


class ParityCheck:
    """Asks engines; part of the clockwork of each server."""

    def __init__(self, db: Database, settings: Settings, engines: EngineClient, link_secret: bytes) -> None:
        self._db = db
        self._settings = settings
        self._engines = engines
        self._link_secret = link_secret

    async def next(self) -> Parity | None:
        """Compare one version that is due, if an engine is there for it; what came of it."""
        taken = await self._take()
        if taken is None:
            return None
        due, served, engines = taken
        probes = [Probe.model_validate(probe) for probe in due.probes[:MAX_PROBES]]
        found = await self._compare(served, engines, probes)
        await self._store(due, found)
        log.info("model.compared", model=due.id, job_id=due.job_id, status=found.status, note=found.note)
        return found

    async def _take(self) -> tuple[Due, ServedModel, list[Engine]] | None:
        """The first due version that an engine can be asked about, marked as taken."""
        async with self._db.session() as session:
            connection = await driver(session)
            for due in await _due(connection):
                served = self._served(due)
                try:
                    engines = await router.candidates(
                        session,
                        due.owner,
                        served,
                        timeout_s=self._settings.engine_timeout_s,
                        busy=self._engines.busy,
                    )
                except NoEngine:
                    continue
                mark = Parity(n_probes=len(due.probes), note=ASKING, checked_at=epoch_s(due.now))
                await connection.execute(MARK, {"id": due.id, "parity": Jsonb(mark.model_dump())})
                return due, served, engines
        return None

    def _served(self, due: Due) -> ServedModel:
        def sign(path: str, *, name: str) -> str:
            life_s = self._settings.signed_url_life_s
            return links.sign(self._link_secret, path, life_s=life_s, now=self._db.clock.now(), name=name)

        return ServedModel(
            name=due.id,
            task=Task(due.task),
            base=BaseModelEntry.model_validate(due.base),
            adaptation=Adaptation(due.adaptation),
            files=models.downloads(due.manifest, sign),
        )

    async def _compare(self, served: ServedModel, engines: list[Engine], probes: list[Probe]) -> Parity:
        """Of the first engine that answers. Pending, with the reason, when none can now."""
        call = ParityCall(served=served, probes=probes)
        note = "No engine could be reached."
        for engine in engines:
            try:
                reply = await self._engines.ask(engine, "parity", call, request_id=f"parity-{served.name}"[:64])
            except EngineAway:
                await router.mark_away(self._db, engine)
                continue
            except Unavailable as e:
                note = e.message
                continue
            try:
                body = await reply.body()
            except Unavailable as e:
                note = e.message
                continue
            finally:
                await reply.aclose()
            if reply.status == 200:
                return _judged(probes, body)
            note = f"The engine answered {reply.status}: {_reason(body)}"
            if reply.status in (400, 422):
                return Parity(status="impossible", n_probes=len(probes), note=note)
        return Parity(n_probes=len(probes), note=note)

    async def _store(self, due: Due, found: Parity) -> None:
        """The figure is kept with the version, and told on its job once it is final."""
        async with self._db.lean() as connection:
            job = await fence.lock(connection, due.job_id)
            now = job.now if job is not None else due.now
            parity = found.model_copy(update={"checked_at": epoch_s(now)})
            stored = await connection.execute(
                STORE, {"id": due.id, "parity": Jsonb(parity.model_dump()), "asking": ASKING}
            )
            if await stored.fetchone() is not None and job is not None and found.status != "pending":
                await events.append(connection, due.job_id, [told(found)])


async def _due(connection: Any) -> list[Due]:
    async with connection.cursor(row_factory=class_row(Due)) as cursor:
        await cursor.execute(
            DUE,
            {
                "asking": ASKING,
                "given_up": dt.timedelta(seconds=GIVEN_UP_S),
                "again": dt.timedelta(seconds=ASK_AGAIN_S),
                "longest": dt.timedelta(seconds=LONGEST_WAIT_S),
                "most": LOOKED_AT,
            },
        )
        return await cursor.fetchall()


def told(parity: Parity) -> Entry:
    """What the job's events say."""
    if parity.status == "impossible":
        return Entry(f"No engine can repeat what training saw of this model: {parity.note}", level="warn")
    share = f"{100 * (parity.output_agreement or 0):.0f} %"
    facts = f"{parity.prompts_equal} of {parity.n_probes} prompts have the same tokens, {share} of the outputs agree."
    if parity.status == "passed":
        return Entry(f"Parity passed: the engine repeats what training saw. {facts}")
    return Entry(f"Parity failed: the engine does not do what training saw. {facts} {parity.note}", level="warn")


def _judged(probes: list[Probe], body: bytes) -> Parity:
    try:
        answers = ParityReply.model_validate_json(body).answers
    except ValidationError:
        return Parity(n_probes=len(probes), note="The engine answered in a way that is not understood.")
    if len(answers) != len(probes):
        return Parity(n_probes=len(probes), note=f"The engine answered {len(answers)} of {len(probes)} probes.")
    return judge(probes, answers)


def _reason(body: bytes) -> str:
    text = body.decode("utf-8", "replace")
    try:
        return str(orjson.loads(body)["error"]["message"])[:500]
    except (ValueError, KeyError, TypeError):
        return text[:200]
