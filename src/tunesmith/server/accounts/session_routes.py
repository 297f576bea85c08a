"""/v1/sign_in_links and /v1/session: how a browser is signed in, who it is, and signing out."""

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from tunesmith.schemas.accounts import (
    KeyKind,
    Scope,
    Session,
    SessionCreate,
    SignInLink,
    SignInLinkCreate,
)
from tunesmith.schemas.errors import Forbidden, SpecInvalid, Unauthenticated
from tunesmith.server.accounts import auth, browser, keys, links, projects, scopes, service, web_sessions
from tunesmith.server.accounts.acting import Caller
from tunesmith.server.accounts.auth import SessionDep, UserCaller
from tunesmith.server.accounts.tables import FIRST_PROJECT, ApiKeyRow, UserRow
from tunesmith.server.clock import epoch_s
from tunesmith.server.db import driver

router = APIRouter(prefix="/v1", tags=["accounts"])

_LIFE_S = int(web_sessions.LIFE.total_seconds())
_PERSONAL = frozenset({KeyKind.USER, KeyKind.ADMIN})


@router.post("/sign_in_links")
async def create_sign_in_link(
    body: SignInLinkCreate, request: Request, caller: UserCaller, session: SessionDep
) -> SignInLink:
    """A link that signs one browser in, once. An admin makes them for anybody, and so invites people: a new name gets
    a project of that name. Others make them for themselves, for another browser."""
    base = browser.base_url(request)
    if body.user in (None, caller.user_name):
        user = await session.get_one(UserRow, caller.user_id)
        # Who has not all rights of the person hands on no more than their own.
        all_rights = caller.kind is KeyKind.ADMIN and caller.scopes is None
        key_id = None if all_rights else caller.key_id or None
    else:
        user, key_id = await _invited(session, caller, body.user), None
    row, token = await links.make(session, user.id, key_id=key_id, expires_in_s=body.expires_in_s)
    return SignInLink(id=row.id, user=user.name, url=f"{base}/sign-in#{token}", expires_at=epoch_s(row.expires_at))


@router.post("/session", dependencies=[Depends(auth.public)])
async def sign_in(body: SessionCreate, request: Request, response: Response, session: SessionDep) -> Session:
    """Signs this browser in, by a link's token or by a key; the answer sets the cookie that later requests carry."""
    browser.refuse_cross_site(request, unless_told=True)
    user_id, key_id = await (_by_link(session, body.token) if body.token is not None else _by_key(session, body.key))
    token = await web_sessions.begin(session, user_id, key_id)
    caller = await auth.signed_in(await driver(session), token, _PERSONAL)
    auth.remember(request, caller)
    browser.set_session_cookie(request, response, token, life_s=_LIFE_S)
    response.headers["cache-control"] = "no-store"
    return await _shape(session, caller)


@router.get("/session")
async def retrieve_session(request: Request, response: Response, caller: UserCaller, session: SessionDep) -> Session:
    """Who is calling, and the projects that they may name. For a browser it renews the cookie."""
    token = browser.session_cookie(request)
    if caller.session_id is not None and token is not None:
        browser.set_session_cookie(request, response, token, life_s=_LIFE_S)
    response.headers["cache-control"] = "no-store"
    return await _shape(session, caller)


@router.delete("/session", status_code=204)
async def sign_out(request: Request, caller: UserCaller, session: SessionDep) -> Response:
    """Ends the browser's session. A key is not ended by it: DELETE /v1/keys/{id} does that."""
    if caller.session_id is None:
        raise SpecInvalid("This request came with a key, and is not signed in. Revoke the key: DELETE /v1/keys/{id}.")
    await web_sessions.end(session, caller.session_id)
    response = Response(status_code=204)
    browser.drop_session_cookie(request, response)
    return response


async def _invited(session: AsyncSession, caller: Caller, name: str | None) -> UserRow:
    if caller.kind is not KeyKind.ADMIN:
        raise Forbidden("Only an admin makes sign-in links for others. Leave `user` out for a link of your own.")
    scopes.check_grant(caller.scopes, None)
    if name is None or name == FIRST_PROJECT:
        raise SpecInvalid(
            f"'{FIRST_PROJECT}' is the admin's own project. Choose another name for the user.", param="user"
        )
    return await service.user_named(session, name)


async def _by_link(session: AsyncSession, token: str) -> tuple[str, str | None]:
    used = await links.use(session, token)
    if used is None:
        raise Unauthenticated(
            "This sign-in link was used already, has expired, or never was one. Each signs in once. "
            "`tunesmith sign-in` on the server's machine prints a new one, or ask your admin for one.",
            param="token",
            code="invalid_sign_in_link",
        )
    return used.user_id, used.key_id


async def _by_key(session: AsyncSession, key: str | None) -> tuple[str, str]:
    found = await keys.find(session, key or "")
    if found is None:
        raise Unauthenticated(
            "This key is not known here, was revoked, or has expired. `tunesmith keys create` makes a new one.",
            param="key",
        )
    if found.kind not in _PERSONAL:
        raise Forbidden(f"This is a {found.kind} key, and signs nobody in. Use a key of kind user or admin.")
    return found.user_id, found.key_id


async def _shape(session: AsyncSession, caller: Caller) -> Session:
    if caller.session_id is not None:
        began, ends = await web_sessions.times(session, caller.session_id)
    else:
        key = await session.get_one(ApiKeyRow, caller.key_id)
        began, ends = key.created_at, key.expires_at
    mine = [projects.shape(row) for row in await projects.of(session, caller)]
    return Session(
        user=caller.user_name,
        role="admin" if caller.kind is KeyKind.ADMIN else "member",
        scopes=None if caller.scopes is None else [scope for scope in Scope if scope in caller.scopes],
        project=next(project for project in mine if project.id == caller.project_id),
        projects=mine,
        sees_all=caller.sees_all,
        signed_in_at=epoch_s(began),
        expires_at=epoch_s(ends) if ends else None,
    )
