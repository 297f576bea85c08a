"""A route that FastAPI describes and does not run: its policy is asked and the function called, and that is all.

FastAPI's way from a request to its function (dependencies solved, bodies looked for, two exit stacks) costs a worker's
call as much as all of ours; nothing of it is needed where the policy takes the request alone, the path's parameters
are texts, and the function reads its body itself and gives a response.
"""

from collections.abc import Callable
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from tunesmith.server.accounts.auth import LeaseToken, RequireInside


class LeanRoute(APIRoute):
    """For `APIRouter(route_class=LeanRoute)`. Raises TypeError at start for a function that asks for more."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self._policy_name, self._policy = self._only_dependency()
        self.app = self._run

    def _only_dependency(self) -> tuple[str, LeaseToken | RequireInside]:
        found: list[tuple[str | None, Any]] = [(d.name, d.call) for d in self.dependant.dependencies]
        name, policy = found[0] if len(found) == 1 and self._takes_texts_alone() else (None, None)
        if name is None or not isinstance(policy, LeaseToken | RequireInside):
            raise TypeError(f"{self.path} asks for more than its policy, the request and the path's texts: {found}")
        return name, policy

    def _takes_texts_alone(self) -> bool:
        d = self.dependant
        others = (d.query_params, d.header_params, d.cookie_params, d.body_params)
        return not any(others) and all(p.field_info.annotation is str for p in d.path_params)

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        given = {self._policy_name: await self._policy(request)}
        response = await self.endpoint(request=request, **given, **request.path_params)
        await response(scope, receive, send)
