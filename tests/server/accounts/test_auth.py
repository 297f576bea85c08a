"""Who is let in, and what the others are told."""

import asyncio

import pytest


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Basic dTpw", "tsa_something", "Bearer tsa_unknown", "Bearer \xe9\xe9"]
)
async def test_without_a_live_key_the_answer_is_401_with_the_next_step(server, header):
    headers = {} if header is None else {"Authorization": header.encode("latin-1")}
    reply = await server.http.get("/v1/keys", headers=headers)
    assert reply.status_code == 401
    assert reply.headers["www-authenticate"] == "Bearer"
    assert reply.json()["error"]["code"] == "invalid_api_key"
    assert "tunesmith keys create" in reply.json()["error"]["message"]


async def test_an_unknown_a_revoked_and_an_expired_key_answer_the_same(server):
    async def made(**body):
        reply = await server.http.post("/v1/keys", json={"name": "t", **body}, headers=server.bearer())
        return reply.json()

    revoked, expired = await made(), await made(expires_in_s=60)
    await server.http.delete(f"/v1/keys/{revoked['id']}", headers=server.bearer())
    server.app.state.clock.advance(61)
    answers = {
        (await server.http.get("/v1/keys", headers=server.bearer(key))).text
        for key in (revoked["key"], expired["key"], revoked["key"][:-3] + "xyz", "tsk_short")
    }
    assert len(answers) == 1


async def test_the_scheme_is_read_in_any_case(server):
    for scheme in ("bearer", "BEARER"):
        headers = {"Authorization": f"{scheme}  {server.admin_key} "}
        assert (await server.http.get("/v1/keys", headers=headers)).status_code == 200


async def test_a_key_of_another_kind_is_told_which_kind_is_wanted(server):
    reply = await server.http.get("/v1/keys", headers=server.bearer(server.worker_key))
    assert reply.status_code == 403
    message = reply.json()["error"]["message"]
    assert "worker key" in message
    assert "admin or service or user" in message


async def test_last_use_is_noted_once_a_minute(server):
    async def last_used():
        listed = (await server.http.get("/v1/keys", headers=server.bearer())).json()["data"]
        return next(k["last_used_at"] for k in listed if k["kind"] == "admin")

    first = await last_used()
    server.app.state.clock.advance(30)
    assert await last_used() == first
    server.app.state.clock.advance(31)
    assert await last_used() >= first + 60


async def test_many_requests_with_one_key_do_not_wait_for_each_other(server):
    server.app.state.clock.advance(120)  # all of them want to note the key's last use
    replies = await asyncio.gather(*(server.http.get("/v1/keys", headers=server.bearer()) for _ in range(30)))
    assert {reply.status_code for reply in replies} == {200}
