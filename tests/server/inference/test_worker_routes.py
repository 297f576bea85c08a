"""Engines come and go; whose key registered one decides whom it works for."""

import pytest

TOLD = {"engine_id": "e-1", "url": "http://127.0.0.1:9", "secret": "s" * 16, "loaded": ["m"], "version": "1"}
CHAT = {"model": "smollm2-135m-instruct", "messages": [{"role": "user", "content": "hi"}]}


async def worker_key_of(server, user: str) -> str:
    reply = await server.http.post(
        "/v1/keys", json={"name": "w", "kind": "worker", "user": user}, headers=server.bearer()
    )
    return reply.json()["key"]


async def test_registering_tells_how_often_a_sign_of_life_is_wanted(server, register_engine):
    for _ in range(2):
        reply = await register_engine(TOLD)
        assert reply.json() == {"engine_id": "e-1", "heartbeat_s": 5.0}


@pytest.mark.parametrize(
    "url", ["ftp://host", "http://", "host:80", "http://a:b@host", "http://host/?x=1", "http://host:99999", "file:///x"]
)
async def test_an_address_that_is_no_plain_http_address_is_refused(server, url):
    reply = await server.http.post(
        "/worker/v1/engines", json={**TOLD, "url": url}, headers=server.bearer(server.worker_key)
    )
    assert reply.status_code == 400
    assert "'url'" in reply.json()["detail"]


async def test_a_user_key_cannot_register_an_engine(server):
    reply = await server.http.post("/worker/v1/engines", json=TOLD, headers=server.bearer())
    assert reply.status_code == 403
    assert reply.json()["code"] == "wrong_key"


async def test_a_removed_engine_is_asked_no_more_and_removing_again_is_404(server, make_engine):
    async def answer(talk):
        await talk.json({"ok": True})

    engine = await make_engine(answer)
    key = server.bearer(server.worker_key)
    assert (await server.http.delete(f"/worker/v1/engines/{engine.engine_id}", headers=key)).json() == {
        "id": engine.engine_id,
        "object": "engine",
        "deleted": True,
    }
    assert (await server.http.delete(f"/worker/v1/engines/{engine.engine_id}", headers=key)).status_code == 404
    reply = await server.http.post("/v1/chat/completions", json=CHAT, headers=server.bearer())
    assert reply.json()["error"]["code"] == "no_engine"


async def test_another_projects_worker_key_cannot_remove_or_replace_an_engine(server, register_engine):
    await register_engine(TOLD)
    other = await worker_key_of(server, "ada")
    gone = await server.http.delete("/worker/v1/engines/e-1", headers=server.bearer(other))
    absent = await server.http.delete("/worker/v1/engines/e-2", headers=server.bearer(other))
    assert gone.status_code == absent.status_code == 404
    assert gone.json()["detail"].replace("e-1", "X") == absent.json()["detail"].replace("e-2", "X")
    await register_engine({**TOLD, "url": "http://127.0.0.1:10"}, other)
    assert (
        await server.http.delete("/worker/v1/engines/e-1", headers=server.bearer(server.worker_key))
    ).status_code == 200


async def test_a_projects_own_engine_works_for_that_project_alone_and_the_first_projects_for_all(
    server, live, make_engine, register_engine
):
    async def answer(talk):
        await talk.json({"by": talk.engine.engine_id})

    ada, bob = await server.new_user("ada"), await server.new_user("bob")
    of_ada = await make_engine(answer, engine_id="of-ada")
    await server.http.delete("/worker/v1/engines/of-ada", headers=server.bearer(server.worker_key))
    await register_engine({**of_ada.registration(), "loaded": [CHAT["model"]]}, await worker_key_of(server, "ada"))

    async def asked_by(key: str):
        return (await live.post("/v1/chat/completions", json=CHAT, headers=server.bearer(key))).json()

    assert await asked_by(ada) == {"by": "of-ada"}
    assert (await asked_by(bob))["error"]["code"] == "no_engine"
    await make_engine(answer, engine_id="for-all")
    assert await asked_by(bob) == {"by": "for-all"}
    assert await asked_by(ada) == {"by": "of-ada"}
