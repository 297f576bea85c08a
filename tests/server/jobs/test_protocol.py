"""Report, fail and release: what each does to the job, and that saying it twice changes nothing."""

import asyncio

import pytest

from tunesmith.schemas.errors import AlreadyTerminal, LeaseLost
from tunesmith.server.jobs import fence, queue, service


async def running(floor, **columns):
    await floor.job(**columns)
    token = await floor.claim()
    await floor.report(token)
    return token


async def test_a_report_renews_the_lease(floor):
    token = await running(floor)
    for _ in range(5):
        floor.clock.advance(50)
        assert (await floor.report(token)).ttl_s == 60
        await floor.sweep()
    assert (await floor.row(token.job_id)).status == "running"


async def test_progress_is_shown_as_reported(floor, started):
    token = await running(floor)
    await floor.report(token, phase="training", step=7, total=60, eta_s=12.5, started=started.model_dump())
    row = await floor.row(token.job_id)
    assert (row.phase, row.step, row.total_steps, row.eta_s) == ("training", 7, 60, 12.5)
    assert row.hyperparameters["batch_size"] == 4


async def test_a_report_that_was_overtaken_moves_neither_progress_nor_lease(floor):
    token = await running(floor)
    await floor.report(token, report_seq=5, step=50)
    before = await floor.row(token.job_id)
    floor.clock.advance(30)
    for seq in (3, 5):
        await floor.report(token, report_seq=seq, step=40)
    after = await floor.row(token.job_id)
    assert (after.step, after.lease_expires_at, after.report_seq) == (50, before.lease_expires_at, 5)


async def test_absurd_progress_is_kept_within_bounds(floor):
    token = await running(floor)
    await floor.report(token, step=10**30, total=100, eta_s=1e300)
    row = await floor.row(token.job_id)
    assert (row.step, row.total_steps, row.eta_s) == (100, 100, None)


async def test_a_text_with_a_nul_is_stored_without_it(floor):
    token = await running(floor)
    logs = {"first_seq": 0, "items": [{"at": 0, "stream": "stdout", "text": "a\x00b"}]}
    events = {"first_seq": 0, "items": [{"at": 0, "message": "c\x00d"}]}
    await floor.report(token, phase="e\x00f", logs=logs, events=events)
    assert "\x00" not in (await floor.row(token.job_id)).phase
    assert "c\N{REPLACEMENT CHARACTER}d" in await floor.messages(token.job_id)


async def test_user_and_data_failures_are_final(floor):
    for failure_class, param in (("user", None), ("data", "training_file")):
        token = await running(floor)
        reply = await floor.fail(token, failure_class, "the file has no assistant turn", "bad_data")
        assert (reply.status, reply.decision) == ("failed", "final")
        error = (await floor.row(token.job_id)).error
        assert error == {"code": "bad_data", "message": "the file has no assistant turn", "param": param}


async def test_out_of_memory_is_tried_once_more_at_once_with_smaller_micro_batches(floor):
    token = await running(floor)
    reply = await floor.fail(token, "oom", "CUDA out of memory.")
    assert (reply.status, reply.decision) == ("queued", "retry")
    row = await floor.row(token.job_id)
    assert (row.oom_retries, row.requeues, row.failed_there) == (1, 0, 0)
    assert row.not_before <= row.queued_at
    assert any("micro-batches a quarter the size" in m for m in await floor.messages(token.job_id))
    again = await floor.claim("w2")
    async with floor.db.lean() as connection:
        assert (await queue.held(connection, again.job_id)).oom_retries == 1


async def test_out_of_memory_twice_is_final_and_says_what_to_change(floor):
    token = await running(floor)
    await floor.fail(token, "oom", "CUDA out of memory.")
    token = await floor.claim()
    await floor.report(token)
    assert (await floor.fail(token, "oom", "CUDA out of memory.")).decision == "final"
    error = (await floor.row(token.job_id)).error
    assert error["code"] == "out_of_memory"
    assert "again" in error["message"]
    assert "CUDA out of memory." in error["message"]


async def test_a_job_to_be_paused_whose_memory_ran_out_is_paused_and_smaller_later(floor):
    token = await running(floor)
    async with floor.db.lean() as connection:
        await connection.execute("UPDATE jobs SET pause_requested = true WHERE id = %s", [token.job_id])
    assert (await floor.fail(token, "oom", "CUDA out of memory.")).status == "paused"
    assert (await floor.row(token.job_id)).oom_retries == 1


async def test_a_failed_machine_sends_the_job_back_with_growing_pauses(floor):
    job_id = await floor.job()
    pauses = []
    for _ in range(11):
        token = await floor.claim()
        await floor.report(token)
        assert (await floor.fail(token, "infra", "no disk")).decision == "retry"
        row = await floor.row(job_id)
        assert row.status == "queued"
        pauses.append((row.not_before - row.queued_at).total_seconds())
        floor.clock.advance(301)
    assert pauses[0] <= 1
    assert 150 <= pauses[-1] <= 300
    assert all(p <= min(2.0**n, 300) for n, p in enumerate(pauses))


