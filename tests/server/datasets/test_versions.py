"""Data sets: names and versions, who may see them, and what becomes of their files."""

import asyncio
import json


def chats(n: int, word: str = "answer") -> str:
    line = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": ""}]}
    found: list[str] = []
    for i in range(n):
        line["messages"][0]["content"], line["messages"][1]["content"] = f"question {i}", f"{word} {i}"
        found.append(json.dumps(line))
    return "\n".join(found)


TABLE = "text,label\n" + "".join(f"text {n},{'yes' if n % 2 else 'no'}\n" for n in range(12))


def error(reply) -> tuple[int, str, str]:
    body = reply.json()["error"]
    return reply.status_code, body["param"], body["code"]


async def test_a_file_becomes_version_one_and_another_the_next(sets):
    made = await sets.create(chats(12))
    newest = made["newest"]
    assert (made["n_versions"], newest["version"], newest["kind"], newest["n_records"]) == (1, 1, "chat", 12)
    assert (made["project"], newest["created_by"], newest["parent_version"]) == ("ada", "ada", None)
    added = await sets.post(f"/v1/datasets/{made['id']}/versions", file_id=await sets.upload(chats(10)), note="fewer")
    assert added.status_code == 200, added.text
    found = added.json()
    assert (found["version"], found["parent_version"], found["removed"], found["added"]) == (2, 1, 2, 0)
    assert (found["note"], found["fixes"]) == ("fewer", [])
    seen = await sets.remote.get(f"/v1/datasets/{made['id']}")
    assert (seen["n_versions"], seen["newest"]) == (2, found)
    first = await sets.remote.get(f"/v1/datasets/{made['id']}/versions/1")
    assert first == newest


async def test_a_name_is_taken_once_in_a_project_and_free_again_when_deleted(sets, server, make_remote):
    made = await sets.create(chats(12), name="support")
    file_id = await sets.upload(chats(11))
    assert error(await sets.post("/v1/datasets", name="support", file_id=file_id)) == (400, "name", "name_taken")
    bob = await server.new_user("bob")
    theirs = await server.http.post(
        "/v1/files", files={"file": ("a.jsonl", chats(12))}, data={"purpose": "fine-tune"}, headers=server.bearer(bob)
    )
    body = {"name": "support", "file_id": theirs.json()["id"]}
    assert (await server.http.post("/v1/datasets", json=body, headers=server.bearer(bob))).status_code == 200
    await sets.remote.http.delete(f"/v1/datasets/{made['id']}", headers=sets.remote.bearer())
    assert (await sets.post("/v1/datasets", name="support", file_id=file_id)).status_code == 200


async def test_of_two_at_once_one_gets_the_name_and_one_the_version_number(sets):
    ids = [await sets.upload(chats(n)) for n in (10, 11)]
    replies = await asyncio.gather(*(sets.post("/v1/datasets", name="same", file_id=each) for each in ids))
    assert sorted(reply.status_code for reply in replies) == [200, 400]
    made = next(reply.json() for reply in replies if reply.status_code == 200)
    more = [await sets.upload(chats(n)) for n in (12, 13, 14)]
    added = await asyncio.gather(*(sets.post(f"/v1/datasets/{made['id']}/versions", file_id=each) for each in more))
    assert sorted(reply.json()["version"] for reply in added) == [2, 3, 4]
    assert await sets.versions(made) == [4, 3, 2, 1]


async def test_a_name_that_is_none_is_refused(sets):
    for name in ("", " a", "a ", "a/b", "a\nb", "a\u0000", "x" * 97, 5):
        reply = await sets.post("/v1/datasets", name=name, file_id="file-x")
        assert error(reply)[:2] == (400, "name"), name


async def test_a_file_belongs_to_one_version_and_stays_while_that_does(sets):
    file_id = await sets.upload(chats(12))
    made = (await sets.post("/v1/datasets", name="one", file_id=file_id)).json()
    again = await sets.post("/v1/datasets", name="two", file_id=file_id)
    assert error(again) == (400, "file_id", "in_use")
    assert made["id"] in again.json()["error"]["message"]
    same = await sets.post(f"/v1/datasets/{made['id']}/versions", file_id=file_id)
    assert error(same) == (400, "file_id", "in_use")
    gone = await sets.remote.http.delete(f"/v1/files/{file_id}", headers=sets.remote.bearer())
    assert error(gone) == (400, "id", "in_use")
    names = [each["name"] for each in (await sets.remote.get("/v1/datasets"))["data"]]
    assert names == ["one"], "a refused data set leaves nothing"


async def test_a_file_that_would_expire_is_kept_as_long_as_its_data_set(sets):
    reply = await sets.remote.http.post(
        "/v1/files",
        files={"file": ("a.jsonl", chats(12))},
        data={"purpose": "fine-tune", "expires_after[anchor]": "created_at", "expires_after[seconds]": "3600"},
        headers=sets.remote.bearer(),
    )
    assert reply.json()["expires_at"] is not None
    made = (await sets.post("/v1/datasets", name="kept", file_id=reply.json()["id"])).json()
    assert made["newest"]["file"]["expires_at"] is None
    sets.remote.server.app.state.clock.advance(7200)
    assert len(await sets.content(made["newest"])) > 0


async def test_only_training_files_that_are_there_are_taken(sets):
    other = await sets.remote.upload("hello", "notes.txt", purpose="user_data")
    for file_id, said in ((other, "purpose 'user_data'"), ("file-none", "There is no such file")):
        reply = await sets.post("/v1/datasets", name="x", file_id=file_id)
        assert error(reply)[:2] == (400, "file_id")
        assert said in reply.json()["error"]["message"]


