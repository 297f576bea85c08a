"""Signing a browser in: links that work once, the cookie, who it is, and what other sites cannot do with it."""

import asyncio

import httpx
import pytest

OURS = {"Sec-Fetch-Site": "same-origin"}
"""What a browser says of a request that our own page makes."""


async def link_of(server, user: str | None = None, key: str | None = None, **body) -> str:
    """The token of a fresh link."""
    reply = await server.http.post("/v1/sign_in_links", json={"user": user, **body}, headers=server.bearer(key))
    assert reply.status_code == 200, reply.text
    address, _, token = reply.json()["url"].partition("#")
    assert address == "http://localhost/sign-in"
    return token


def browser(server, **headers: str) -> httpx.AsyncClient:
    """A browser with cookies of its own, on our page."""
    transport = httpx.ASGITransport(app=server.app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers or OURS)


async def test_a_link_signs_in_once_and_of_many_browsers_one(server):
    token = await link_of(server, "ada")
    browsers = [browser(server) for _ in range(8)]
    replies = await asyncio.gather(*(each.post("/v1/session", json={"token": token}) for each in browsers))
    assert sorted(reply.status_code for reply in replies) == [200] + [401] * 7
    winner = next(each for each, reply in zip(browsers, replies, strict=True) if reply.status_code == 200)
    assert (await winner.get("/v1/session")).json()["user"] == "ada"


async def test_a_used_an_expired_and_an_unknown_link_answer_the_same_with_the_next_step(server):
    used, expired = await link_of(server), await link_of(server, expires_in_s=60)
    assert (await browser(server).post("/v1/session", json={"token": used})).status_code == 200
    server.app.state.clock.advance(61)
    replies = [
        await browser(server).post("/v1/session", json={"token": token})
        for token in (used, expired, "tsl_unknown", "", "tsl_\u00e9")
    ]
    assert {reply.status_code for reply in replies} == {401}
    assert len({reply.text for reply in replies}) == 1
    error = replies[0].json()["error"]
    assert error["code"] == "invalid_sign_in_link"
    assert "tunesmith sign-in" in error["message"]
    assert not any("set-cookie" in reply.headers for reply in replies)


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(server):
    reply = await browser(server).post("/v1/session", json={"token": await link_of(server)})
    cookie = reply.headers["set-cookie"]
    assert {part.strip().lower() for part in cookie.split(";")[1:]} == {
        "httponly", "samesite=strict", "path=/", "max-age=2592000"
    }  # fmt: skip
    assert reply.headers["cache-control"] == "no-store"
    assert "tsc_" not in reply.text


async def test_the_cookie_is_secure_over_https_and_named_by_its_port(server):
    transport = httpx.ASGITransport(app=server.app)
    async with httpx.AsyncClient(transport=transport, base_url="https://localhost:8443", headers=OURS) as http:
        reply = await http.post("/v1/sign_in_links", json={}, headers=server.bearer())
        url = reply.json()["url"]
        assert url.startswith("https://localhost:8443/sign-in#")
        cookie = (await http.post("/v1/session", json={"token": url.partition("#")[2]})).headers["set-cookie"]
    assert cookie.startswith("tunesmith_session_8443=")
    assert "Secure" in cookie


@pytest.mark.parametrize("host", ["localhost:8000@evil.example", "localhost:99999999", "localhost/path", "local host"])
async def test_no_link_leads_elsewhere_by_a_forged_host(server, host):
    reply = await server.http.post("/v1/sign_in_links", json={}, headers={**server.bearer(), "Host": host})
    assert reply.status_code == 400
    assert "url" not in reply.json()


async def test_a_person_makes_links_for_themselves_alone_and_an_admin_for_anybody(server, sign_in):
    ada = await server.new_user("ada")
    await link_of(server, key=ada)
    await link_of(server, "ada", key=ada)
    for other in ("bob", "admin"):
        reply = await server.http.post("/v1/sign_in_links", json={"user": other}, headers=server.bearer(ada))
        assert reply.status_code == 403, other
    assert (await (await sign_in("new")).get("/v1/session")).json()["project"]["name"] == "new"
    reply = await server.http.post("/v1/sign_in_links", json={"user": "default"}, headers=server.bearer())
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "user")


