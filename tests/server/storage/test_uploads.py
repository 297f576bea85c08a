"""Uploads of workers: staged by offset through restarts, checked at commit, and nothing told of other projects."""

import pytest

from tunesmith.schemas.errors import (
    ChecksumMismatch,
    Invalid,
    LeaseLost,
    NotFound,
    TooLarge,
    Unprocessable,
    UnsafeWeights,
)
from tunesmith.server.storage import uploads, uses
from tunesmith.server.storage.staging import Staging


@pytest.fixture
def open_upload(server):
    """Opens an upload as a claim's route does; answers the row and what the worker is told."""

    async def do(*files, job="ftjob-1", project="proj_a", epoch=1, step=10, kind="result"):
        async with server.app.state.db.session() as session:
            row = await uploads.create_upload(
                session, job_id=job, project_id=project, epoch=epoch, kind=kind, step=step,
                manifest=[f.entry for f in files], metrics={"loss": 1.0}, answers=[], limit_bytes=10**6,
            )  # fmt: skip
        state = server.app.state
        return row, await uploads.upload_reply(
            state.db, state.blobs, row, secret=state.secrets["link"], life_s=900, now=state.clock.now()
        )

    return do


@pytest.fixture
def send(server):
    """Sends the bytes of files to their places."""

    async def do(reply, *files):
        by_sha = {f.sha256: f.content for f in files}
        for target in reply.targets:
            answer = await server.http.patch(
                target.url,
                content=by_sha[target.sha256][target.offset :],
                headers={"Upload-Offset": str(target.offset)},
            )
            assert answer.status_code == 204, answer.text
            assert answer.headers["upload-offset"] == str(target.size_bytes)

    return do


async def held(session, row) -> None:
    """The fence of a worker that still holds its job."""


async def lost(session, row) -> None:
    raise LeaseLost("Another worker holds the job.")


async def commit(server, row, fence=held):
    return await uploads.commit_upload(server.app.state.db, server.app.state.blobs, row.id, fence)


async def test_files_that_were_sent_are_blobs_after_the_commit(server, open_upload, send, weights, config):
    row, reply = await open_upload(weights, config)
    assert {t.sha256 for t in reply.targets} == {weights.sha256, config.sha256}
    await send(reply, weights, config)
    done = await commit(server, row)
    assert (done.state, done.metrics) == ("committed", {"loss": 1.0})
    blobs = server.app.state.blobs
    assert b"".join([p async for p in blobs.open(weights.sha256)]) == weights.content
    assert await Staging(blobs.store).uploads() == {}


async def test_an_upload_goes_on_where_it_stopped_also_on_another_server(server, make_server, open_upload, weights):
    _, reply = await open_upload(weights)
    url = reply.targets[0].url
    first = await server.http.patch(url, content=weights.content[:2000], headers={"Upload-Offset": "0"})
    assert first.headers["upload-offset"] == "2000"
    async with make_server() as restarted:
        asked = await restarted.http.head(url)
        assert (asked.headers["upload-offset"], asked.headers["upload-length"]) == ("2000", str(len(weights.content)))
        rest = await restarted.http.patch(url, content=weights.content[2000:], headers={"Upload-Offset": "2000"})
        assert rest.status_code == 204
    row, again = await open_upload(weights)
    assert again.targets == []
    assert (await commit(server, row)).state == "committed"


async def test_bytes_from_a_wrong_offset_get_409_with_the_true_one(server, open_upload, weights):
    row, reply = await open_upload(weights)
    url = reply.targets[0].url
    await server.http.patch(url, content=weights.content[:300], headers={"Upload-Offset": "0"})
    for wrong in ("0", "299", "301"):
        refused = await server.http.patch(url, content=b"abc", headers={"Upload-Offset": wrong})
        assert refused.status_code == 409
        assert refused.headers["content-type"] == "application/problem+json"
        problem = refused.json()
        assert (problem["code"], problem["offset"]) == ("offset_mismatch", 300)
        assert (problem["job_id"], problem["epoch"]) == (row.job_id, 1)


async def test_more_bytes_than_announced_get_413(server, open_upload, config):
    _, reply = await open_upload(config)
    refused = await server.http.patch(
        reply.targets[0].url, content=config.content + b"!", headers={"Upload-Offset": "0"}
    )
    assert (refused.status_code, refused.json()["code"]) == (413, "too_large")


async def test_an_upload_without_its_offset_is_refused(server, open_upload, config):
    _, reply = await open_upload(config)
    assert (await server.http.patch(reply.targets[0].url, content=b"x")).status_code == 400


async def test_other_bytes_than_announced_are_refused_and_can_be_sent_anew(server, open_upload, send, artifact):
    right = artifact("tokenizer.json", b"the right bytes")
    row, reply = await open_upload(right)
    wrong = b"the wrong bytes"
    await server.http.patch(reply.targets[0].url, content=wrong, headers={"Upload-Offset": "0"})
    with pytest.raises(ChecksumMismatch, match="tokenizer"):
        await commit(server, row)
    row, again = await open_upload(right)
    assert again.targets[0].offset == 0
    await send(again, right)
    assert (await commit(server, row)).state == "committed"


