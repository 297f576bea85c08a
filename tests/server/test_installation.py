"""GET /v1/server: facts for everybody, and where the data lies for admins."""

import pytest

from tunesmith.server.installation import location_of


async def test_an_admin_sees_where_the_data_lies(server):
    facts = (await server.http.get("/v1/server", headers=server.bearer())).json()
    assert facts["url"] == "http://localhost/v1"
    assert facts["workers"] == {"connected": 0, "busy": 0}
    assert facts["engines"] == 0
    assert facts["database"]["embedded"] is True
    assert facts["database"]["size_bytes"] > 1_000_000
    assert facts["database"]["connections"] >= 1
    assert facts["storage"]["kind"] == "folder"
    assert facts["storage"]["location"] == str(server.data_dir / "blobs")
    assert facts["storage"]["free_bytes"] > 0
    assert facts["data_dir"] == str(server.data_dir)


async def test_the_schemas_revision_is_the_newest(server):
    from tunesmith.server.migrations import HEAD

    facts = (await server.http.get("/v1/server", headers=server.bearer())).json()
    assert facts["database"]["revision"] == HEAD


async def test_others_see_what_runs_and_nothing_of_where(server):
    facts = (await server.http.get("/v1/server", headers=server.bearer(await server.new_user("ada")))).json()
    assert facts["version"]
    assert (facts["database"], facts["storage"], facts["data_dir"]) == (None, None, None)
    assert str(server.data_dir) not in str(facts)


async def test_what_is_stored_is_counted_once_however_often_it_is_used(server):
    content = '{"text": "a"}\n'
    for name in ("a.jsonl", "b.jsonl"):
        await server.http.post(
            "/v1/files", files={"file": (name, content)}, data={"purpose": "fine-tune"}, headers=server.bearer()
        )
    storage = (await server.http.get("/v1/server", headers=server.bearer())).json()["storage"]
    assert (storage["n_blobs"], storage["size_bytes"]) == (1, len(content))


async def test_a_worker_that_asked_for_work_is_connected_for_a_while(server):
    claim = {
        "worker_id": "w1",
        "session_id": "s1",
        "claim_id": "00000000-0000-0000-0000-000000000001",
        "wait_s": 0,
        "capabilities": {"tasks": ["protein"], "cpu_count": 1, "memory_bytes": 1, "version": "1"},
    }
    reply = await server.http.post("/worker/v1/claim", json=claim, headers=server.bearer(server.worker_key))
    assert reply.status_code in (200, 204), reply.text

    async def connected() -> int:
        facts = await server.http.get("/v1/server", headers=server.bearer())
        return facts.json()["workers"]["connected"]

    assert await connected() == 1
    server.app.state.clock.advance(121)
    assert await connected() == 0


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("s3://bucket/models", ("s3", "s3://bucket/models")),
        ("s3://KEY:SECRET@bucket/models?token=SECRET#SECRET", ("s3", "s3://bucket/models")),
        ("gs://bucket", ("gcs", "gs://bucket")),
        ("az://account/container", ("azure", "az://account/container")),
        ("https://bucket.s3.amazonaws.com/x?X-Amz-Signature=SECRET", ("s3", "https://bucket.s3.amazonaws.com/x")),
        ("https://a.blob.core.windows.net/c?sig=SECRET", ("azure", "https://a.blob.core.windows.net/c")),
        ("https://u:SECRET@store.example:9000/x", ("http", "https://store.example:9000/x")),
        ("file:///srv/blobs", ("folder", "file:///srv/blobs")),
        ("memory:///", ("memory", "memory:///")),
    ],
)
def test_a_stores_address_tells_no_secret(url, told):
    assert location_of(url) == told
