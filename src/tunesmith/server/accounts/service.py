"""People and projects, the keys of the first start, and the server's own secrets."""

import os
import secrets
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from tunesmith.schemas.accounts import KeyKind
from tunesmith.schemas.errors import SpecInvalid
from tunesmith.server import ids
from tunesmith.server.accounts import keys
from tunesmith.server.accounts.tables import FIRST_PROJECT, ProjectRow, SecretRow, UserRow


async def ensure_first_start(session: AsyncSession, data_dir: Path) -> None:
    """User `admin`, project `default`, and a live key of each kind in `admin.key` and `worker.key` (mode 600).

    A key file that is missing or no longer valid is written anew: who holds the data folder holds the installation.
    """
    admin = await user_named(session, "admin", project_slug=FIRST_PROJECT)
    admin.role = "admin"
    for kind in (KeyKind.ADMIN, KeyKind.WORKER):
        path = data_dir / f"{kind.value}.key"
        kept = _read_secret(path)
        if kept is not None and await keys.find(session, kept) is not None:
            continue
        _, key = await keys.mint(session, admin, kind, f"{kind.value} of the data folder")
        _write_secret(path, key)


async def user_named(session: AsyncSession, name: str, *, project_slug: str | None = None) -> UserRow:
    """The user of that name, made with a project of the same name if new.

    Raises SpecInvalid for a new user whose name a project of others has: they would be let into it.
    """
    found = await _user(session, name)
    if found is not None:
        return found
    slug = project_slug or name
    made = await session.scalar(
        insert(ProjectRow)
        .values(id=ids.new_id("project"), slug=slug)
        .on_conflict_do_nothing(index_elements=["slug"])
        .returning(ProjectRow.id)
    )
    if made is None and (found := await _user(session, name)) is not None:  # a twin of this request was first
        return found
    if made is None and project_slug is None:
        raise SpecInvalid(f"'{name}' is the name of a project. Choose another name for the user.", param="user")
    project_id = made or await session.scalar(select(ProjectRow.id).where(ProjectRow.slug == slug))
    await session.execute(
        insert(UserRow)
        .values(id=ids.new_id("user"), name=name, project_id=project_id)
        .on_conflict_do_nothing(index_elements=["name"])
    )
    return (await session.scalars(select(UserRow).where(UserRow.name == name))).one()


async def _user(session: AsyncSession, name: str) -> UserRow | None:
    return await session.scalar(select(UserRow).where(UserRow.name == name))


async def secret(session: AsyncSession, label: str) -> bytes:
    """The server's HMAC key for `label`, 32 bytes, made at first use and shared by all replicas."""
    await session.execute(insert(SecretRow).values(label=label, value=secrets.token_bytes(32)).on_conflict_do_nothing())
    return (await session.scalars(select(SecretRow.value).where(SecretRow.label == label))).one()


def _read_secret(path: Path) -> str | None:
    """What stands in the file; None when it is missing or, after a crash, holds no readable key."""
    try:
        text = path.read_bytes().decode("ascii").strip()
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    return text if text.isprintable() and text else None


def _write_secret(path: Path, text: str) -> None:
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as f:
        f.write(text + "\n")
        f.flush()
        os.fsync(f.fileno())
    part.replace(path)
