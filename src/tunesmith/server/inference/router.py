"""Which engine is asked: one that was seen lately, best one that has the model in memory."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Select, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from tunesmith.schemas.errors import NoEngine
from tunesmith.schemas.inference import ServedModel
from tunesmith.server.accounts.auth import Caller
from tunesmith.server.accounts.scope import at_service
from tunesmith.server.db import Database
from tunesmith.server.inference.tables import EngineRow

_NEXT_STEP = "`tunesmith up` starts one beside the server, `tunesmith engine` on any machine."


@dataclass(frozen=True)
class Engine:
    """An engine to ask; `key` is unique."""

    key: tuple[str, str]
    url: str
    secret: str
    loaded: frozenset[str]
    last_seen: dt.datetime


async def candidates(
    session: AsyncSession, caller: Caller, served: ServedModel, *, timeout_s: float, busy: Mapping[tuple[str, str], int]
) -> list[Engine]:
    """Engines that work for the caller and were seen within `timeout_s`, best first.

    Best has the model itself in memory, then its base (an adapter is quickly put on), then the fewest requests from
    here (`busy`). Raises NoEngine when there is none.
    """
    rows = await session.scalars(at_service(_reachable(timeout_s), EngineRow, caller).order_by(EngineRow.id))
    found = [
        Engine((row.project_id, row.id), row.url, row.secret, frozenset(row.loaded), row.last_seen) for row in rows
    ]
    if not found:
        raise NoEngine(f"No engine is connected that could answer with '{served.name}'. {_NEXT_STEP}")
    names = {served.base.key, *served.base.aliases}
    return sorted(found, key=lambda e: (served.name not in e.loaded, not names & e.loaded, busy.get(e.key, 0)))


async def count(session: AsyncSession, *, timeout_s: float) -> int:
    """How many engines can be asked now."""
    return len((await session.scalars(_reachable(timeout_s))).all())


def _reachable(timeout_s: float) -> Select[EngineRow]:
    since = func.tunesmith_now() - dt.timedelta(seconds=timeout_s)
    return select(EngineRow).where(EngineRow.last_seen > since, EngineRow.away_since.is_(None))


async def mark_away(db: Database, engine: Engine) -> None:
    """Asks the engine no more until it tells of itself again; one that did since it was chosen stays."""
    async with db.session() as session:
        await session.execute(
            update(EngineRow)
            .where(
                EngineRow.project_id == engine.key[0],
                EngineRow.id == engine.key[1],
                EngineRow.last_seen == engine.last_seen,
            )
            .values(away_since=func.tunesmith_now())
        )


def all_away(served: ServedModel, tried: list[Engine]) -> NoEngine:
    """What to say when each engine that should be there could not be reached."""
    names = ", ".join(engine.key[1] for engine in tried)
    return NoEngine(
        f"No engine could be reached that could answer with '{served.name}' (tried {names}). "
        f"See that it runs and that this server can connect to it; {_NEXT_STEP}"
    )
