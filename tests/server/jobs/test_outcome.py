"""Success: one model, one result file, one end, whatever else happens at the same moment."""

import asyncio

import pytest

from tunesmith.schemas.errors import AlreadyTerminal, LeaseLost, TunesmithError, Unprocessable
from tunesmith.schemas.worker import CompleteReply, MissingReply
from tunesmith.server.jobs import outcome, service
from tunesmith.server.storage import uses

CSV_HEADER = outcome.CSV_HEADER.decode().strip()


async def leased(floor):
    await floor.job()
    token = await floor.claim()
    await floor.report(token)
    return token, await floor.result(token)


async def counted(floor, table):
    async with floor.db.lean() as connection:
        return (await (await connection.execute(f"SELECT count(*) FROM {table}")).fetchone())[0]


async def test_success_registers_one_version_with_its_lineage(floor, result):
    token, upload_id = await leased(floor)
    reply = await floor.complete(token, result, upload_id)
    row = await floor.row(token.job_id)
    assert (reply.status, row.status, row.fine_tuned_model) == ("succeeded", "succeeded", reply.fine_tuned_model)
    async with floor.db.lean() as connection:
        found = await connection.execute("SELECT version, family, size_bytes, lineage, metrics FROM model_versions")
        ((version, family, size_bytes, lineage, metrics),) = await found.fetchall()
    assert (version, family, size_bytes) == (1, "protein-mini", 10)
    assert (lineage["training_sha256"], lineage["packages"]) == ("a" * 64, {"torch": "2.13.0"})
    assert metrics["held_out_loss_after"] == 2.0


async def test_versions_of_a_family_count_up_even_when_jobs_end_at_once(floor, result):
    ends = [await leased(floor) for _ in range(6)]
    await asyncio.gather(*(floor.complete(token, result, upload_id) for token, upload_id in ends))
    async with floor.db.lean() as connection:
        found = await (await connection.execute("SELECT version FROM model_versions ORDER BY 1")).fetchall()
    assert [row[0] for row in found] == [1, 2, 3, 4, 5, 6]


async def test_a_complete_that_comes_twice_is_answered_twice_and_done_once(floor, result):
    token, upload_id = await leased(floor)
    replies = await asyncio.gather(*(floor.complete(token, result, upload_id) for _ in range(5)))
    replies.append(await floor.complete(token, result, upload_id))
    assert len({reply.fine_tuned_model for reply in replies}) == 1
    assert (await counted(floor, "model_versions"), await counted(floor, "files")) == (1, 1)
    with pytest.raises(AlreadyTerminal):
        await floor.complete(token, result.model_copy(update={"steps": 61}), upload_id)
    floor.clock.advance(24 * 3600 + 1)
    with pytest.raises(AlreadyTerminal):
        await floor.complete(token, result, upload_id)


async def test_complete_against_cancel_has_one_winner(floor, result):
    won = {"succeeded": 0, "cancelled": 0}
    for _ in range(12):
        token, upload_id = await leased(floor)

        async def cancel(job_id=token.job_id):
            async with floor.db.session() as session:
                await service.cancel(session, floor.owner, job_id)

        ends = await asyncio.gather(floor.complete(token, result, upload_id), cancel(), return_exceptions=True)
        status = (await floor.row(token.job_id)).status
        won[status] += 1
        losers = [end for end in ends if isinstance(end, TunesmithError)]
        assert len(losers) == 1
        assert isinstance(ends[0], CompleteReply) == (status == "succeeded")
        if status == "cancelled":
            assert isinstance(ends[0], AlreadyTerminal)
    assert await counted(floor, "model_versions") == won["succeeded"]


async def test_complete_against_the_sweep_has_one_winner(floor, result):
    for _ in range(6):
        token, upload_id = await leased(floor)
        floor.clock.advance(61)
        ends = await asyncio.gather(floor.complete(token, result, upload_id), floor.sweep(), return_exceptions=True)
        status = (await floor.row(token.job_id)).status
        assert isinstance(ends[0], CompleteReply if status == "succeeded" else LeaseLost)
        assert status in ("succeeded", "queued")
        async with floor.db.session() as session:
            if status == "queued":
                await service.cancel(session, floor.owner, token.job_id)


async def test_two_workers_cannot_both_complete(floor, result):
    zombie, first_upload = await leased(floor)
    floor.clock.advance(61)
    await floor.sweep()
    floor.clock.advance(2)
    rightful = await floor.claim("w2")
    upload_id = await floor.result(rightful)
    ends = await asyncio.gather(
        floor.complete(zombie, result, first_upload),
        floor.complete(rightful, result, upload_id),
        return_exceptions=True,
    )
    assert isinstance(ends[0], (LeaseLost, AlreadyTerminal))
    assert isinstance(ends[1], CompleteReply)
    assert await counted(floor, "model_versions") == 1


async def test_success_needs_a_committed_result_of_this_epoch(floor, result):
    token, upload_id = await leased(floor)
    with pytest.raises(Unprocessable):
        await floor.complete(token, result, "wup_nothing")
    await floor.release(token)
    second = await floor.claim("w2")
    with pytest.raises(Unprocessable):
        await floor.complete(second, result, upload_id)
    assert (await floor.row(token.job_id)).status == "queued"
    assert await counted(floor, "files") == 0


