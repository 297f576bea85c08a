"""Projects: whose they are, who acts in them, and that a request sees the one it names."""

import pytest

TEAM = {"OpenAI-Project": "team"}


async def team_of(server, *users: str) -> None:
    """A project `team` with these users, who are made if new."""
    assert (await server.http.post("/v1/projects", json={"name": "team"}, headers=server.bearer())).status_code == 200
    for user in users:
        await server.new_user(user)
        reply = await server.http.post("/v1/projects/team/members", json={"user": user}, headers=server.bearer())
        assert reply.status_code == 200, reply.text


async def uploaded(client, name: str, headers: dict[str, str] | None = None) -> str:
    files = {"file": (name, '{"text": "a"}\n')}
    reply = await client.post("/v1/files", files=files, data={"purpose": "fine-tune"}, headers=headers)
    assert reply.status_code == 200, reply.text
    return reply.json()["id"]


async def files_of(client, headers: dict[str, str] | None = None) -> set[str]:
    return {file["id"] for file in (await client.get("/v1/files", headers=headers)).json()["data"]}


async def test_a_request_is_about_the_project_that_it_names(server, sign_in):
    await team_of(server, "ada", "bob")
    ada, bob = await sign_in("ada"), await sign_in("bob")
    mine, ours = await uploaded(ada, "mine.jsonl"), await uploaded(ada, "ours.jsonl", TEAM)
    assert await files_of(ada) == {mine}
    assert await files_of(ada, TEAM) == await files_of(bob, TEAM) == {ours}
    assert await files_of(bob) == set()
    assert (await ada.get("/v1/files", headers=TEAM)).headers["openai-organization"] == "team"


async def test_a_link_that_the_browser_follows_names_the_project_by_a_cookie(server, sign_in):
    await team_of(server, "ada")
    ada = await sign_in("ada")
    ours = await uploaded(ada, "ours.jsonl", TEAM)
    ada.cookies.set("tunesmith_project", "team", domain="localhost.local")
    assert (await ada.get(f"/v1/files/{ours}/content")).status_code == 200
    assert await files_of(ada, {"OpenAI-Project": "ada"}) == set(), "the header goes first"


@pytest.mark.parametrize("name", ["bob", "absent", "default", "x" * 300])
async def test_a_project_of_others_answers_like_one_that_does_not_exist(server, sign_in, name):
    await server.new_user("bob")
    ada = await sign_in("ada")
    for method, path in (("GET", "/v1/files"), ("GET", "/v1/session"), ("POST", "/v1/keys")):
        body = {"name": "k"} if method == "POST" else None
        reply = await ada.request(method, path, json=body, headers={"OpenAI-Project": name})
        assert (reply.status_code, reply.json()["error"]["code"]) == (404, "project_not_found")
        assert reply.json()["error"]["message"].startswith(f"No such project: {name[:100]}.")


async def test_an_admin_sees_all_projects_or_the_one_that_is_named(server, sign_in):
    await team_of(server, "ada")
    ada, admin = await sign_in("ada"), await sign_in()
    mine, ours = await uploaded(ada, "mine.jsonl"), await uploaded(ada, "ours.jsonl", TEAM)
    assert await files_of(admin) == {mine, ours}
    assert await files_of(admin, TEAM) == {ours}
    named = (await admin.get("/v1/session", headers=TEAM)).json()
    assert (named["project"]["name"], named["sees_all"]) == ("team", False)
    assert {project["name"] for project in named["projects"]} == {"default", "team", "ada"}
    # By id as well, and by an admin's key as by an admin's session.
    by_id = {"OpenAI-Project": named["project"]["id"], **server.bearer()}
    assert await files_of(server.http, by_id) == {ours}


async def test_a_key_acts_in_its_own_project_alone(server):
    await team_of(server, "ada")
    key = server.bearer(await server.new_user("ada"))
    assert (await server.http.get("/v1/files", headers={**key, "OpenAI-Project": "ada"})).status_code == 200
    for other in ("team", "absent"):
        reply = await server.http.get("/v1/files", headers={**key, "OpenAI-Project": other})
        assert (reply.status_code, reply.json()["error"]["code"]) == (403, "wrong_project")
        assert "'ada'" in reply.json()["error"]["message"]
    listed = (await server.http.get("/v1/projects", headers=key)).json()["data"]
    assert [project["name"] for project in listed] == ["ada"]
    made = await server.http.post("/v1/projects", json={"name": "mine"}, headers=key)
    assert (made.status_code, made.json()["error"]["code"]) == (403, "wrong_project")


