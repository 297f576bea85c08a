"""From the table of routes: each with no key, a wrong kind, a revoked key, another user's key, and nonsense."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts

from tunesmith.schemas.accounts import KeyKind
from tunesmith.server.accounts.auth import LeaseToken, Policy, Public, Require, RequireBriefly, policy_of
from tunesmith.server.app import OPEN_PATHS, create_app
from tunesmith.server.settings import Settings

OPEN = {"/health", "/healthz", "/readyz", "/version"}
"""Routes that anyone may call; all other public ones check a signature of their own."""
ASKS_ITSELF = {"/v1/session"}
"""Signing in: the body carries what proves who it is."""
SIGNED = {"/storage/v1/{sha256}", "/worker/v1/uploads/{upload_id}/{sha256}"}


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    """The pattern, as /v1/keys/{key_id}."""
    policy: Policy
    parameters: tuple[str, ...]

    def url(self, **given: str) -> str:
        """The path with its parameters filled in, `absent` where nothing was given."""
        url = self.path
        for name in self.parameters:
            value = given.get(name, "a" * 64 if name == "sha256" else "absent")
            for form in (f"{{{name}:path}}", f"{{{name}}}"):
                url = url.replace(form, value)
        return url

    @property
    def kinds(self) -> frozenset[KeyKind]:
        return self.policy.kinds if isinstance(self.policy, Require | RequireBriefly) else frozenset()

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def all_routes() -> list[Route]:
    app = create_app(Settings(), "postgresql://nobody@127.0.0.1:1/nothing")
    found: list[Route] = []
    for route in iter_route_contexts(app.routes):
        if route.path in OPEN_PATHS:
            continue
        dependant = route.dependant
        policy = policy_of(dependant)
        assert policy is not None
        names = tuple(parameter.name for parameter in dependant.path_params)
        found += [Route(method, str(route.path), policy, names) for method in sorted(route.methods or ())]
    return found


ROUTES = all_routes()
KEYED = [route for route in ROUTES if route.kinds]
LEASED = [route for route in ROUTES if isinstance(route.policy, LeaseToken)]


@pytest.fixture
async def server(make_server):
    """Its streams end as soon as they have told what there is."""
    async with make_server(event_stream_life_s=0.0) as started:
        yield started


def code_of(reply: Any) -> str:
    """The error's code, in the form that the path's readers expect; a HEAD has only its status."""
    if reply.request.method == "HEAD":
        return ""
    if reply.request.url.path.startswith("/worker/v1"):
        assert reply.headers["content-type"] == "application/problem+json", reply.text
        return reply.json()["code"]
    error = reply.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error["code"]


def refused(reply: Any, status: int, code: str) -> bool:
    return (reply.status_code, code_of(reply)) == (status, "" if reply.request.method == "HEAD" else code)


def test_public_routes_are_the_probes_and_the_signed_links():
    public = {route.path for route in ROUTES if isinstance(route.policy, Public)}
    assert public - OPEN - ASKS_ITSELF <= SIGNED


def test_no_two_routes_answer_the_same_call():
    calls = [str(route) for route in ROUTES]
    assert len(calls) == len(set(calls))


async def test_without_a_key_every_route_is_401(server):
    for route in KEYED + LEASED:
        for headers in ({}, {"Authorization": "Bearer "}):
            reply = await server.http.request(route.method, route.url(), headers=headers)
            assert refused(reply, 401, "invalid_api_key"), f"{route}: {reply.status_code} {reply.text}"


async def key_of(server, kind: KeyKind) -> dict[str, str]:
    """Of a fresh key: its id and the key."""
    return (await server.http.post("/v1/keys", json={"name": "t", "kind": kind}, headers=server.bearer())).json()


async def test_a_key_of_the_wrong_kind_is_403_on_every_route(server):
    keys = {kind: (await key_of(server, kind))["key"] for kind in KeyKind}
    for route in KEYED:
        for kind in set(KeyKind) - route.kinds:
            reply = await server.http.request(route.method, route.url(), headers=server.bearer(keys[kind]), json={})
            assert refused(reply, 403, "wrong_key"), f"{route} with a {kind} key: {reply.status_code} {reply.text}"


async def test_a_revoked_key_is_401_on_every_route(server):
    keys = {kind: await key_of(server, kind) for kind in KeyKind}
    for made in keys.values():
        await server.http.delete(f"/v1/keys/{made['id']}", headers=server.bearer())
    for route in KEYED:
        for kind in route.kinds:
            headers = server.bearer(keys[kind]["key"])
            reply = await server.http.request(route.method, route.url(), headers=headers, json={})
            assert refused(reply, 401, "invalid_api_key"), f"{route}: {reply.status_code} {reply.text}"


async def test_no_kind_of_key_passes_for_a_lease_token(server):
    assert LEASED
    for kind in KeyKind:
        headers = server.bearer((await key_of(server, kind))["key"])
        for route in LEASED:
            body = {"epoch": 1, "report_seq": 1}
            reply = await server.http.request(route.method, route.url(), headers=headers, json=body)
            assert 400 <= reply.status_code < 500, f"{route}: {reply.status_code} {reply.text}"
            code_of(reply)


async def test_a_link_without_its_signature_is_refused_whoever_asks(server):
    links = [route for route in ROUTES if route.path in SIGNED]
    assert links
    for route in links:
        for query in ({}, {"expires": "99999999999", "signature": "x"}, {"expires": "x", "signature": ""}):
            reply = await server.http.request(route.method, route.url(), params=query, headers=server.bearer())
            assert reply.status_code == 403, str(route)


NONSENSE = ("[]", "1", '"x"', "null", "{}", "{", '{"model": {"a": [1]}}', '{"model": "a\\u0000b"}', "\ud800")


async def test_nonsense_is_always_the_callers_fault(server):
    user, worker = await key_of(server, KeyKind.USER), await key_of(server, KeyKind.WORKER)
    for route in KEYED + LEASED:
        key = user["key"] if KeyKind.USER in route.kinds else server.admin_key
        key = worker["key"] if KeyKind.WORKER in route.kinds or not route.kinds else key
        for body in NONSENSE:
            reply = await server.http.request(
                route.method,
                route.url(),
                headers={**server.bearer(key), "content-type": "application/json"},
                content=body.encode("utf-8", "surrogatepass"),
            )
            assert reply.status_code < 500, f"{route} with {body!r}: {reply.text}"
            if reply.status_code >= 400:
                code_of(reply)


@dataclass
class Possessions:
    """What Ada owns, by the name of the path parameter that holds its id; and the keys of the two users."""

    ada: str
    bob: str
    ids: dict[str, str] = field(default_factory=dict)


@pytest.fixture
async def possessions(server) -> Possessions:
    """One of each thing that a user can own."""
    found = Possessions(await server.new_user("ada"), await server.new_user("bob"))
    ada = server.bearer(found.ada)
    found.ids["key_id"] = (await server.http.get("/v1/keys", headers=ada)).json()["data"][0]["id"]
    record = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]}
    lines = "\n".join(json.dumps({**record, "n": i}) for i in range(12))
    uploaded = await server.http.post(
        "/v1/files", files={"file": ("t.jsonl", lines)}, data={"purpose": "fine-tune"}, headers=ada
    )
    assert uploaded.status_code == 200, uploaded.text
    found.ids["file_id"] = uploaded.json()["id"]
    dataset = await server.http.post(
        "/v1/datasets", json={"name": "greetings", "file_id": found.ids["file_id"]}, headers=ada
    )
    assert dataset.status_code == 200, dataset.text
    found.ids["dataset_id"] = dataset.json()["id"]
    job = await server.http.post(
        "/v1/fine_tuning/jobs",
        json={"model": "smollm2-135m-instruct", "training_file": found.ids["file_id"]},
        headers=ada,
    )
    assert job.status_code == 200, job.text
    found.ids["job_id"] = job.json()["id"]
    await _check_up(server, found.ids["job_id"])
    found.ids["model"] = await _model_of(server, "ada")
    return found


async def _check_up(server, job_id: str) -> None:
    """As if a worker had told what it found in the job's data."""
    from tunesmith.schemas.datasets import Checkup
    from tunesmith.server.jobs.tables import JobRow

    found = Checkup(n_train=12, n_held_out=0, max_seq_len=2048, n_truncated=0, trained_token_share=0.5)
    async with server.app.state.db.session() as session:
        (await session.get_one(JobRow, job_id)).checkup = found.model_dump(mode="json")


