"""Making, listing and revoking keys: who may do what for whom."""

import pytest


async def test_an_admin_makes_keys_of_each_kind_for_any_user(server):
    for kind in ("user", "worker", "service", "admin"):
        reply = await server.http.post(
            "/v1/keys", json={"name": "n", "kind": kind, "user": "ada"}, headers=server.bearer()
        )
        made = reply.json()
        assert (made["kind"], made["user"], made["project"]) == (kind, "ada", "ada")
        assert made["key"].startswith(made["prefix"])


async def test_a_user_makes_keys_for_itself_alone(server):
    ada = await server.new_user("ada")
    own = await server.http.post("/v1/keys", json={"name": "second"}, headers=server.bearer(ada))
    assert own.json()["user"] == "ada"
    for body in ({"user": "bob"}, {"kind": "worker"}, {"kind": "service"}, {"user": "admin"}):
        reply = await server.http.post("/v1/keys", json={"name": "n", **body}, headers=server.bearer(ada))
        assert reply.status_code == 403


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"name": ""}, "name"),
        ({"name": "n" * 65}, "name"),
        ({"name": "n", "kind": "root"}, "kind"),
        ({"name": "n", "user": "a b"}, "user"),
        ({"name": "n", "user": "default"}, "user"),
        ({"name": "n", "expires_in_s": 5}, "expires_in_s"),
        ({"name": "n", "expires_in_s": 10**18}, "expires_in_s"),
    ],
)
async def test_a_bad_key_names_its_field(server, body, param):
    reply = await server.http.post("/v1/keys", json=body, headers=server.bearer())
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)


async def test_no_list_shows_a_key_and_each_project_sees_its_own(server):
    ada, bob = await server.new_user("ada"), await server.new_user("bob")
    for key, users in ((ada, {"ada"}), (bob, {"bob"}), (server.admin_key, {"admin", "ada", "bob"})):
        listed = (await server.http.get("/v1/keys", headers=server.bearer(key))).json()
        assert {k["user"] for k in listed["data"]} == users
        assert listed["first_id"] == listed["data"][0]["id"]
        assert not any("key" in k for k in listed["data"])


async def test_revoking_twice_changes_nothing(server):
    made = (await server.http.post("/v1/keys", json={"name": "n"}, headers=server.bearer())).json()
    first = (await server.http.delete(f"/v1/keys/{made['id']}", headers=server.bearer())).json()
    server.app.state.clock.advance(100)
    again = (await server.http.delete(f"/v1/keys/{made['id']}", headers=server.bearer())).json()
    assert first["revoked_at"] == again["revoked_at"] is not None
