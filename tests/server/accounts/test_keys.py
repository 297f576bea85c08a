"""Keys: made once, shown once, refused when revoked, unknown or expired."""

import stat


async def test_first_start_writes_both_key_files_for_their_owner_only(server):
    for kind in ("admin", "worker"):
        path = server.data_dir / f"{kind}.key"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert len(path.read_text().strip()) > 30


async def test_a_new_key_works_until_it_is_revoked(server):
    key = await server.new_user("ada")
    listed = (await server.http.get("/v1/keys", headers=server.bearer(key))).json()["data"]
    assert [k["user"] for k in listed] == ["ada"]
    assert "key" not in listed[0]
    revoked = await server.http.delete(f"/v1/keys/{listed[0]['id']}", headers=server.bearer())
    assert revoked.json()["revoked_at"] is not None
    again = await server.http.get("/v1/keys", headers=server.bearer(key))
    assert again.status_code == 401
    assert again.json()["error"]["code"] == "invalid_api_key"


async def test_an_expired_key_is_refused(server):
    made = await server.http.post("/v1/keys", json={"name": "t", "expires_in_s": 60}, headers=server.bearer())
    key = made.json()["key"]
    assert (await server.http.get("/v1/keys", headers=server.bearer(key))).status_code == 200
    server.app.state.clock.advance(61)
    assert (await server.http.get("/v1/keys", headers=server.bearer(key))).status_code == 401


async def test_another_users_key_answers_like_an_absent_one(server):
    ada, bob = await server.new_user("ada"), await server.new_user("bob")
    of_ada = (await server.http.get("/v1/keys", headers=server.bearer(ada))).json()["data"][0]["id"]
    other = await server.http.delete(f"/v1/keys/{of_ada}", headers=server.bearer(bob))
    absent = await server.http.delete("/v1/keys/key_absent", headers=server.bearer(bob))
    assert other.status_code == absent.status_code == 404
    assert other.json()["error"]["message"].replace(of_ada, "X") == absent.json()["error"]["message"].replace(
        "key_absent", "X"
    )


async def test_a_user_key_cannot_make_an_admin_key(server):
    ada = await server.new_user("ada")
    reply = await server.http.post("/v1/keys", json={"name": "x", "kind": "admin"}, headers=server.bearer(ada))
    assert reply.status_code == 403


async def test_bad_bodies_get_openais_error_with_the_parameter(server):
    reply = await server.http.post("/v1/keys", json={"kind": "user"}, headers=server.bearer())
    assert reply.status_code == 400
    assert reply.json() == {
        "error": {
            "message": "Missing required parameter: 'name'.",
            "type": "invalid_request_error",
            "param": "name",
            "code": "missing_required_parameter",
        }
    }
    extra = await server.http.post("/v1/keys", json={"name": "a", "colour": "red"}, headers=server.bearer())
    assert extra.json()["error"]["code"] == "unknown_parameter"


async def test_unknown_urls_and_methods_answer_in_json(server):
    assert (await server.http.get("/v1/nothing")).json()["error"]["message"] == "Invalid URL (GET /v1/nothing)"
    wrong = await server.http.put("/v1/keys", headers=server.bearer())
    assert wrong.status_code == 405
    assert wrong.json()["error"]["code"] == "method_not_supported"