async def test_a_new_user_never_gets_a_project_of_others_by_its_name(server):
    await server.http.post("/v1/projects", json={"name": "team"}, headers=server.bearer())
    for route, body in (("/v1/sign_in_links", {"user": "team"}), ("/v1/keys", {"name": "k", "user": "team"})):
        reply = await server.http.post(route, json=body, headers=server.bearer())
        assert (reply.status_code, reply.json()["error"]["param"]) == (400, "user"), route


async def test_who_is_signed_in_with_role_and_projects(server, sign_in):
    admin = (await (await sign_in()).get("/v1/session")).json()
    assert (admin["user"], admin["role"], admin["sees_all"]) == ("admin", "admin", True)
    ada = (await (await sign_in("ada")).get("/v1/session")).json()
    assert (ada["user"], ada["role"], ada["sees_all"]) == ("ada", "member", False)
    assert [project["name"] for project in ada["projects"]] == ["ada"]
    by_key = (await server.http.get("/v1/session", headers=server.bearer(await server.new_user("ada")))).json()
    assert (by_key["user"], by_key["expires_at"]) == ("ada", None)


async def test_a_session_lives_thirty_days_from_its_last_use(server, sign_in):
    ada = await sign_in("ada")
    for _ in range(2):
        server.app.state.clock.advance(29 * 86400)
        assert (await ada.get("/v1/session")).status_code == 200
    server.app.state.clock.advance(30 * 86400 + 3601)
    reply = await ada.get("/v1/session")
    assert (reply.status_code, reply.json()["error"]["code"]) == (401, "not_signed_in")
    assert "tunesmith sign-in" in reply.json()["error"]["message"]


async def test_signing_out_ends_the_session_and_takes_the_cookie(server, sign_in):
    ada = await sign_in("ada")
    token = ada.cookies["tunesmith_session"]
    reply = await ada.delete("/v1/session")
    assert reply.status_code == 204
    assert "tunesmith_session" not in ada.cookies
    assert (await server.http.get("/v1/session", headers={"Cookie": f"tunesmith_session={token}"})).status_code == 401
    by_key = await server.http.delete("/v1/session", headers=server.bearer())
    assert by_key.status_code == 400


async def test_an_unknown_an_ended_and_an_expired_session_answer_the_same(server, sign_in):
    ended, expired = await sign_in("ada"), await sign_in("ada")
    tokens = [
        ended.cookies["tunesmith_session"],
        expired.cookies["tunesmith_session"],
        "tsc_unknown",
        "\u00e9".encode(),
    ]
    await ended.delete("/v1/session")
    server.app.state.clock.advance(31 * 86400)
    answers = set[str]()
    for token in tokens:
        cookie = b"tunesmith_session=" + (token if isinstance(token, bytes) else token.encode())
        reply = await server.http.get("/v1/session", headers=[(b"cookie", cookie)])
        assert reply.status_code == 401
        answers.add(reply.text)
    assert len(answers) == 1


CROSS_SITE = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"},
    {"Origin": "http://evil.example"},
    {"Origin": "http://localhost:9999"},
    {"Origin": "null"},
    {},
]


@pytest.mark.parametrize("told", CROSS_SITE)
async def test_a_request_of_another_sites_page_changes_nothing(server, sign_in, told):
    ada = await sign_in("ada")
    theirs = browser(server, **(told or {"Accept": "*/*"}))
    theirs.cookies = ada.cookies
    for method, path, body in (("POST", "/v1/keys", {"name": "k"}), ("DELETE", "/v1/session", None)):
        reply = await theirs.request(method, path, json=body)
        assert (reply.status_code, reply.json()["error"]["code"]) == (403, "cross_site"), (method, path)
    assert (await ada.get("/v1/keys")).json()["data"] == []


@pytest.mark.parametrize("told", [OURS, {"Sec-Fetch-Site": "none"}, {"Origin": "http://localhost"}])
async def test_a_request_of_our_own_page_is_let_in(server, sign_in, told):
    ada = await sign_in("ada")
    ours = browser(server, **told)
    ours.cookies = ada.cookies
    assert (await ours.post("/v1/keys", json={"name": "k"})).status_code == 200


async def test_another_site_cannot_sign_its_visitor_in(server):
    token = await link_of(server, "mallory")
    for told in CROSS_SITE[:5]:
        reply = await browser(server, **told).post("/v1/session", json={"token": token})
        assert (reply.status_code, reply.json()["error"]["code"]) == (403, "cross_site")
    assert (await browser(server).post("/v1/session", json={"token": token})).status_code == 200, "it was not used up"