async def test_a_machine_may_fail_fifty_times_and_not_more(floor):
    job_id = await floor.job(requeues=49)
    for expected in ("retry", "final"):
        floor.clock.advance(301)
        token = await floor.claim()
        await floor.report(token)
        assert (await floor.fail(token, "preempted", "taken away", "preempted")).decision == expected
    row = await floor.row(job_id)
    assert (row.status, row.error["code"]) == ("failed", "preempted")


async def test_a_program_that_breaks_three_times_at_one_step_is_poison(floor):
    job_id = await floor.job()
    for decision in ("retry", "retry", "final"):
        floor.clock.advance(301)
        token = await floor.claim()
        await floor.report(token, step=13)
        assert (await floor.fail(token, "internal", "segmentation fault")).decision == decision
    row = await floor.row(job_id)
    assert (row.status, row.error["code"]) == ("failed", "poison")
    assert "segmentation fault" in row.error["message"]


async def test_breaking_at_different_steps_is_not_poison(floor):
    await floor.job()
    for step in (1, 2, 3, 4, 5):
        floor.clock.advance(301)
        token = await floor.claim()
        await floor.report(token, step=step)
        assert (await floor.fail(token, "internal")).decision == "retry"


async def test_a_release_queues_the_job_at_once_and_costs_nothing(floor):
    token = await running(floor)
    assert (await floor.release(token)).status == "queued"
    row = await floor.row(token.job_id)
    assert (row.requeues, row.failed_there) == (0, 0)
    assert (await floor.claim("w2")).epoch == 2


async def test_a_release_before_the_first_report_leaves_the_job_queued(floor):
    job_id = await floor.job()
    token = await floor.claim()
    assert (await floor.release(token)).status == "queued"
    row = await floor.row(job_id)
    assert (row.status, row.attempts) == ("queued", 0)


async def test_the_same_call_again_gets_the_same_answer_for_a_day(floor):
    token = await running(floor)
    once = await floor.fail(token, "user", "no")
    assert await floor.fail(token, "user", "no") == once
    with pytest.raises(AlreadyTerminal):
        await floor.fail(token, "user", "another reason")
    floor.clock.advance(24 * 3600 + 1)
    with pytest.raises(AlreadyTerminal):
        await floor.fail(token, "user", "no")
    token = await running(floor)
    released = await floor.release(token)
    assert await floor.release(token) == released
    with pytest.raises(LeaseLost):
        await floor.fail(token, "user", "no")


async def test_a_replay_is_answered_even_while_another_worker_holds_the_job(floor):
    token = await running(floor)
    once = await floor.release(token)
    other = await floor.claim("w2")
    await floor.report(other)
    assert await floor.release(token) == once
    assert (await floor.row(token.job_id)).worker_id == "w2"


async def test_events_read_in_openais_order(floor):
    token = await running(floor)
    await floor.report(
        token,
        step=1,
        total=2,
        metrics={"first_seq": 0, "items": [{"step": 1, "values": {"train_loss": 1.25}, "at": 0}]},
    )
    assert await floor.messages(token.job_id) == [
        "Fine-tuning job started on worker w1",
        "Step 1/2: training loss=1.25",
    ]


async def test_a_report_that_goes_on_where_the_last_one_ended_looks_at_nothing_first(floor, points, monkeypatch):
    token = await running(floor)
    looks = []
    lock = fence.lock

    async def counted(*args):
        looks.append(args)
        return await lock(*args)

    monkeypatch.setattr(fence, "lock", counted)
    logs = {"first_seq": 0, "items": [{"stream": "stdout", "text": "a\x00b", "at": 0}]}
    told = {"first_seq": 0, "items": [{"level": "warn", "message": "hot", "at": 0}]}
    reply = await floor.report(token, step=1, total=9, metrics=points(0, (1, 2.5)), logs=logs, events=told)
    assert (reply.next_seq.metrics, reply.next_seq.logs, reply.next_seq.events) == (1, 1, 1)
    reply = await floor.report(token, step=30, metrics=None)
    assert (await floor.row(token.job_id)).step == 9
    assert (reply.next_seq.metrics, reply.command, looks) == (1, "none", [])
    gap = await floor.report(token, step=3, total=9, metrics=points(2, (3, 2.0)))
    assert (gap.next_seq.metrics, len(looks)) == (1, 1)
    assert await floor.series(token.job_id) == [(1, 2.5)]
    assert (await floor.messages(token.job_id))[-2] == "hot"
    async with floor.db.lean() as connection:
        logged = await (await connection.execute("SELECT epoch, seq, text FROM job_logs")).fetchall()
    assert logged == [(1, 0, "a\N{REPLACEMENT CHARACTER}b")]


async def test_an_event_that_takes_the_number_of_a_reports_item_costs_neither(floor, points):
    token = await running(floor)
    async with floor.db.session() as session:
        await service.pause(session, floor.owner, token.job_id)  # it holds the row, and has told an event
        waiting = asyncio.create_task(floor.report(token, step=1, total=9, metrics=points(0, (1, 2.5))))
        await waits_for_a_lock(floor)
    assert (await waiting).command == "pause"
    assert await floor.series(token.job_id) == [(1, 2.5)]


async def waits_for_a_lock(floor) -> None:
    """Until some statement waits for a row."""
    async with asyncio.timeout(10):
        while True:
            async with floor.db.lean() as connection:
                found = await connection.execute("SELECT FROM pg_locks WHERE NOT granted")
                if await found.fetchone() is not None:
                    return
