"""/v1/keys: make, list, revoke."""

from fastapi import APIRouter
from sqlalchemy import select, text

from tunesmith.schemas.accounts import ApiKey, CreatedKey, KeyCreate, KeyKind, Scope
from tunesmith.schemas.errors import Forbidden, NotFound, SpecInvalid
from tunesmith.schemas.shape import Page
from tunesmith.server.accounts import keys, service
from tunesmith.server.accounts.acting import Caller
from tunesmith.server.accounts.auth import SessionDep, UserCaller
from tunesmith.server.accounts.scope import owned
from tunesmith.server.accounts.scopes import check_grant
from tunesmith.server.accounts.tables import FIRST_PROJECT, ApiKeyRow, ProjectRow, UserRow
from tunesmith.server.clock import epoch_s

router = APIRouter(prefix="/v1/keys", tags=["accounts"])


@router.post("")
async def create_key(body: KeyCreate, caller: UserCaller, session: SessionDep) -> CreatedKey:
    """A new key of the project; this answer is the only one that shows it. Only an admin makes keys of other kinds or
    for other users, and a restricted key none that may more than it."""
    scopes = None if body.scopes is None else frozenset(body.scopes)
    _check_rights(body, caller, scopes)
    if body.user in (None, caller.user_name):
        user, project_id = await session.get_one(UserRow, caller.user_id), caller.project_id
    else:
        user = await service.user_named(session, body.user)
        project_id = user.project_id
    row, key = await keys.mint(
        session, user, body.kind, body.name, project_id=project_id, scopes=scopes, expires_in_s=body.expires_in_s
    )
    project = await session.get_one(ProjectRow, row.project_id)
    return CreatedKey(**_shape(row, user, project).model_dump(), key=key)


def _check_rights(body: KeyCreate, caller: Caller, scopes: frozenset[Scope] | None) -> None:
    if caller.kind is not KeyKind.ADMIN and (
        body.kind is not KeyKind.USER or body.user not in (None, caller.user_name)
    ):
        raise Forbidden("Only an admin key may make keys of another kind or for another user.")
    if body.user == FIRST_PROJECT:
        raise SpecInvalid(
            f"'{FIRST_PROJECT}' is the admin's own project. Choose another name for the user.", param="user"
        )
    if body.kind is KeyKind.WORKER and scopes is not None:
        raise SpecInvalid(
            "A worker's key claims jobs and nothing else: it has no scopes. Leave them out.", param="scopes"
        )
    check_grant(caller.scopes, scopes)


@router.get("")
async def list_keys(caller: UserCaller, session: SessionDep) -> Page[ApiKey]:
    """Keys of the project, newest first, without the keys themselves."""
    found = await session.execute(
        owned(
            select(ApiKeyRow, UserRow, ProjectRow)
            .join(UserRow, UserRow.id == ApiKeyRow.user_id)
            .join(ProjectRow, ProjectRow.id == ApiKeyRow.project_id),
            ApiKeyRow,
            caller,
        ).order_by(ApiKeyRow.created_at.desc(), ApiKeyRow.id)
    )
    data = [_shape(row, user, project) for row, user, project in found]
    return Page(data=data, first_id=data[0].id if data else None, last_id=data[-1].id if data else None)


@router.delete("/{key_id}")
async def revoke_key(key_id: str, caller: UserCaller, session: SessionDep) -> ApiKey:
    """The key, revoked: it is refused from now on. Revoking twice changes nothing."""
    found = (
        await session.execute(
            owned(
                select(ApiKeyRow, UserRow, ProjectRow)
                .join(UserRow, UserRow.id == ApiKeyRow.user_id)
                .join(ProjectRow, ProjectRow.id == ApiKeyRow.project_id)
                .where(ApiKeyRow.id == key_id),
                ApiKeyRow,
                caller,
            )
        )
    ).first()
    if found is None:
        raise NotFound(f"No such key: {key_id}. `tunesmith keys ls` lists yours.", param="id")
    row, user, project = found
    if row.revoked_at is None:
        row.revoked_at = await session.scalar(text("SELECT tunesmith_now()"))
    return _shape(row, user, project)


def _shape(row: ApiKeyRow, user: UserRow, project: ProjectRow) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        kind=KeyKind(row.kind),
        scopes=None if row.scopes is None else [Scope(scope) for scope in row.scopes],
        prefix=row.prefix,
        user=user.name,
        project=project.slug,
        created_at=epoch_s(row.created_at),
        last_used_at=epoch_s(row.last_used_at) if row.last_used_at else None,
        expires_at=epoch_s(row.expires_at) if row.expires_at else None,
        revoked_at=epoch_s(row.revoked_at) if row.revoked_at else None,
    )
