"""Projects: which a caller may act in, making them, and sharing them."""

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import delete, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from tunesmith.schemas.accounts import KeyKind, Project
from tunesmith.schemas.errors import NotFound, SpecInvalid
from tunesmith.server import ids
from tunesmith.server.accounts.acting import Caller, no_such_project
from tunesmith.server.accounts.tables import MemberRow, ProjectRow, UserRow
from tunesmith.server.clock import epoch_s


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who may act in a project; `own` is the project that was made with them."""

    user: str
    own: bool
    added_at: dt.datetime


async def of(session: AsyncSession, caller: Caller) -> list[ProjectRow]:
    """The projects that the caller may act in, their own first, the others by name."""
    statement = select(ProjectRow)
    if caller.bound:
        statement = statement.where(ProjectRow.id == caller.project_id)
    elif caller.kind is not KeyKind.ADMIN:
        own = select(UserRow.project_id).where(UserRow.id == caller.user_id)
        shared = select(MemberRow.project_id).where(MemberRow.user_id == caller.user_id)
        statement = statement.where(or_(ProjectRow.id.in_(own), ProjectRow.id.in_(shared)))
    user = await session.get_one(UserRow, caller.user_id)
    found = list(await session.scalars(statement.order_by(ProjectRow.slug)))
    return sorted(found, key=lambda project: project.id != user.project_id)


async def create(session: AsyncSession, caller: Caller, name: str) -> ProjectRow:
    """A new project with the caller as its member. Raises SpecInvalid when the name is taken."""
    made = await session.scalar(
        insert(ProjectRow)
        .values(id=ids.new_id("project"), slug=name)
        .on_conflict_do_nothing(index_elements=["slug"])
        .returning(ProjectRow.id)
    )
    if made is None:
        raise SpecInvalid(f"The name '{name}' is taken. Choose another name for the project.", param="name")
    session.add(MemberRow(project_id=made, user_id=caller.user_id))
    await session.flush()
    return await session.get_one(ProjectRow, made)


async def named(session: AsyncSession, slug: str) -> ProjectRow:
    """Any project, for admins. Raises NotFound."""
    found = await session.scalar(select(ProjectRow).where(ProjectRow.slug == slug))
    if found is None:
        raise no_such_project(slug)
    return found


async def members(session: AsyncSession, project: ProjectRow) -> list[Member]:
    """Whose own it is, and with whom it is shared, by name."""
    own = await session.scalars(select(UserRow).where(UserRow.project_id == project.id))
    shared = await session.execute(
        select(UserRow.name, MemberRow.created_at)
        .join(UserRow, UserRow.id == MemberRow.user_id)
        .where(MemberRow.project_id == project.id)
    )
    found = {name: Member(name, False, added_at) for name, added_at in shared}
    found |= {user.name: Member(user.name, True, user.created_at) for user in own}
    return sorted(found.values(), key=lambda member: (not member.own, member.user))


async def share(session: AsyncSession, project: ProjectRow, user_name: str) -> Member:
    """Lets somebody act in the project; letting them in twice changes nothing. Raises NotFound for an unknown name."""
    user = await _user(session, user_name)
    await session.execute(insert(MemberRow).values(project_id=project.id, user_id=user.id).on_conflict_do_nothing())
    return next(member for member in await members(session, project) if member.user == user.name)


async def unshare(session: AsyncSession, project: ProjectRow, user_name: str) -> None:
    """The person acts in the project no more; their keys of it stay until they are revoked.

    Raises SpecInvalid for whose own it is, NotFound for who is no member.
    """
    user = await _user(session, user_name)
    if user.project_id == project.id:
        raise SpecInvalid(f"'{project.slug}' is {user.name}'s own project, and stays theirs.", param="user")
    ended = await session.execute(
        delete(MemberRow)
        .where(MemberRow.project_id == project.id, MemberRow.user_id == user.id)
        .returning(MemberRow.user_id)
    )
    if ended.first() is None:
        raise NotFound(f"{user.name} is no member of the project '{project.slug}'.", param="user")


def shape(row: ProjectRow) -> Project:
    """As it is sent."""
    return Project(id=row.id, name=row.slug, created_at=epoch_s(row.created_at))


async def _user(session: AsyncSession, name: str) -> UserRow:
    found = await session.scalar(select(UserRow).where(UserRow.name == name))
    if found is None:
        raise NotFound(
            f"No such user: {name[:100]}. Invite them first: POST /v1/sign_in_links or `tunesmith sign-in --user`.",
            param="user",
        )
    return found
