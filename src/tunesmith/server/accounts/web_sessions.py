"""Browsers that are signed in: the cookie's token, kept as its sha256, and whose it is.

A session that was begun with a key may what that key may, in the key's project, and ends with it. One begun by a link
of full rights may what its person may.
"""

import datetime as dt
import secrets
from dataclasses import dataclass
from typing import LiteralString

from psycopg.rows import class_row
from sqlalchemy import delete, func, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from tunesmith.schemas.accounts import KeyKind, Scope
from tunesmith.server import ids
from tunesmith.server.accounts import keys
from tunesmith.server.accounts.tables import WebSessionRow
from tunesmith.server.db import Connection

LIFE = dt.timedelta(days=30)
"""From its last use, give or take the hour in which that is noted once."""

# A token is found by its digest: what the index' timing could tell is about a hash whose bytes nobody can choose.
FIND: LiteralString = """
SELECT s.id AS session_id, u.id AS user_id, u.name AS user_name, u.role, k.id AS key_id, k.kind AS key_kind, k.scopes,
  p.id AS project_id, p.slug AS project_slug, s.last_used_at > tunesmith_now() - interval '1 hour' AS fresh
FROM web_sessions s JOIN users u ON u.id = s.user_id LEFT JOIN api_keys k ON k.id = s.key_id
  JOIN projects p ON p.id = COALESCE(k.project_id, u.project_id)
WHERE s.digest = %(digest)s AND s.ended_at IS NULL AND s.expires_at > tunesmith_now()
  AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > tunesmith_now())"""

SLIDE: LiteralString = """
UPDATE web_sessions SET last_used_at = tunesmith_now(), expires_at = tunesmith_now() + %(life)s WHERE id = %(id)s"""


@dataclass(frozen=True, slots=True)
class Found:
    """A live session, whose it is, and what it may."""

    session_id: str
    key_id: str | None
    """Of the key that it was begun with."""
    kind: KeyKind
    user_id: str
    user_name: str
    project_id: str
    """Where its requests are when they name no project."""
    project_slug: str
    scopes: frozenset[Scope] | None


@dataclass(frozen=True, slots=True)
class _Row:
    session_id: str
    user_id: str
    user_name: str
    role: str
    key_id: str | None
    key_kind: str | None
    scopes: list[str] | None
    project_id: str
    project_slug: str
    fresh: bool

    @property
    def kind(self) -> KeyKind:
        if self.key_kind is not None:
            return KeyKind(self.key_kind)
        return KeyKind.ADMIN if self.role == "admin" else KeyKind.USER


async def begin(session: AsyncSession, user_id: str, key_id: str | None) -> str:
    """The token of a new session, which is not stored and cannot be had again."""
    token = f"tsc_{secrets.token_urlsafe(30)}"
    session.add(
        WebSessionRow(
            id=ids.new_id("session"),
            user_id=user_id,
            key_id=key_id,
            digest=keys.digest_of(token),
            expires_at=func.tunesmith_now() + LIFE,
        )
    )
    await session.flush()
    return token


async def find_on(connection: Connection, token: str) -> Found | None:
    """The live session of a cookie's token; None when it is unknown, ended or expired, or its key is no longer live."""
    async with connection.cursor(row_factory=class_row(_Row)) as cursor:
        await cursor.execute(FIND, {"digest": keys.digest_of(token)})
        row = await cursor.fetchone()
        if row is None:
            return None
        if not row.fresh:
            await cursor.execute(SLIDE, {"id": row.session_id, "life": LIFE})
    return Found(
        row.session_id, row.key_id, row.kind, row.user_id, row.user_name, row.project_id, row.project_slug,
        keys.scopes_of(row.scopes),
    )  # fmt: skip


async def times(session: AsyncSession, session_id: str) -> tuple[dt.datetime, dt.datetime]:
    """When it began, and when it ends if it is not used again."""
    found = await session.execute(
        select(WebSessionRow.created_at, WebSessionRow.expires_at).where(WebSessionRow.id == session_id)
    )
    began, ends = found.one()
    return began, ends


async def end(session: AsyncSession, session_id: str) -> None:
    """Its cookie is refused from now on."""
    await session.execute(
        update(WebSessionRow).where(WebSessionRow.id == session_id).values(ended_at=func.tunesmith_now())
    )


async def forget_expired(session: AsyncSession) -> None:
    """Deletes sessions that ended or expired."""
    expired = WebSessionRow.expires_at <= text("tunesmith_now()")
    await session.execute(delete(WebSessionRow).where(or_(expired, WebSessionRow.ended_at.is_not(None))))