async def test_a_key_goes_before_a_cookie_and_needs_no_word_of_its_origin(server, sign_in):
    ada = await sign_in("ada")
    bob = server.bearer(await server.new_user("bob"))
    reply = await ada.post("/v1/keys", json={"name": "k"}, headers={**bob, "Sec-Fetch-Site": "cross-site"})
    assert reply.json()["user"] == "bob"


async def test_a_session_begun_with_a_key_may_what_the_key_may_and_ends_with_it(server):
    made = await server.http.post(
        "/v1/keys", json={"name": "k", "user": "ada", "scopes": ["read"]}, headers=server.bearer()
    )
    ada = browser(server)
    reply = await ada.post("/v1/session", json={"key": made.json()["key"]})
    assert (reply.json()["user"], reply.json()["scopes"]) == ("ada", ["read"])
    assert (await ada.get("/v1/fine_tuning/jobs")).status_code == 200
    refused = await ada.post("/v1/keys", json={"name": "more"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "missing_scope")
    await server.http.delete(f"/v1/keys/{made.json()['id']}", headers=server.bearer())
    assert (await ada.get("/v1/session")).status_code == 401


async def test_a_user_key_of_an_admin_signs_in_with_a_users_rights(server):
    made = (await server.http.post("/v1/keys", json={"name": "k"}, headers=server.bearer())).json()
    someone = browser(server)
    assert (await someone.post("/v1/session", json={"key": made["key"]})).json()["role"] == "member"
    assert (await someone.get("/metrics")).status_code == 403
    # Nor does a link that such a key makes give more than the key.
    by_link = browser(server)
    token = await link_of(server, key=made["key"])
    assert (await by_link.post("/v1/session", json={"token": token})).json()["role"] == "member"
    await server.http.delete(f"/v1/keys/{made['id']}", headers=server.bearer())
    assert (await by_link.get("/v1/session")).status_code == 401


async def test_workers_and_services_are_not_signed_in(server):
    service = await server.http.post("/v1/keys", json={"name": "s", "kind": "service"}, headers=server.bearer())
    for key in (server.worker_key, service.json()["key"]):
        reply = await browser(server).post("/v1/session", json={"key": key})
        assert (reply.status_code, reply.json()["error"]["code"]) == (403, "wrong_key")
    for key in ("tsk_unknown", ""):
        assert (await browser(server).post("/v1/session", json={"key": key})).status_code == 401


async def test_signing_in_takes_one_proof(server):
    for body in ({}, {"token": "a", "key": "b"}, {"token": None}, {"token": "a" * 129}, {"user": "admin"}):
        reply = await browser(server).post("/v1/session", json=body)
        assert reply.status_code == 400, body


async def test_tokens_are_not_stored(server):
    from sqlalchemy import select

    from tunesmith.server.accounts.tables import SignInLinkRow, WebSessionRow

    token = await link_of(server, "ada")
    ada = browser(server)
    await ada.post("/v1/session", json={"token": token})
    async with server.app.state.db.session() as session:
        rows = [*(await session.scalars(select(SignInLinkRow))), *(await session.scalars(select(WebSessionRow)))]
    kept = repr([vars(row) for row in rows])
    assert rows
    assert token not in kept
    assert ada.cookies["tunesmith_session"] not in kept


async def test_what_expired_is_deleted_in_time(server, sign_in):
    from sqlalchemy import func, select

    from tunesmith.server.accounts import links, web_sessions
    from tunesmith.server.accounts.tables import SignInLinkRow, WebSessionRow

    await sign_in("ada")
    left = await sign_in("bob")
    await left.delete("/v1/session")

    async def swept() -> tuple[int | None, int | None]:
        async with server.app.state.db.session() as session:
            await links.forget_expired(session)
            await web_sessions.forget_expired(session)
            n_links = await session.scalar(select(func.count()).select_from(SignInLinkRow))
            return n_links, await session.scalar(select(func.count()).select_from(WebSessionRow))

    assert await swept() == (2, 1)
    server.app.state.clock.advance(2 * 86400)
    assert await swept() == (0, 1)
    server.app.state.clock.advance(30 * 86400)
    assert await swept() == (0, 0)