async def test_a_key_is_made_in_the_project_that_is_named(server, sign_in):
    await team_of(server, "ada")
    ada = await sign_in("ada")
    made = (await ada.post("/v1/keys", json={"name": "k"}, headers=TEAM)).json()
    assert (made["user"], made["project"]) == ("ada", "team")
    ours = await uploaded(ada, "ours.jsonl", TEAM)
    assert await files_of(server.http, server.bearer(made["key"])) == {ours}


async def test_who_makes_a_project_acts_in_it_and_its_name_is_taken(server, sign_in):
    ada, bob = await sign_in("ada"), await sign_in("bob")
    assert (await ada.post("/v1/projects", json={"name": "lab"})).json()["name"] == "lab"
    assert [project["name"] for project in (await ada.get("/v1/projects")).json()["data"]] == ["ada", "lab"]
    assert [project["name"] for project in (await bob.get("/v1/projects")).json()["data"]] == ["bob"]
    for taken in ("lab", "ada", "default"):
        reply = await bob.post("/v1/projects", json={"name": taken})
        assert (reply.status_code, reply.json()["error"]["param"]) == (400, "name")


@pytest.mark.parametrize("name", ["", "Lab", "a b", "-lab", "l" * 64, "l/ab"])
async def test_a_projects_name_is_fit_for_a_models_name(server, name):
    reply = await server.http.post("/v1/projects", json={"name": name}, headers=server.bearer())
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "name")


async def test_members_come_and_go_by_an_admin(server, sign_in):
    await team_of(server, "ada")
    ada = await sign_in("ada")
    again = await server.http.post("/v1/projects/team/members", json={"user": "ada"}, headers=server.bearer())
    assert (again.json()["user"], again.json()["own"]) == ("ada", False)
    listed = (await server.http.get("/v1/projects/team/members", headers=server.bearer())).json()
    assert [member["user"] for member in listed["data"]] == ["ada", "admin"]
    assert (await ada.get("/v1/files", headers=TEAM)).status_code == 200
    gone = await server.http.delete("/v1/projects/team/members/ada", headers=server.bearer())
    assert gone.status_code == 204
    assert (await ada.get("/v1/files", headers=TEAM)).status_code == 404
    for method, path in (("GET", "team"), ("POST", "team"), ("DELETE", "team")):
        tail = "/bob" if method == "DELETE" else ""
        reply = await ada.request(method, f"/v1/projects/{path}/members{tail}", json={"user": "ada"})
        assert reply.status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/projects/absent/members", 404),
        ("POST", "/v1/projects/absent/members", 404),
        ("POST", "/v1/projects/default/members", 404),
        ("DELETE", "/v1/projects/default/members/nobody", 404),
        ("DELETE", "/v1/projects/default/members/ada", 404),
        ("DELETE", "/v1/projects/ada/members/ada", 400),
    ],
)
async def test_sharing_what_is_not_there_says_so(server, method, path, status):
    await server.new_user("ada")
    body = {"user": "nobody"} if method == "POST" else None
    reply = await server.http.request(method, path, json=body, headers=server.bearer())
    assert reply.status_code == status, reply.text


async def test_acting_in_gives_the_caller_of_another_project(server, sign_in):
    """What a job's `project` is read by."""
    from tunesmith.schemas.accounts import KeyKind
    from tunesmith.schemas.errors import Forbidden, NotFound
    from tunesmith.server.accounts import auth
    from tunesmith.server.accounts.acting import acting_in
    from tunesmith.server.db import driver

    await team_of(server, "ada")
    ada = await sign_in("ada")
    kinds = frozenset({KeyKind.USER})
    async with server.app.state.db.session() as session:
        person = await auth.signed_in(await driver(session), ada.cookies["tunesmith_session"], kinds)
        assert (await acting_in(session, person, "team")).project_slug == "team"
        assert (await acting_in(session, person, "ada")) == person
        with pytest.raises(NotFound):
            await acting_in(session, person, "default")
        key = await auth.authenticate_on(await driver(session), await _key_of(ada), kinds)
        with pytest.raises(Forbidden):
            await acting_in(session, key, "team")


async def _key_of(browser) -> str:
    return (await browser.post("/v1/keys", json={"name": "k"})).json()["key"]
