"""API keys: minting, and finding the one a caller sent."""

import datetime as dt
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import LiteralString

from psycopg.rows import class_row
from sqlalchemy.ext.asyncio import AsyncSession

from tunesmith.schemas.accounts import KeyKind, Scope
from tunesmith.server import ids
from tunesmith.server.accounts.tables import ApiKeyRow, UserRow
from tunesmith.server.db import Connection, driver

_TAG = {KeyKind.USER: "tsk", KeyKind.WORKER: "tsw", KeyKind.SERVICE: "tss", KeyKind.ADMIN: "tsa"}
PREFIX_LENGTH = 12

FIND: LiteralString = """
SELECT k.id AS key_id, k.kind, k.scopes, k.digest, u.id AS user_id, u.name AS user_name, p.id AS project_id,
  p.slug AS project_slug, k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > tunesmith_now()) AS live,
  COALESCE(k.last_used_at > tunesmith_now() - interval '1 minute', false) AS fresh
FROM api_keys k JOIN users u ON u.id = k.user_id JOIN projects p ON p.id = k.project_id
WHERE k.prefix = %(prefix)s"""

NOTE_USE: LiteralString = "UPDATE api_keys SET last_used_at = tunesmith_now() WHERE id = %(id)s"


@dataclass(frozen=True, slots=True)
class Found:
    """A live key, and whose it is."""

    key_id: str
    kind: KeyKind
    user_id: str
    user_name: str
    project_id: str
    project_slug: str
    scopes: frozenset[Scope] | None


@dataclass(frozen=True, slots=True)
class _Row:
    key_id: str
    kind: str
    scopes: list[str] | None
    digest: bytes
    user_id: str
    user_name: str
    project_id: str
    project_slug: str
    live: bool
    fresh: bool


async def mint(
    session: AsyncSession,
    user: UserRow,
    kind: KeyKind,
    name: str,
    *,
    project_id: str | None = None,
    scopes: Iterable[Scope] | None = None,
    expires_in_s: int | None = None,
) -> tuple[ApiKeyRow, str]:
    """A new key's row and the key itself, which is not stored and cannot be shown again.

    It is bound to the project, the user's own where none is named.
    """
    key = f"{_TAG[kind]}_{secrets.token_urlsafe(30)}"
    granted = None if scopes is None else set(scopes)
    row = ApiKeyRow(
        id=ids.new_id("key"),
        project_id=project_id or user.project_id,
        user_id=user.id,
        name=name,
        kind=kind.value,
        scopes=None if granted is None else [scope.value for scope in Scope if scope in granted],
        prefix=key[:PREFIX_LENGTH],
        digest=digest_of(key),
    )
    session.add(row)
    await session.flush()
    await session.refresh(row)
    if expires_in_s is not None:
        row.expires_at = row.created_at + dt.timedelta(seconds=expires_in_s)
    return row, key


async def find(session: AsyncSession, key: str) -> Found | None:
    """As `find_on`, in the session's transaction."""
    return await find_on(await driver(session), key)


async def find_on(connection: Connection, key: str) -> Found | None:
    """The live key with its user and project; None when it is unknown, revoked or expired.

    Looked up by prefix and compared in constant time, so that timing tells nothing about the rest.
    """
    wanted = digest_of(key)
    async with connection.cursor(row_factory=class_row(_Row)) as cursor:
        await cursor.execute(FIND, {"prefix": key[:PREFIX_LENGTH]})
        for row in await cursor.fetchall():
            if not hmac.compare_digest(row.digest, wanted):
                continue
            if not row.live:
                return None
            if not row.fresh:
                await cursor.execute(NOTE_USE, {"id": row.key_id})
            kind, scopes = KeyKind(row.kind), scopes_of(row.scopes)
            return Found(row.key_id, kind, row.user_id, row.user_name, row.project_id, row.project_slug, scopes)
    return None


def scopes_of(stored: list[str] | None) -> frozenset[Scope] | None:
    """As they are stored with a key; None: all that its kind may."""
    return None if stored is None else frozenset(map(Scope, stored))


def digest_of(key: str) -> bytes:
    """sha256 of the key."""
    return hashlib.sha256(key.encode()).digest()
