"""Routes that FastAPI describes and does not run."""

from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import Response

from tunesmith.server.accounts.auth import LeaseCaller, user_key
from tunesmith.server.jobs.lean_route import LeanRoute


async def test_a_lean_route_gets_its_caller_and_the_texts_of_its_path():
    app = FastAPI()
    router = APIRouter(route_class=LeanRoute)

    @router.post("/jobs/{job_id}/end")
    async def end(job_id: str, request: Request, bearer: LeaseCaller) -> Response:
        return Response(f"{job_id} {bearer} {(await request.body()).decode()}")

    app.include_router(router)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
        reply = await http.post("/jobs/a%20b/end", content="told", headers={"authorization": "Bearer t"})
        wrong = await http.get("/jobs/a/end")
    assert (reply.status_code, reply.text) == (200, "a b t told")
    assert wrong.status_code == 405
    (operation,) = app.openapi()["paths"]["/jobs/{job_id}/end"].values()
    assert [parameter["name"] for parameter in operation["parameters"]] == ["job_id"]


async def takes_a_query(request: Request, bearer: LeaseCaller, limit: int) -> Response:
    return Response(f"{request.url} {bearer} {limit}")


async def takes_a_number(request: Request, bearer: LeaseCaller, n: int) -> Response:
    return Response(f"{request.url} {bearer} {n}")


async def asks_the_database(request: Request, caller: Annotated[object, Depends(user_key)]) -> Response:
    return Response(f"{request.url} {caller}")


async def asks_nobody(request: Request) -> Response:
    return Response(str(request.url))


@pytest.mark.parametrize(
    ("path", "function"),
    [("/", takes_a_query), ("/{n}", takes_a_number), ("/", asks_the_database), ("/", asks_nobody)],
)
def test_a_function_that_asks_for_more_is_refused_at_start(path, function):
    with pytest.raises(TypeError, match="asks for more"):
        APIRouter(route_class=LeanRoute).add_api_route(path, function)
