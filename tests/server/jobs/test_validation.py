"""Reading a new job's files: by the server that made it, and by another when that one died."""

from types import SimpleNamespace

import pytest

from tunesmith.server.jobs import reaper, validation


@pytest.fixture
async def left_behind(make_server, make_remote, monkeypatch):
    """A job whose server died right after it was made."""
    async with make_server(sweep_interval_s=3600) as server:
        remote = await make_remote(server)
        state = server.app.state
        monkeypatch.setattr(state.clockwork, "hand", lambda job_id: None)
        job_id = (await remote.create()).json()["id"]
        yield SimpleNamespace(remote=remote, state=state, db=state.db, job_id=job_id)


async def test_another_server_reads_the_files_once_the_turn_has_run_out(left_behind):
    assert await validation.take(left_behind.db) is None
    left_behind.state.clock.advance(121)
    assert await validation.take(left_behind.db) == left_behind.job_id
    assert await validation.take(left_behind.db) is None
    await validation.validate(left_behind.db, left_behind.state.blobs, left_behind.job_id)
    assert (await left_behind.remote.job(left_behind.job_id))["status"] == "queued"


async def test_after_a_restart_of_the_only_server_nobody_waits_for_the_turn(left_behind):
    left_behind.state.clock.advance(30)
    await reaper.forgive_downtime(left_behind.db, left_behind.state.settings)
    assert await validation.take(left_behind.db) == left_behind.job_id


async def test_a_job_cancelled_while_its_files_are_read_stays_cancelled(left_behind):
    remote = left_behind.remote
    await remote.http.post(f"/v1/fine_tuning/jobs/{left_behind.job_id}/cancel", headers=remote.bearer())
    await validation.validate(left_behind.db, left_behind.state.blobs, left_behind.job_id)
    assert (await remote.job(left_behind.job_id))["status"] == "cancelled"


async def test_files_whose_bytes_are_gone_fail_the_job(left_behind):
    state = left_behind.state
    async with state.db.lean() as connection:
        row = await (await connection.execute("SELECT inputs FROM jobs")).fetchone()
    await state.blobs.delete(row[0]["training"]["sha256"])
    await validation.validate(state.db, state.blobs, left_behind.job_id)
    job = await left_behind.remote.job(left_behind.job_id)
    assert (job["status"], job["error"]["param"]) == ("failed", "training_file")
    assert "Upload it again" in job["error"]["message"]


async def test_a_validation_file_may_hold_fewer_chats_than_a_training_file(make_server, make_remote):
    async with make_server() as server:
        remote = await make_remote(server)
        line = '{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}\n'
        train, few = await remote.upload(line * 10, "train.jsonl"), await remote.upload(line * 3, "few.jsonl")
        body = {"model": "smollm2-135m-instruct", "training_file": train, "validation_file": few}
        assert await remote.queued(**body)
        refused = await remote.create(**body | {"training_file": few, "validation_file": train})
        job = await remote.validated(refused.json()["id"])
        assert (job["error"]["code"], job["error"]["param"]) == ("invalid_n_examples", "training_file")
