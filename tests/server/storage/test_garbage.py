"""Cleaning up: what is old and unused goes, what is young or used stays."""

import datetime as dt
import os

import pytest

from tunesmith.server.storage import uploads, uses
from tunesmith.server.storage.garbage import Collected, collect_garbage
from tunesmith.server.storage.staging import Place, Staging

NOTHING = Collected(0, 0, 0)


async def stream(*pieces):
    for piece in pieces:
        yield piece


@pytest.fixture
def collect(server):
    """Collects as it would be so many hours from now."""

    async def do(in_hours: float):
        at = dt.datetime.now(dt.UTC) + dt.timedelta(hours=in_hours)
        return await collect_garbage(server.app.state.db, server.app.state.blobs, now=at)

    return do


async def test_half_written_files_of_a_killed_server_go_after_an_hour(server, collect):
    tmp = server.data_dir / "blobs" / "tmp"
    tmp.mkdir(parents=True)
    (tmp / "abc#1").write_bytes(b"half")
    (tmp / "whole-but-never-named").write_bytes(b"x")
    assert await collect(0.9) == NOTHING
    assert await collect(1.1) == Collected(2, 0, 0)
    assert not any(tmp.iterdir()) if tmp.exists() else True


async def test_a_blob_without_a_user_goes_and_a_used_one_stays(server, collect):
    state = server.app.state
    used = await state.blobs.put(stream(b"used"), limit_bytes=100)
    unused = await state.blobs.put(stream(b"unused"), limit_bytes=100)
    async with state.db.session() as session:
        await uses.hold(session, state.blobs, [used], project_id="proj_a", holder="file-1")
    assert await collect(0.5) == NOTHING
    assert await collect(2) == Collected(0, 0, 1)
    assert await state.blobs.size(used.sha256) == 4
    assert await state.blobs.size(unused.sha256) is None


async def test_staged_bytes_are_kept_for_a_week(server, collect, weights):
    state = server.app.state
    async with state.db.session() as session:
        row = await uploads.create_upload(
            session, job_id="ftjob-1", project_id="proj_a", epoch=1, kind="resume", step=1,
            manifest=[weights.entry], metrics={}, answers=[], limit_bytes=10**6,
        )  # fmt: skip
    staging = Staging(state.blobs.store)
    await staging.append(Place(row.id, weights.sha256), 0, stream(b"some"), size_bytes=len(weights.content))
    assert await collect(6 * 24) == NOTHING
    assert await collect(8 * 24) == Collected(0, 1, 0)
    assert await staging.uploads() == {}
    async with state.db.session() as session:
        assert (await uploads.get_upload(session, row.id)).state == "dropped"


async def test_staged_bytes_without_a_row_go_at_once(server, collect):
    staging = Staging(server.app.state.blobs.store)
    await staging.append(Place("wup_unknown", "0" * 64), 0, stream(b"some"), size_bytes=10)
    assert await collect(0) == Collected(0, 1, 0)


async def test_holding_what_was_swept_asks_for_the_bytes_again(server):
    from tunesmith.schemas.errors import Unavailable

    state = server.app.state
    stored = await state.blobs.put(stream(os.urandom(10)), limit_bytes=100)
    await uses.sweep(state.db, state.blobs, [stored.sha256])
    with pytest.raises(Unavailable, match="Send them again"):
        async with state.db.session() as session:
            await uses.hold(session, state.blobs, [stored], project_id="proj_a", holder="file-1")
