"""What a restricted key may do, over the real routes."""

import pytest
from fastapi.routing import iter_route_contexts

from tunesmith.schemas.accounts import KeyKind, Scope
from tunesmith.server.accounts import scopes
from tunesmith.server.accounts.auth import Require, RequireBriefly, policy_of

READ, TRAIN, INFER, MANAGE = Scope.READ, Scope.TRAIN, Scope.INFER, Scope.MANAGE
EXPECTED = {
    ("GET", "/v1/fine_tuning/jobs"): {READ},
    ("GET", "/v1/files/{file_id}/content"): {READ},
    ("GET", "/v1/keys"): {READ},
    ("GET", "/v1/server"): {READ},
    ("GET", "/v1/models"): {READ, INFER},
    ("GET", "/v1/models/{model:path}"): {READ, INFER},
    ("POST", "/v1/fine_tuning/estimate"): {READ},
    ("POST", "/v1/fine_tuning/script"): {READ},
    ("POST", "/v1/fine_tuning/jobs"): {TRAIN},
    ("POST", "/v1/fine_tuning/jobs/{job_id}/cancel"): {TRAIN},
    ("POST", "/v1/files"): {TRAIN},
    ("DELETE", "/v1/files/{file_id}"): {TRAIN},
    ("DELETE", "/v1/models/{model:path}"): {TRAIN},
    ("POST", "/v1/chat/completions"): {INFER},
    ("POST", "/v1/completions"): {INFER},
    ("POST", "/v1/embeddings"): {INFER},
    ("POST", "/v1/classify"): {INFER},
    ("POST", "/v1/generate"): {INFER},
    ("POST", "/v1/keys"): {MANAGE},
    ("DELETE", "/v1/keys/{key_id}"): {MANAGE},
    ("POST", "/v1/projects"): {MANAGE},
    ("POST", "/v1/sign_in_links"): {MANAGE},
    ("GET", "/v1/session"): set[Scope](),
    ("DELETE", "/v1/session"): set[Scope](),
}


def user_routes(app) -> list[tuple[str, str]]:
    """Every route that a user's key may call."""
    found: list[tuple[str, str]] = []
    for route in iter_route_contexts(app.routes):
        policy = policy_of(getattr(route, "dependant", None)) if getattr(route, "dependant", None) else None
        if isinstance(policy, Require | RequireBriefly) and KeyKind.USER in policy.kinds:
            found += [(method, str(route.path)) for method in sorted(route.methods or ())]
    return found


def url_of(path: str) -> str:
    return "/".join("absent" if part.startswith("{") else part for part in path.split("/"))


async def key_with(server, *granted: Scope) -> dict[str, str]:
    """Headers with a key of these scopes."""
    body = {"name": "t", "user": "ada", "scopes": list(granted)}
    reply = await server.http.post("/v1/keys", json=body, headers=server.bearer())
    assert reply.json()["scopes"] == [scope for scope in Scope if scope in granted]
    return server.bearer(reply.json()["key"])


async def test_what_each_call_takes_is_as_it_is_told(server):
    routes = set(user_routes(server.app))
    for (method, path), expected in EXPECTED.items():
        assert (method, path) in routes, f"{method} {path} is no route any more"
        assert scopes.sufficient(method, url_of(path)) == expected, f"{method} {path}"


async def test_each_scope_opens_its_routes_and_no_others(server):
    for scope in Scope:
        headers = await key_with(server, scope)
        for method, path in user_routes(server.app):
            enough = scopes.sufficient(method, url_of(path))
            if path == "/v1/live" and scope in enough:
                continue  # a stream without end; its refusal is tested by the other scopes
            reply = await server.http.request(method, url_of(path), json={}, headers=headers)
            missing = reply.status_code == 403 and (method == "HEAD" or "missing_scope" in reply.text)
            assert missing == (bool(enough) and scope not in enough), f"{scope}: {method} {path} {reply.text[:200]}"


async def test_the_error_names_the_scope_and_how_to_get_it(server):
    headers = await key_with(server, READ, INFER)
    reply = await server.http.post("/v1/fine_tuning/jobs", json={}, headers=headers)
    assert reply.status_code == 403
    message = reply.json()["error"]["message"]
    assert "'train'" in message
    assert "'read', 'infer'" in message
    assert "tunesmith keys create --scope train" in message


async def test_a_key_without_scopes_may_all_that_its_kind_may(server):
    headers = server.bearer(await server.new_user("ada"))
    for method, path in user_routes(server.app):
        if path == "/v1/live":
            continue
        reply = await server.http.request(method, url_of(path), json={}, headers=headers)
        assert "missing_scope" not in reply.text, f"{method} {path}"


@pytest.mark.parametrize(
    ("granted", "wanted", "made"),
    [
        ([MANAGE, READ], [READ], True),
        ([MANAGE, READ], [READ, MANAGE], True),
        ([MANAGE, READ], [TRAIN], False),
        ([MANAGE, READ], [READ, INFER], False),
        ([MANAGE, READ], None, False),
        (list(Scope), None, False),
        ([READ], [READ], False),
    ],
)
async def test_a_restricted_key_hands_on_no_more_than_it_has(server, granted, wanted, made):
    headers = await key_with(server, *granted)
    reply = await server.http.post("/v1/keys", json={"name": "t", "scopes": wanted}, headers=headers)
    assert (reply.status_code == 200) == made, reply.text
    if not made:
        assert reply.json()["error"]["code"] == "missing_scope"


async def test_a_restricted_admin_key_makes_no_links_for_others_and_no_worker_keys(server):
    body = {"name": "t", "kind": "admin", "scopes": ["manage"]}
    made = (await server.http.post("/v1/keys", json=body, headers=server.bearer())).json()
    headers = server.bearer(made["key"])
    for path, wanted in (
        ("/v1/sign_in_links", {"user": "ada"}),
        ("/v1/keys", {"name": "w", "kind": "worker"}),
        ("/v1/keys", {"name": "a", "kind": "admin"}),
    ):
        reply = await server.http.post(path, json=wanted, headers=headers)
        assert (reply.status_code, reply.json()["error"]["code"]) == (403, "missing_scope"), wanted
    # A link of its own gives the key's rights, not the person's.
    link = await server.http.post("/v1/sign_in_links", json={}, headers=headers)
    signed = await server.http.post("/v1/session", json={"token": link.json()["url"].partition("#")[2]})
    assert signed.json()["scopes"] == ["manage"]


async def test_scopes_that_mean_nothing_are_refused(server):
    for body in ({"scopes": []}, {"scopes": ["root"]}, {"scopes": "read"}, {"kind": "worker", "scopes": ["read"]}):
        reply = await server.http.post("/v1/keys", json={"name": "t", **body}, headers=server.bearer())
        assert reply.status_code == 400, body
        assert reply.json()["error"]["param"].startswith("scopes")