async def _model_of(server, user_name: str) -> str:
    from sqlalchemy import select

    from tunesmith.server.accounts.tables import UserRow
    from tunesmith.server.models.tables import ModelVersionRow

    name = f"ft:protein-mini:{user_name}:mine:abc"
    base = server.app.state.catalog.get("protein-mini").model_dump(mode="json")
    async with server.app.state.db.session() as session:
        user = (await session.scalars(select(UserRow).where(UserRow.name == user_name))).one()
        session.add(
            ModelVersionRow(
                id=name, project_id=user.project_id, created_by=user.id, owned_by=user_name, job_id="ftjob-old",
                upload_id="wup_1", family="mine", version=1, task="protein", adaptation="lora",
                base_model="protein-mini", base=base, parent_model=None, manifest=[], size_bytes=0, metrics={},
                comparisons=[], lineage={
                    "job_id": "ftjob-old", "base_model": "protein-mini", "base_source": {}, "training_file": "file-x",
                    "training_sha256": "a" * 64, "seed": 0, "spec": {}, "packages": {}},
            )
        )  # fmt: skip
    return name


NOBODYS = {"example_id"}
"""Parameters that name what is the same for everybody."""
ON_ONE_THING = [
    route
    for route in KEYED
    if route.parameters and KeyKind.USER in route.kinds and not NOBODYS.issuperset(route.parameters)
]


