"""Files in the database: whose bytes stay, what ends, what can train a task, and records page by page."""

import json

import pytest

from tunesmith.schemas.records import kinds_of
from tunesmith.schemas.shape import Task
from tunesmith.server.datasets import service
from tunesmith.server.datasets.tables import FileRow
from tunesmith.server.storage import uses


def chat(n: int) -> str:
    return json.dumps({"messages": [{"role": "user", "content": f"q{n}"}, {"role": "assistant", "content": f"a{n}"}]})


CHATS = "\n".join(chat(n) for n in range(12))
FASTA = "".join(f">id{n} about {n}\nMKVL{'ACDE' * n}\n" for n in range(5))


@pytest.fixture
def upload(server):
    """Uploads text; answers the file object."""

    async def do(text: str, name: str = "a.jsonl", key: str | None = None, **fields: str):
        reply = await server.http.post(
            "/v1/files",
            files={"file": (name, text.encode())},
            data={"purpose": "fine-tune", **fields},
            headers=server.bearer(key),
        )
        assert reply.status_code == 200, reply.text
        return reply.json()

    return do


@pytest.fixture
def judge(server):
    """What forbids training a task on an uploaded file."""

    async def do(file, task: Task):
        async with server.app.state.db.session() as session:
            row = await session.get_one(FileRow, file["id"])
        return await service.check_for_task(server.app.state.blobs, row, task, kinds_of(task))

    return do


async def test_a_good_file_trains_its_task(upload, judge):
    assert await judge(await upload(CHATS), Task.CHAT) is None
    assert await judge(await upload(FASTA, "a.fasta"), Task.PROTEIN) is None
    assert await judge(await upload(FASTA, "a.faa"), Task.PROTEIN) is None


async def test_fewer_than_ten_chats_are_too_few_and_a_few_sequences_are_not(upload, judge):
    error = await judge(await upload("\n".join(CHATS.splitlines()[:9])), Task.CHAT)
    assert error.code == "invalid_n_examples"
    assert "has 9 examples" in error.message
    assert await judge(await upload(">a\nMKV\n", "a.fa"), Task.PROTEIN) is None


async def test_faults_are_named_by_line(upload, judge):
    error = await judge(await upload(CHATS + "\n" + "\n".join(["{}"] * 5)), Task.CHAT)
    assert error.code == "invalid_training_file"
    for said in ("5 lines at fault", "Line 13", "Line 15", "2 more", "/report"):
        assert said in error.message
    assert "Line 16" not in error.message


@pytest.mark.parametrize(("text", "name", "task"), [(FASTA, "a.fasta", Task.CHAT), (CHATS, "a.jsonl", Task.PROTEIN)])
async def test_a_file_of_another_kind_than_the_task_is_refused(upload, judge, text, name, task):
    error = await judge(await upload(text, name), task)
    assert error.code == "invalid_file_format"
    assert "trains on" in error.message


async def test_a_file_of_another_purpose_trains_nothing(server, judge):
    reply = await server.http.post(
        "/v1/files", files={"file": ("a.txt", b"x")}, data={"purpose": "user_data"}, headers=server.bearer()
    )
    assert (await judge(reply.json(), Task.CHAT)).code == "invalid_file_format"
    report = (await server.http.get(f"/v1/files/{reply.json()['id']}/report", headers=server.bearer())).json()
    assert (report["kind"], report["format"], report["n_records"]) == (None, None, 0)


async def test_equal_files_share_their_bytes_until_the_last_is_deleted(server, upload):
    ada = await server.new_user("ada")
    first, second = await upload(CHATS), await upload(CHATS, key=ada)
    size = server.app.state.blobs.size
    assert first["sha256"] == second["sha256"]
    await server.http.delete(f"/v1/files/{first['id']}", headers=server.bearer())
    kept = await server.http.get(f"/v1/files/{second['id']}/content", headers=server.bearer(ada))
    assert kept.text == CHATS
    await server.http.delete(f"/v1/files/{second['id']}", headers=server.bearer(ada))
    assert await size(first["sha256"]) is None


