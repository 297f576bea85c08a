"""Streams: each item once and in order, whatever the network does to the reports."""

import pytest

from tunesmith.schemas.errors import TooLarge
from tunesmith.server.jobs import streams


@pytest.fixture
async def token(floor):
    await floor.job()
    token = await floor.claim()
    await floor.report(token)
    return token


async def logs_of(floor, token):
    async with floor.db.lean() as connection:
        found = await connection.execute(
            "SELECT text FROM job_logs WHERE job_id = %s ORDER BY epoch, seq", [token.job_id]
        )
        return [row[0] for row in await found.fetchall()]


def lines(first_seq, *texts):
    return {"first_seq": first_seq, "items": [{"at": 0, "stream": "stdout", "text": t} for t in texts]}


async def test_what_comes_again_is_stored_once(floor, token, points):
    for _ in range(3):
        reply = await floor.report(token, metrics=points(0, (1, 3.0), (2, 2.5)), logs=lines(0, "a", "b"))
    assert (reply.next_seq.metrics, reply.next_seq.logs, reply.conflicts) == (2, 2, [])
    assert await floor.series(token.job_id) == [(1, 3.0), (2, 2.5)]
    assert await logs_of(floor, token) == ["a", "b"]


async def test_an_overlap_keeps_what_is_new_behind_it(floor, token, points):
    await floor.report(token, metrics=points(0, (1, 3.0), (2, 2.5)), logs=lines(0, "a"))
    await floor.report(token, metrics=points(1, (2, 2.5), (3, 2.0)), logs=lines(0, "a", "b"))
    assert await floor.series(token.job_id) == [(1, 3.0), (2, 2.5), (3, 2.0)]
    assert await logs_of(floor, token) == ["a", "b"]


async def test_a_gap_is_told_and_nothing_behind_it_is_stored(floor, token, points):
    reply = await floor.report(token, metrics=points(5, (6, 1.0)), logs=lines(1, "b"))
    assert (reply.next_seq.metrics, reply.next_seq.logs) == (0, 0)
    assert await floor.series(token.job_id) == []
    assert await logs_of(floor, token) == []


async def test_other_content_at_the_same_number_is_a_conflict_and_the_first_stays(floor, token, points):
    await floor.report(token, metrics=points(0, (1, 3.0)), logs=lines(0, "a"))
    reply = await floor.report(
        token,
        metrics=points(0, (1, 9.9), (2, 2.0)),
        logs=lines(0, "z"),
        events={"first_seq": 0, "items": [{"at": 0, "message": "m"}]},
    )
    assert reply.conflicts == ["metrics", "logs"]
    assert await floor.series(token.job_id) == [(1, 3.0), (2, 2.0)]
    assert await logs_of(floor, token) == ["a"]
    again = await floor.report(token, events={"first_seq": 0, "items": [{"at": 0, "message": "other"}]})
    assert again.conflicts == ["events"]


async def test_a_figure_that_is_no_number_is_left_out_and_comes_again_without_conflict(floor, token):
    item = {"step": 1, "values": {"train_loss": float("nan"), "grad_norm": float("inf"), "learning_rate": 0.1}, "at": 0}
    for _ in range(2):
        reply = await floor.report(token, metrics={"first_seq": 0, "items": [item]})
    assert reply.conflicts == []
    assert await floor.series(token.job_id) == [(1, None)]
    assert (await floor.messages(token.job_id))[-1] == "Step 1"


async def test_more_items_than_a_report_may_carry_are_refused(floor, token):
    with pytest.raises(TooLarge):
        await floor.report(token, logs=lines(0, *("x" for _ in range(600))), metrics=None, events={
            "first_seq": 0, "items": [{"at": 0, "message": "m"}] * 401
        })  # fmt: skip
    assert await logs_of(floor, token) == []


async def test_beyond_the_quota_items_are_counted_and_not_kept(floor, token, monkeypatch):
    monkeypatch.setitem(streams.QUOTA, "logs", 3)
    reply = await floor.report(token, logs=lines(0, "a", "b", "c", "d"))
    assert (reply.truncated, reply.next_seq.logs) == (True, 4)
    reply = await floor.report(token, logs=lines(4, "e"))
    assert (reply.truncated, reply.next_seq.logs) == (True, 5)
    assert await logs_of(floor, token) == ["a", "b", "c"]


async def test_each_epoch_numbers_its_streams_anew_and_hides_what_it_trains_again(floor, token, points):
    await floor.report(token, metrics=points(0, (1, 3.0), (2, 2.5), (3, 2.4)))
    await floor.checkpoint(token, 2)
    await floor.release(token)
    second = await floor.claim("w2")
    await floor.report(second, metrics=points(0, (3, 2.2)))
    assert await floor.series(token.job_id) == [(1, 3.0), (2, 2.5), (3, 2.2)]
    assert "Fine-tuning job resumed at step 2 on worker w2" in await floor.messages(token.job_id)
    assert sum(m.startswith("Step 3") for m in await floor.messages(token.job_id)) == 2
