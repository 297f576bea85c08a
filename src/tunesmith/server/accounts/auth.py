"""Who is calling. Every route declares one of these policies; the app refuses to start when one does not."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.routing import iter_route_contexts
from sqlalchemy.ext.asyncio import AsyncSession

from tunesmith.schemas.accounts import KeyKind
from tunesmith.schemas.errors import Forbidden, Unauthenticated
from tunesmith.server.accounts import keys
from tunesmith.server.db import Connection, Database, driver

MOST_KNOWN = 4096
"""Keys of which this process remembers whose they are."""


@dataclass(frozen=True)
class Caller:
    """The owner of the key that came with a request; every query is scoped to `project_id` (see scope.py)."""

    key_id: str
    kind: KeyKind
    user_id: str
    user_name: str
    project_id: str
    project_slug: str

    @property
    def sees_all(self) -> bool:
        """An admin key sees every project."""
        return self.kind is KeyKind.ADMIN


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
    """A key of one of `kinds`. Raises Unauthenticated without one, Forbidden with one of another kind."""

    def __init__(self, *kinds: KeyKind) -> None:
        self.kinds = frozenset(kinds)

    async def __call__(self, request: Request, session: SessionDep) -> Caller:
        return remember(request, await authenticate(session, bearer(request), self.kinds))


class RequireBriefly(Policy):
    """As Require, with a session that ends before the route begins: for routes that wait, stream or take long."""

    def __init__(self, *kinds: KeyKind) -> None:
        self.kinds = frozenset(kinds)

    async def __call__(self, request: Request) -> Caller:
        db: Database = request.app.state.db
        async with db.session() as session:
            caller = await authenticate(session, bearer(request), self.kinds)
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


async def authenticate(session: AsyncSession, key: str, kinds: frozenset[KeyKind]) -> Caller:
    """The caller of a key; the same answer for an unknown, a revoked and an expired one."""
    return await authenticate_on(await driver(session), key, kinds)


async def authenticate_on(connection: Connection, key: str, kinds: frozenset[KeyKind]) -> Caller:
    """The same on a connection."""
    found = await keys.find_on(connection, key)
    if found is None:
        raise Unauthenticated(
            "Incorrect API key provided. Send a live key as 'Authorization: Bearer <key>'; "
            "`tunesmith keys create` makes one."
        )
    if found.kind not in kinds:
        wanted = " or ".join(sorted(kinds))
        raise Forbidden(f"This is a {found.kind} key; this call takes a key of kind {wanted}.")
    return Caller(found.key_id, found.kind, found.user_id, found.user_name, found.project_id, found.project_slug)


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
