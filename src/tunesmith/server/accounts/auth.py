"""Who is calling. Every route declares one of these policies; the app refuses to start when one does not."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.routing import iter_route_contexts
from sqlalchemy.ext.asyncio import AsyncSession

from tunesmith.schemas.accounts import KeyKind
from tunesmith.schemas.errors import Forbidden, Unauthenticated
from tunesmith.server.accounts import browser, keys, scopes, web_sessions
from tunesmith.server.accounts.acting import Caller, acting_on
from tunesmith.server.db import Connection, Database, driver

MOST_KNOWN = 4096
"""Keys of which this process remembers whose they are."""


async def request_session(request: Request) -> AsyncIterator[AsyncSession]:
    """The request's one transaction; it is committed before the answer goes out."""
    db: Database = request.app.state.db
    async with db.session() as session:
        yield session


SessionDep = Annotated[AsyncSession, Depends(request_session, scope="function")]


class Policy:
    """A declared rule about who may call a route."""


class Public(Policy):
    """Open to anyone: health, the API's description, signed links (which check their own signature)."""

    async def __call__(self) -> None:  # async, as all policies: FastAPI runs plain functions on threads
        return None


class LeaseToken(Policy):
    """The lease token of the job in the path; the queue checks it in the same statement that writes."""

    async def __call__(self, request: Request) -> str:
        return bearer(request)


class Require(Policy):
    """A key of one of `kinds`, or a browser's session that counts as one.

    Raises Unauthenticated without either, Forbidden with one of another kind or without the scope for the call.
    """

    def __init__(self, *kinds: KeyKind) -> None:
        self.kinds = frozenset(kinds)

    async def __call__(self, request: Request, session: SessionDep) -> Caller:
        return remember(request, await identify(request, await driver(session), self.kinds))


class RequireBriefly(Policy):
    """As Require, with a session that ends before the route begins: for routes that wait, stream or take long."""

    def __init__(self, *kinds: KeyKind) -> None:
        self.kinds = frozenset(kinds)

    async def __call__(self, request: Request) -> Caller:
        db: Database = request.app.state.db
        async with db.session() as session:
            caller = await identify(request, await driver(session), self.kinds)
        return remember(request, caller)


class RequireInside(RequireBriefly):
    """As RequireBriefly, and the route itself asks, on the connection that it works with; gives the key as it came."""

    def __init__(self, *kinds: KeyKind) -> None:
        super().__init__(*kinds)
        self._known: dict[bytes, Caller] = {}

    async def __call__(self, request: Request) -> str:  # pyright: ignore[reportIncompatibleMethodOverride]
        return bearer(request)

    async def caller(self, connection: Connection, key: str) -> Caller:
        """The caller of a key that is live now."""
        caller = await authenticate_on(connection, key, self.kinds)
        while len(self._known) >= MOST_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[keys.digest_of(key)] = caller
        return caller

    def recall(self, key: str) -> Caller | None:
        """Whose key it was when it last came. Whether it is live still, the statement must ask that relies on it."""
        return self._known.get(keys.digest_of(key))


def remember(request: Request, caller: Caller) -> Caller:
    """Leaves the caller with the request, for the headers of its answer."""
    request.state.caller = caller
    return caller


async def identify(request: Request, connection: Connection, kinds: frozenset[KeyKind]) -> Caller:
    """Who makes the request, by the key it carries or else by its cookie, in the project that it names."""
    token = browser.session_cookie(request) if "authorization" not in request.headers else None
    if token is not None:
        browser.refuse_cross_site(request)
        caller = await signed_in(connection, token, kinds)
    else:
        caller = await authenticate_on(connection, bearer(request), kinds)
    named = browser.named_project(request)
    scopes.check(caller.scopes, request.method, request.scope["path"])
    return await acting_on(connection, caller, named) if named else caller


async def authenticate_on(connection: Connection, key: str, kinds: frozenset[KeyKind]) -> Caller:
    """The caller of a key; the same answer for an unknown, a revoked and an expired one."""
    found = await keys.find_on(connection, key)
    if found is None:
        raise Unauthenticated(
            "Incorrect API key provided. Send a live key as 'Authorization: Bearer <key>'; "
            "`tunesmith keys create` makes one."
        )
    if found.kind not in kinds:
        raise Forbidden(f"This is a {found.kind} key; this call takes a key of kind {_listed(kinds)}.")
    return Caller(
        found.key_id, found.kind, found.user_id, found.user_name, found.project_id, found.project_slug, found.scopes
    )


async def signed_in(connection: Connection, token: str, kinds: frozenset[KeyKind]) -> Caller:
    """The caller of a session's cookie; the same answer for an unknown, an ended and an expired one."""
    found = await web_sessions.find_on(connection, token)
    if found is None:
        raise Unauthenticated(
            "You are not signed in any more. `tunesmith sign-in` on the server's machine prints a new link.",
            code="not_signed_in",
        )
    if found.kind not in kinds:
        raise Forbidden(
            f"You are signed in as {found.user_name}, with the rights of a key of kind {found.kind}; "
            f"this call takes {_listed(kinds)}."
        )
    return Caller(
        found.key_id or "", found.kind, found.user_id, found.user_name, found.project_id, found.project_slug,
        found.scopes, found.session_id,
    )  # fmt: skip


def _listed(kinds: frozenset[KeyKind]) -> str:
    return " or ".join(sorted(kinds))


def bearer(request: Request) -> str:
    """The token of the Authorization header. Raises Unauthenticated when there is none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated(
            "You didn't provide an API key. Send it as 'Authorization: Bearer <key>'; "
            "`tunesmith keys create` makes one."
        )
    return token.strip()


user_key = Require(KeyKind.USER, KeyKind.SERVICE, KeyKind.ADMIN)
worker_key = Require(KeyKind.WORKER)
admin_key = Require(KeyKind.ADMIN)
user_key_briefly = RequireBriefly(KeyKind.USER, KeyKind.SERVICE, KeyKind.ADMIN)
worker_key_briefly = RequireBriefly(KeyKind.WORKER)
worker_key_inside = RequireInside(KeyKind.WORKER)
public = Public()
lease_token = LeaseToken()

UserCaller = Annotated[Caller, Depends(user_key)]
WorkerCaller = Annotated[Caller, Depends(worker_key)]
AdminCaller = Annotated[Caller, Depends(admin_key)]
WaitingUserCaller = Annotated[Caller, Depends(user_key_briefly)]
WaitingWorkerCaller = Annotated[Caller, Depends(worker_key_briefly)]
LeaseCaller = Annotated[str, Depends(lease_token)]


def policy_of(dependant: Any) -> Policy | None:
    """The policy that a route's dependencies declare, or None."""
    waiting: list[Any] = [dependant]
    while waiting:
        current = waiting.pop()
        if isinstance(current.call, Policy):
            return current.call
        waiting += current.dependencies
    return None


def check_policies(app: FastAPI, *, open_paths: frozenset[str]) -> None:
    """Raises RuntimeError naming every route that declares no policy and is not in `open_paths`."""
    missing = [
        str(route.path)
        for route in iter_route_contexts(app.routes)
        if route.path not in open_paths
        and (getattr(route, "dependant", None) is None or policy_of(getattr(route, "dependant", None)) is None)
    ]
    if missing:
        raise RuntimeError(f"These routes declare no policy (accounts/auth.py): {', '.join(sorted(missing))}")
