"""Idempotency-Key on POSTs of users: the same key with the same body is answered as the first time, for 24 hours.

The answer is stored in the transaction that does the work, so that neither can exist without the other.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from tunesmith.schemas.errors import InFlight, Invalid
from tunesmith.server.accounts.auth import Caller
from tunesmith.server.accounts.tables import IdempotencyRow

MAX_LENGTH = 255
_KEPT_SINCE = text("tunesmith_now() - interval '24 hours'")


@dataclass(frozen=True)
class Attempt:
    """One POST with an Idempotency-Key."""

    project_id: str
    route: str
    key: str
    fingerprint: bytes
    """sha256 of the body."""


def attempt(caller: Caller, route: str, key: str, body: bytes) -> Attempt:
    """The POST as it is told from others. Raises Invalid for an empty or endless key."""
    if not 1 <= len(key) <= MAX_LENGTH or not key.isprintable():
        raise Invalid(f"Invalid header 'Idempotency-Key': send 1 to {MAX_LENGTH} printable characters.")
    return Attempt(caller.project_id, route, key, hashlib.sha256(body).digest())


async def earlier(session: AsyncSession, this: Attempt) -> dict[str, Any] | None:
    """What the first POST with this key was answered; None when this is the first.

    Raises InFlight while the first one is still being answered, Invalid when its body was another. Until the
    transaction ends, a twin of this POST gets InFlight.
    """
    name = f"{this.project_id} {this.route} {this.key}"
    free = await session.scalar(text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 7))"), {"name": name})
    if not free:
        raise InFlight("The first request with this Idempotency-Key is still being answered. Try again in a moment.")
    row = await session.scalar(
        select(IdempotencyRow).where(
            IdempotencyRow.project_id == this.project_id,
            IdempotencyRow.route == this.route,
            IdempotencyRow.key == this.key,
            IdempotencyRow.created_at > _KEPT_SINCE,
        )
    )
    if row is None:
        return None
    if row.fingerprint != this.fingerprint:
        raise Invalid(
            "This Idempotency-Key was sent before with another body. Use a new key for a new request.",
            code="idempotency_key_reused",
        )
    return row.reply


async def remember(session: AsyncSession, this: Attempt, reply: dict[str, Any]) -> None:
    """Stores the answer, with the work it is the answer to."""
    row = IdempotencyRow(
        project_id=this.project_id, route=this.route, key=this.key, fingerprint=this.fingerprint, reply=reply
    )
    await session.execute(
        delete(IdempotencyRow).where(
            IdempotencyRow.project_id == this.project_id,
            IdempotencyRow.route == this.route,
            IdempotencyRow.key == this.key,
        )
    )
    session.add(row)


async def forget_expired(session: AsyncSession) -> None:
    """Deletes answers older than 24 hours."""
    await session.execute(delete(IdempotencyRow).where(IdempotencyRow.created_at <= _KEPT_SINCE))