async def test_items_that_never_came_are_asked_for_and_given_up_after_a_minute(floor, result, points):
    token, upload_id = await leased(floor)
    missing = await floor.complete(token, result, upload_id, metrics=2, logs=1)
    assert isinstance(missing, MissingReply)
    assert (missing.next_seq.metrics, missing.next_seq.logs) == (0, 0)
    await floor.report(token, metrics=points(0, (1, 2.0), (2, 1.5)))
    assert isinstance(await floor.complete(token, result, upload_id, metrics=2, logs=1), MissingReply)
    for _ in range(2):
        floor.clock.advance(31)
        await floor.report(token)
    assert isinstance(await floor.complete(token, result, upload_id, metrics=2, logs=1), CompleteReply)
    assert any("logs never arrived" in message for message in await floor.messages(token.job_id))


async def test_a_complete_before_any_report_starts_and_ends_the_job(floor, result):
    await floor.job()
    token = await floor.claim()
    await floor.complete(token, result, await floor.result(token))
    row = await floor.row(token.job_id)
    assert (row.status, row.attempts) == ("succeeded", 1)
    assert row.started_at is not None


async def test_figures_that_are_no_numbers_do_not_stop_a_success(floor, result):
    token, upload_id = await leased(floor)
    odd = result.model_copy(update={"metrics": {"train_loss": float("nan"), "tokens_per_second": 10.0}})
    from tunesmith.schemas.worker import CompleteRequest
    from tunesmith.server.jobs import outcome

    body = CompleteRequest(epoch=token.epoch, upload_id=upload_id, result=odd)
    await outcome.complete(floor.db, floor.blobs, token, body)
    async with floor.db.lean() as connection:
        (metrics,) = await (await connection.execute("SELECT metrics FROM model_versions")).fetchone()
    assert metrics == {"tokens_per_second": 10.0}


async def test_the_result_file_has_a_row_a_step_of_the_line_that_counts(floor, result, points):
    token, _ = await leased(floor)
    await floor.report(token, metrics=points(0, (1, 3.0), (2, 2.5), (3, 2.4)))
    await floor.checkpoint(token, 2)
    await floor.release(token)
    second = await floor.claim("w2")
    valid = {"step": 3, "values": {"valid_loss": 2.0}, "at": 0}
    slices = points(0, (3, 2.2))
    slices["items"].append(valid)
    await floor.report(second, metrics=slices)
    await floor.complete(second, result, await floor.result(second))
    assert (await csv_of(floor))[1:] == ["1,3,,,", "2,2.5,,,", "3,2.2,,2,"]


async def test_a_complete_before_any_report_of_a_later_epoch_hides_what_it_trained_again(floor, result, points):
    token, _ = await leased(floor)
    await floor.report(token, metrics=points(0, (1, 3.0), (2, 2.5)))
    await floor.release(token)
    second = await floor.claim("w2")
    await floor.complete(second, result, await floor.result(second))
    assert (await floor.row(token.job_id)).attempts == 2
    assert await floor.series(token.job_id) == []


async def test_a_job_that_changes_between_the_look_and_the_write_is_looked_at_again(floor, result, points, monkeypatch):
    token, upload_id = await leased(floor)
    look, looks = outcome._look, []

    async def look_and_be_overtaken(*args):
        looks.append(await look(*args))
        if len(looks) == 1:
            await floor.report(token, metrics=points(0, (1, 2.5)))
        return looks[-1]

    monkeypatch.setattr(outcome, "_look", look_and_be_overtaken)
    assert isinstance(await floor.complete(token, result, upload_id), CompleteReply)
    assert [look.csv.count(b"\n") for look in looks] == [1, 2]
    assert await csv_of(floor) == [CSV_HEADER, "1,2.5,,,"]


async def test_a_result_file_that_is_swept_between_its_write_and_its_hold_is_written_again(floor, result, monkeypatch):
    token, upload_id = await leased(floor)
    conclude = outcome._conclude

    async def swept_before(db, look, manifest, stored, *args):
        await uses.sweep(floor.db, floor.blobs, [stored.sha256])
        assert await floor.blobs.size(stored.sha256) is None
        return await conclude(db, look, manifest, stored, *args)

    monkeypatch.setattr(outcome, "_conclude", swept_before)
    await floor.complete(token, result, upload_id)
    assert await csv_of(floor) == [CSV_HEADER]


async def test_the_same_call_again_writes_a_result_file_that_a_crash_took_away(floor, result):
    token, upload_id = await leased(floor)
    await floor.complete(token, result, upload_id)
    (sha256,) = await one_row(floor, "SELECT sha256 FROM files")
    await floor.blobs.delete(sha256)
    await floor.complete(token, result, upload_id)
    assert await csv_of(floor) == [CSV_HEADER]


async def one_row(floor, statement: str):
    async with floor.db.lean() as connection:
        return await (await connection.execute(statement)).fetchone()


async def csv_of(floor) -> list[str]:
    (sha256,) = await one_row(floor, "SELECT sha256 FROM files")
    return b"".join([piece async for piece in floor.blobs.open(sha256)]).decode().splitlines()
