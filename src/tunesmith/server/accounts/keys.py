"""API keys: minting, and finding the one a caller sent."""

import datetime as dt
import hashlib
import hmac
import secrets

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from tunesmith.schemas.accounts import KeyKind
from tunesmith.server import ids
from tunesmith.server.accounts.tables import ApiKeyRow, ProjectRow, UserRow

_TAG = {KeyKind.USER: "tsk", KeyKind.WORKER: "tsw", KeyKind.SERVICE: "tss", KeyKind.ADMIN: "tsa"}
PREFIX_LENGTH = 12


async def mint(
    session: AsyncSession, user: UserRow, kind: KeyKind, name: str, *, expires_in_s: int | None = None
) -> tuple[ApiKeyRow, str]:
    """A new key's row and the key itself, which is not stored and cannot be shown again."""
    key = f"{_TAG[kind]}_{secrets.token_urlsafe(30)}"
    row = ApiKeyRow(
        id=ids.new_id("key"),
        project_id=user.project_id,
        user_id=user.id,
        name=name,
        kind=kind.value,
        prefix=key[:PREFIX_LENGTH],
        digest=digest_of(key),
    )
    session.add(row)
    await session.flush()
    await session.refresh(row)
    if expires_in_s is not None:
        row.expires_at = row.created_at + dt.timedelta(seconds=expires_in_s)
    return row, key


async def find(session: AsyncSession, key: str) -> tuple[ApiKeyRow, UserRow, ProjectRow] | None:
    """The live key with its user and project; None when it is unknown, revoked or expired.

    Looked up by prefix and compared in constant time, so that timing tells nothing about the rest.
    """
    found = await session.execute(
        select(ApiKeyRow, UserRow, ProjectRow, text("tunesmith_now() AS now"))
        .join(UserRow, UserRow.id == ApiKeyRow.user_id)
        .join(ProjectRow, ProjectRow.id == ApiKeyRow.project_id)
        .where(ApiKeyRow.prefix == key[:PREFIX_LENGTH])
    )
    wanted = digest_of(key)
    for row, user, project, now in found:
        if not hmac.compare_digest(row.digest, wanted):
            continue
        if row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now):
            return None
        if row.last_used_at is None or now - row.last_used_at > dt.timedelta(minutes=1):
            row.last_used_at = now
        return row, user, project
    return None


def digest_of(key: str) -> bytes:
    """sha256 of the key."""
    return hashlib.sha256(key.encode()).digest()