BODIES: dict[str, dict[str, Any]] = {
    "POST /v1/datasets/{dataset_id}": {"name": "new"},
    "POST /v1/datasets/{dataset_id}/versions": {"fixes": [{"type": "drop_faulty"}]},
}
"""What routes on one thing need in their body."""


def of_thing(route: Route) -> tuple[str, dict[str, str]]:
    """The parameter that names the thing, and the others with a value that it has."""
    name, *others = route.parameters
    assert set(others) <= {"version"}, route
    return name, dict.fromkeys(others, "1")


async def test_another_users_thing_answers_exactly_as_one_that_does_not_exist(server, possessions):
    for route in ON_ONE_THING:
        name, others = of_thing(route)
        assert name in possessions.ids, f"{route}: say in `possessions` what Ada owns under {{{name}}}"
        mine = possessions.ids[name]
        absent = mine[:-1] + ("x" if mine[-1] != "x" else "y")
        bob = server.bearer(possessions.bob)
        replies = [
            await server.http.request(
                route.method, route.url(**{name: each}, **others), headers=bob, json=BODIES.get(str(route))
            )
            for each in (mine, absent)
        ]
        assert [reply.status_code for reply in replies] == [404, 404], f"{route}: {replies[0].text}"
        assert replies[0].text.replace(mine, "ID") == replies[1].text.replace(absent, "ID"), str(route)


async def test_the_owner_sees_what_others_do_not(server, possessions):
    """Or the test before this one would pass with routes that answer nobody."""
    reads = [route for route in ON_ONE_THING if route.method == "GET" and "stream" not in route.path]
    assert reads
    for route in reads:
        name, others = of_thing(route)
        url = route.url(**{name: possessions.ids[name]}, **others)
        reply = await server.http.get(url, headers=server.bearer(possessions.ada))
        assert reply.status_code == 200, f"{route}: {reply.text}"


async def test_no_list_shows_another_users_things(server, possessions):
    lists = [route for route in KEYED if route.method == "GET" and not route.parameters and KeyKind.USER in route.kinds]
    assert len(lists) > 3
    for route in lists:
        of_ada = (await server.http.get(route.path, headers=server.bearer(possessions.ada))).text
        of_bob = (await server.http.get(route.path, headers=server.bearer(possessions.bob))).text
        for thing in possessions.ids.values():
            assert thing not in of_bob, str(route)
        assert of_ada