async def test_lists_are_searched_filtered_and_paged_with_the_last_changed_first(sets):
    made = [await sets.create(chats(12), name=f"Chats {n}") for n in range(3)]
    labels = await sets.create(TABLE, "a.csv", name="labels")
    await sets.post(f"/v1/datasets/{made[0]['id']}", description="all of 100% support_desk")

    async def names(**query: object) -> list[str]:
        return [each["name"] for each in (await sets.remote.get("/v1/datasets", **query))["data"]]

    assert await names() == ["Chats 0", "labels", "Chats 2", "Chats 1"]
    assert await names(search="CHATS") == ["Chats 0", "Chats 2", "Chats 1"]
    assert await names(search="100% support_") == ["Chats 0"]
    assert await names(search="%") == ["Chats 0"]
    assert await names(kind="classification") == await names(task="classification") == ["labels"]
    assert await names(task="chat", search="2") == ["Chats 2"]
    assert await names(task="protein") == []
    first = await sets.remote.get("/v1/datasets", limit=3)
    assert (first["has_more"], first["last_id"]) == (True, made[2]["id"])
    assert await names(limit=3, after=first["last_id"]) == ["Chats 1"]
    await sets.remote.http.delete(f"/v1/datasets/{made[2]['id']}", headers=sets.remote.bearer())
    assert await names(after=first["last_id"]) == ["Chats 1"], "a deleted one still serves as a place"
    reply = await sets.remote.http.get("/v1/datasets?after=ds_none", headers=sets.remote.bearer())
    assert error(reply)[:2] == (400, "after")
    assert labels["newest"]["kind"] == "classification"


async def test_versions_are_paged_by_their_numbers(sets):
    made = await sets.create(chats(12))
    for n in (13, 14):
        await sets.post(f"/v1/datasets/{made['id']}/versions", file_id=await sets.upload(chats(n)))
    url = f"/v1/datasets/{made['id']}/versions"
    page = await sets.remote.get(url, limit=2)
    assert ([each["version"] for each in page["data"]], page["has_more"], page["last_id"]) == ([3, 2], True, "2")
    assert [each["version"] for each in (await sets.remote.get(url, after=2))["data"]] == [1]
    missing = await sets.remote.http.get(f"{url}/9", headers=sets.remote.bearer())
    assert (missing.status_code, "its newest is 3" in missing.text) == (404, True)


async def test_it_is_renamed_and_described(sets):
    made = await sets.create(chats(12), name="old")
    await sets.create(chats(12), name="taken")
    changed = (await sets.post(f"/v1/datasets/{made['id']}", name="new", description="d")).json()
    assert (changed["name"], changed["description"]) == ("new", "d")
    assert (await sets.post(f"/v1/datasets/{made['id']}", name="new")).status_code == 200
    assert error(await sets.post(f"/v1/datasets/{made['id']}", name="taken")) == (400, "name", "name_taken")
    assert (await sets.remote.get(f"/v1/datasets/{made['id']}"))["name"] == "new"


async def test_deleted_it_takes_its_files_along_and_a_job_keeps_its_bytes(sets):
    made = await sets.create(chats(12))
    await sets.post(f"/v1/datasets/{made['id']}/versions", file_id=await sets.upload(chats(13)))
    job = await sets.post(
        "/v1/fine_tuning/jobs", model="smollm2-135m-instruct", training_file=made["newest"]["file"]["id"]
    )
    assert job.status_code == 200, job.text
    size = sets.remote.server.app.state.blobs.size
    newest = (await sets.remote.get(f"/v1/datasets/{made['id']}"))["newest"]
    gone = await sets.remote.http.delete(f"/v1/datasets/{made['id']}", headers=sets.remote.bearer())
    assert gone.json() == {"id": made["id"], "object": "dataset", "deleted": True}
    assert (await sets.remote.get("/v1/files"))["data"] == []
    assert await size(made["newest"]["file"]["sha256"]) is not None, "the job trains on it"
    assert await size(newest["file"]["sha256"]) is None
    again = await sets.remote.http.delete(f"/v1/datasets/{made['id']}", headers=sets.remote.bearer())
    assert again.status_code == 404


async def test_a_job_is_made_on_a_version_of_a_data_set(sets):
    made = await sets.create(chats(12))
    newest = await sets.post(f"/v1/datasets/{made['id']}/versions", file_id=await sets.upload(chats(13)))
    files = {1: made["newest"]["file"]["id"], 2: newest.json()["file"]["id"]}

    async def make(named: str):
        return await sets.post("/v1/fine_tuning/jobs", model="smollm2-135m-instruct", training_file=named)

    for suffix, version in (("", 2), ("@1", 1), ("@2", 2)):
        assert (await make(made["id"] + suffix)).json()["training_file"] == files[version]
    for named in ("ds_none", f"{made['id']}@7", f"{made['id']}@x", f"{made['id']}@٣"):
        assert error(await make(named))[:2] == (400, "training_file"), named


async def test_a_version_is_a_file_or_fixes(sets):
    made = await sets.create(chats(12))
    for body in (
        {}, {"file_id": "file-x", "fixes": [{"type": "drop_faulty"}]}, {"file_id": "file-x", "from_version": 1},
        {"fixes": []}, {"fixes": [{"type": "drop_everything"}]}, {"fixes": [{"type": "drop_faulty", "hard": True}]},
    ):  # fmt: skip
        reply = await sets.post(f"/v1/datasets/{made['id']}/versions", **body)
        assert reply.status_code == 400, body
    assert await sets.versions(made) == [1]
