"""Sign-in links: a token that signs one browser in, once, and is kept as its sha256."""

import datetime as dt
import secrets
from dataclasses import dataclass

from sqlalchemy import delete, func, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from tunesmith.server import ids
from tunesmith.server.accounts import keys
from tunesmith.server.accounts.tables import SignInLinkRow

_KEPT_SINCE = text("tunesmith_now() - interval '1 day'")


@dataclass(frozen=True, slots=True)
class Used:
    """Whom a link signed in, and the key whose reach the session has."""

    user_id: str
    key_id: str | None


async def make(
    session: AsyncSession, user_id: str, *, key_id: str | None, expires_in_s: int
) -> tuple[SignInLinkRow, str]:
    """A new link's row and its token, which is not stored and cannot be had again."""
    token = f"tsl_{secrets.token_urlsafe(30)}"
    row = SignInLinkRow(
        id=ids.new_id("link"),
        user_id=user_id,
        key_id=key_id,
        digest=keys.digest_of(token),
        expires_at=func.tunesmith_now() + dt.timedelta(seconds=expires_in_s),
    )
    session.add(row)
    await session.flush()
    await session.refresh(row)
    return row, token


async def use(session: AsyncSession, token: str) -> Used | None:
    """Takes the link: of two browsers one gets it. None when it is unknown, was used or has expired."""
    found = await session.execute(
        update(SignInLinkRow)
        .where(
            SignInLinkRow.digest == keys.digest_of(token),
            SignInLinkRow.used_at.is_(None),
            SignInLinkRow.expires_at > func.tunesmith_now(),
        )
        .values(used_at=func.tunesmith_now())
        .returning(SignInLinkRow.user_id, SignInLinkRow.key_id)
    )
    row = found.first()
    return None if row is None else Used(row.user_id, row.key_id)


async def forget_expired(session: AsyncSession) -> None:
    """Deletes links a day after they expired."""
    await session.execute(delete(SignInLinkRow).where(SignInLinkRow.expires_at <= _KEPT_SINCE))
