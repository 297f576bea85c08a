"""Who is calling, and the project that a request is about."""

from dataclasses import dataclass, replace
from typing import LiteralString

from psycopg.rows import tuple_row
from sqlalchemy.ext.asyncio import AsyncSession

from tunesmith.schemas.accounts import KeyKind, Scope
from tunesmith.schemas.errors import Forbidden, NotFound
from tunesmith.server.db import Connection, driver

FIND_PROJECT: LiteralString = """
SELECT p.id, p.slug FROM projects p WHERE (p.slug = %(name)s OR p.id = %(name)s) AND (
  %(all)s OR EXISTS (SELECT FROM users u WHERE u.id = %(user_id)s AND u.project_id = p.id)
  OR EXISTS (SELECT FROM project_members m WHERE m.user_id = %(user_id)s AND m.project_id = p.id))"""


@dataclass(frozen=True)
class Caller:
    """Whose request it is, by a key or by a browser's session; every query is scoped to `project_id` (scope.py)."""

    key_id: str
    """Of the key that came, or that the session was begun with; empty for a session begun by a link."""
    kind: KeyKind
    user_id: str
    user_name: str
    project_id: str
    project_slug: str
    scopes: frozenset[Scope] | None = None
    """What a restricted key may do; None: all that its kind may."""
    session_id: str | None = None
    """Of the browser's session; None for who sent a key."""
    narrowed: bool = False
    """An admin named the project, and wants to see that one."""

    @property
    def sees_all(self) -> bool:
        """An admin sees every project, unless the request names one."""
        return self.kind is KeyKind.ADMIN and not self.narrowed

    @property
    def bound(self) -> bool:
        """Acts in one project alone, as every key does that is not an admin's."""
        return bool(self.key_id) and self.kind is not KeyKind.ADMIN


async def acting_in(session: AsyncSession, caller: Caller, name: str) -> Caller:
    """The caller in the project of that slug or id, to own what is made there.

    Raises NotFound when there is none that the caller may act in, Forbidden for a key of another project.
    """
    return await acting_on(await driver(session), caller, name)


async def acting_on(connection: Connection, caller: Caller, name: str) -> Caller:
    """The same on a connection."""
    admin = caller.kind is KeyKind.ADMIN
    if name in (caller.project_slug, caller.project_id):
        return replace(caller, narrowed=admin)
    if caller.bound:
        raise Forbidden(
            f"This key belongs to the project '{caller.project_slug}' and acts in no other. Leave the project out, "
            "or use a key of the other one: sign in to the page, choose the project, and make a key there.",
            code="wrong_project",
        )
    async with connection.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(FIND_PROJECT, {"name": name, "all": admin, "user_id": caller.user_id})
        row = await cursor.fetchone()
    if row is None:
        raise no_such_project(name)
    return replace(caller, project_id=row[0], project_slug=row[1], narrowed=admin)


def no_such_project(name: str) -> NotFound:
    """Absent, or not one of the caller's."""
    return NotFound(
        f"No such project: {name[:100]}. GET /v1/projects lists those that you may act in.",
        param="project",
        code="project_not_found",
    )