async def test_a_job_keeps_the_bytes_of_a_file_that_is_deleted(server, upload):
    file, state = await upload(CHATS), server.app.state
    async with state.db.session() as session:
        row = await session.get_one(FileRow, file["id"])
        await service.hold_for(session, state.blobs, row, holder="ftjob-1")
    await server.http.delete(f"/v1/files/{file['id']}", headers=server.bearer())
    assert await state.blobs.size(file["sha256"]) == len(CHATS)
    async with state.db.session() as session:
        freed = await uses.let_go(session, "ftjob-1")
    await uses.sweep(state.db, state.blobs, freed)
    assert await state.blobs.size(file["sha256"]) is None


async def test_an_expired_file_is_gone_and_its_bytes_are_collected(server, upload):
    file = await upload(CHATS, **{"expires_after[anchor]": "created_at", "expires_after[seconds]": "3600"})
    state = server.app.state
    assert await service.delete_expired(state.db, state.blobs) == 0
    state.clock.advance(3601)
    assert (await server.http.get(f"/v1/files/{file['id']}", headers=server.bearer())).status_code == 404
    assert await service.delete_expired(state.db, state.blobs) == 1
    assert await state.blobs.size(file["sha256"]) is None


async def test_a_result_file_is_listed_by_its_purpose_and_read_as_it_was_written(remote, trained):
    listed = await remote.get("/v1/files", purpose="fine-tune-results")
    assert [f["id"] for f in listed["data"]] == trained["result_files"]
    url = f"/v1/files/{trained['result_files'][0]}/content"
    content = await remote.http.get(url, headers=remote.bearer() | {"range": "bytes=0-3"})
    assert (content.status_code, content.text) == (206, "step")


async def pages(server, file, limit: int) -> list[dict]:
    """All records of a file, page by page."""
    found, after = [], ""
    while True:
        reply = await server.http.get(f"/v1/files/{file['id']}/records?limit={limit}{after}", headers=server.bearer())
        assert reply.status_code == 200, reply.text
        page = reply.json()
        found += page["data"]
        if not page["has_more"]:
            return found
        assert len(page["data"]) == limit
        after = f"&after={page['last_id']}"


@pytest.mark.parametrize("limit", [1, 5, 100])
async def test_every_record_is_on_one_page_with_its_line(server, upload, limit):
    file = await upload("\ufeff" + CHATS + '\n\n{"messages": 1}\n' + chat(99))
    records = await pages(server, file, limit)
    assert [r["line"] for r in records] == [*range(1, 13), 14, 15]
    shown = [(m["role"], m["content"], m["trained"]) for m in records[0]["messages"]]
    assert shown == [("user", "q0", False), ("assistant", "a0", True)]
    assert records[-2]["fault"]["line"] == 14
    assert len({r["id"] for r in records}) == 14


@pytest.mark.parametrize("limit", [1, 2, 100])
async def test_sequences_are_paged_with_names_and_lines(server, upload, limit):
    records = await pages(server, await upload(FASTA, "a.fasta"), limit)
    assert [(r["name"], r["line"]) for r in records] == [(f"id{n}", 1 + 2 * n) for n in range(5)]
    assert records[2]["sequence"] == "MKVLACDEACDE"
    assert records[2]["description"] == "about 2"


async def test_a_bad_cursor_is_a_bad_request(server, upload):
    file = await upload(CHATS)
    for cursor in ("x", "rec-1", "rec-1-99999999999999999999"):
        reply = await server.http.get(f"/v1/files/{file['id']}/records?after={cursor}", headers=server.bearer())
        assert (reply.status_code, reply.json()["error"]["param"]) == (400, "after")


@pytest.mark.parametrize("query", ["limit=0", "limit=10001", "order=up"])
async def test_a_list_out_of_bounds_is_a_bad_request(server, query):
    reply = await server.http.get(f"/v1/files?{query}", headers=server.bearer())
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == query.partition("=")[0]