async def test_a_commit_with_bytes_missing_says_how_many(server, open_upload, weights):
    row, reply = await open_upload(weights)
    await server.http.patch(reply.targets[0].url, content=weights.content[:10], headers={"Upload-Offset": "0"})
    with pytest.raises(Unprocessable, match="has 10 of its") as refused:
        await commit(server, row)
    assert refused.value.error_code == "incomplete_upload"


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("pytorch_model.bin", b"anything"),
        ("weights.dat", b"\x80\x02}q\x00."),
        ("optimizer.dat", b"PK\x03\x04archive/data.pkl"),
        ("modeling.py", b"import os"),
        ("model.safetensors", b"\x80\x04\x95 not safetensors"),
        ("config.json", b'{"auto_map": {"AutoModel": "modeling.Evil"}}'),
    ],
)
async def test_what_could_run_code_is_refused_at_commit(server, open_upload, send, artifact, path, content):
    bad = artifact(path, content)
    row, reply = await open_upload(bad)
    await send(reply, bad)
    with pytest.raises(UnsafeWeights, match=path):
        await commit(server, row)
    assert await server.app.state.blobs.size(bad.sha256) is None


async def test_a_worker_that_lost_its_lease_commits_nothing(server, open_upload, send, weights):
    row, reply = await open_upload(weights)
    await send(reply, weights)
    with pytest.raises(LeaseLost):
        await commit(server, row, fence=lost)
    async with server.app.state.db.session() as session:
        assert (await uploads.get_upload(session, row.id)).state == "open"
        assert await uses.of_project(session, "proj_a", [weights.sha256]) == set()


async def test_a_commit_sent_twice_answers_the_same(server, open_upload, send, weights):
    row, reply = await open_upload(weights)
    await send(reply, weights)
    first, second = await commit(server, row), await commit(server, row)
    assert (first.id, first.committed_at) == (second.id, second.committed_at)
    _, told = await open_upload(weights)
    assert told.committed
    assert told.targets == []


async def test_a_committed_upload_takes_no_more_bytes(server, open_upload, send, weights):
    row, reply = await open_upload(weights)
    await send(reply, weights)
    await commit(server, row)
    refused = await server.http.patch(reply.targets[0].url, content=b"x", headers={"Upload-Offset": "0"})
    assert (refused.status_code, refused.json()["code"]) == (422, "upload_closed")


async def test_what_the_project_has_is_not_sent_again_and_what_others_have_is(server, open_upload, send, weights):
    row, reply = await open_upload(weights)
    await send(reply, weights)
    await commit(server, row)
    row, same_project = await open_upload(weights, step=20)
    assert same_project.targets == []
    assert (await commit(server, row)).state == "committed"
    _, other_project = await open_upload(weights, job="ftjob-2", project="proj_b")
    assert [t.sha256 for t in other_project.targets] == [weights.sha256]


async def test_asked_again_with_other_files_an_open_upload_follows_and_a_committed_one_refuses(
    server, open_upload, send, weights, config
):
    row, _ = await open_upload(weights)
    again, reply = await open_upload(config)
    assert again.id == row.id
    assert [t.sha256 for t in reply.targets] == [config.sha256]
    await send(reply, config)
    await commit(server, again)
    with pytest.raises(Unprocessable, match="committed"):
        await open_upload(weights)


async def test_a_manifest_is_refused_for_a_size_a_double_name_or_two_sizes(open_upload, artifact):
    with pytest.raises(TooLarge, match="big"):
        await open_upload(artifact("big", b"x" * 1_000_001))
    with pytest.raises(Invalid, match="twice"):
        await open_upload(artifact("a", b"1"), artifact("a", b"2"))


async def test_a_link_of_another_file_or_method_or_time_is_refused(server, open_upload, weights, config):
    _, reply = await open_upload(weights, config)
    urls = {t.sha256: t.url for t in reply.targets}
    crossed = urls[weights.sha256].replace(weights.sha256, config.sha256)
    headers = {"Upload-Offset": "0"}
    for url in (crossed, urls[weights.sha256][:-1], urls[weights.sha256] + "&extra=1", crossed.partition("?")[0]):
        refused = await server.http.patch(url, content=b"x", headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (403, "bad_signature")
    server.app.state.clock.advance(901)
    late = await server.http.patch(urls[weights.sha256], content=b"x", headers=headers)
    assert (late.status_code, late.json()["code"]) == (403, "link_expired")


async def test_an_empty_file_needs_no_bytes(server, open_upload, artifact):
    row, reply = await open_upload(artifact("empty.txt", b""))
    assert reply.targets == []
    await commit(server, row)
    assert await server.app.state.blobs.size(artifact("empty.txt", b"").sha256) == 0


async def test_dropped_uploads_free_what_nobody_else_uses(server, open_upload, send, weights, config):
    state = server.app.state
    for step, files in ((10, (weights, config)), (20, (config,))):
        row, reply = await open_upload(*files, step=step)
        await send(reply, *files)
        await commit(server, row)
        if step == 10:
            first = row
    async with state.db.session() as session:
        freed = await uploads.drop_uploads(session, [first.id])
    assert await uses.sweep(state.db, state.blobs, freed) == 1
    assert await state.blobs.size(weights.sha256) is None
    assert await state.blobs.size(config.sha256) == len(config.content)
    with pytest.raises(Unprocessable, match="dropped"):
        await commit(server, first)


async def test_an_unknown_upload_is_not_found(server):
    async with server.app.state.db.session() as session:
        with pytest.raises(NotFound):
            await uploads.get_upload(session, "wup_absent")
