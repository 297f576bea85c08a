"""/v1/projects: list, make, and say who may act in one."""

from fastapi import APIRouter, Response

from tunesmith.schemas.accounts import Member, MemberCreate, Project, ProjectCreate
from tunesmith.schemas.errors import Forbidden
from tunesmith.schemas.shape import Page
from tunesmith.server.accounts import projects
from tunesmith.server.accounts.auth import AdminCaller, SessionDep, UserCaller
from tunesmith.server.clock import epoch_s

router = APIRouter(prefix="/v1/projects", tags=["accounts"])


@router.get("")
async def list_projects(caller: UserCaller, session: SessionDep) -> Page[Project]:
    """The projects that requests may name by `OpenAI-Project`: a key its own, a person all that they may act in."""
    data = [projects.shape(row) for row in await projects.of(session, caller)]
    return Page(data=data, first_id=data[0].id, last_id=data[-1].id)


@router.post("")
async def create_project(body: ProjectCreate, caller: UserCaller, session: SessionDep) -> Project:
    """A new project, with the caller as its member."""
    if caller.bound:
        raise Forbidden(
            f"This key belongs to the project '{caller.project_slug}' and could not act in another. Sign in to the "
            "page to make one (`tunesmith sign-in`), or use an admin key.",
            code="wrong_project",
        )
    return projects.shape(await projects.create(session, caller, body.name))


@router.get("/{project}/members")
async def list_project_members(project: str, caller: AdminCaller, session: SessionDep) -> Page[Member]:
    """Who may act in the project, whose own it is first."""
    data = [_shape(member) for member in await projects.members(session, await projects.named(session, project))]
    return Page(data=data, first_id=data[0].user if data else None, last_id=data[-1].user if data else None)


@router.post("/{project}/members")
async def add_project_member(project: str, body: MemberCreate, caller: AdminCaller, session: SessionDep) -> Member:
    """Lets somebody who is known here act in the project."""
    return _shape(await projects.share(session, await projects.named(session, project), body.user))


@router.delete("/{project}/members/{user}", status_code=204)
async def remove_project_member(project: str, user: str, caller: AdminCaller, session: SessionDep) -> Response:
    """The person acts in it no more. Keys that they made there stay until they are revoked."""
    await projects.unshare(session, await projects.named(session, project), user)
    return Response(status_code=204)


def _shape(member: projects.Member) -> Member:
    return Member(user=member.user, own=member.own, added_at=epoch_s(member.added_at))
