"""The sweep: what ran out ends, what hangs is taken away, and a fault of ours costs nobody a lease."""

import pytest

from tunesmith.schemas.errors import AlreadyTerminal, LeaseLost
from tunesmith.server.clock import Clock
from tunesmith.server.db import Database
from tunesmith.server.jobs import reaper


async def running(floor, worker="w1", **fields):
    await floor.job()
    token = await floor.claim(worker)
    await floor.report(token, **fields)
    return token


async def test_a_claim_that_is_not_started_within_twenty_seconds_returns(floor):
    job_id = await floor.job()
    token = await floor.claim()
    floor.clock.advance(19)
    assert (await floor.sweep()).handled == 0
    floor.clock.advance(2)
    await floor.sweep()
    row = await floor.row(job_id)
    assert (row.status, row.requeues, row.claim_id) == ("queued", 0, None)
    assert [a.outcome for a in await floor.attempts(job_id)] == ["lost"]
    with pytest.raises(LeaseLost):
        await floor.report(token)


async def test_a_silent_worker_loses_its_job_to_the_next(floor):
    token = await running(floor, step=4)
    floor.clock.advance(61)
    await floor.sweep()
    floor.clock.advance(1)
    second = await floor.claim("w2")
    assert (second.job_id, second.epoch) == (token.job_id, 2)
    row = await floor.row(token.job_id)
    assert (row.requeues, row.failed_step, row.failed_there) == (1, 4, 1)


async def test_a_job_that_kills_three_workers_at_one_step_is_poison_and_others_are_not_touched(floor):
    token = await running(floor, step=4)
    bystander = await running(floor, "w9")
    for _ in range(2):
        floor.clock.advance(61)
        await floor.report(bystander)
        await floor.sweep()
        floor.clock.advance(5)
        again = await floor.claim("w2")
        assert again.job_id == token.job_id
        await floor.report(again, step=4)
    floor.clock.advance(61)
    await floor.report(bystander)
    await floor.sweep()
    row = await floor.row(token.job_id)
    assert (row.status, row.error["code"]) == ("failed", "poison")
    assert (await floor.row(bystander.job_id)).status == "running"


async def test_a_run_that_hangs_while_its_worker_reports_is_taken_away(floor):
    token = await running(floor, step=4, phase="training")
    for _ in range(61):
        floor.clock.advance(59)
        await floor.report(token, step=4, phase="training")
    floor.clock.advance(2)
    await floor.sweep()
    assert (await floor.row(token.job_id)).status == "queued"
    with pytest.raises(LeaseLost):
        await floor.report(token, step=5)


async def test_a_phase_that_moves_is_progress(floor):
    token = await running(floor)
    for n in range(130):
        floor.clock.advance(59)
        await floor.report(token, step=0, phase=f"loading shard {n // 40}")
    await floor.sweep()
    assert (await floor.row(token.job_id)).status == "running"


async def test_a_job_that_runs_too_long_in_all_fails_and_its_worker_hears_cancel(floor):
    token = await running(floor)
    for n in range(170):
        floor.clock.advance(3599)
        await floor.report(token, step=n)
    await floor.sweep()
    row = await floor.row(token.job_id)
    assert (row.status, row.error["code"]) == ("failed", "max_runtime")
    assert (await floor.report(token, step=171)).command == "cancel"


async def test_a_job_that_nobody_takes_for_a_week_fails(floor):
    job_id = await floor.job()
    floor.clock.advance(7 * 24 * 3600 - 60)
    await floor.sweep()
    assert (await floor.row(job_id)).status == "queued"
    floor.clock.advance(61)
    await floor.sweep()
    row = await floor.row(job_id)
    assert (row.status, row.error["code"]) == ("failed", "queue_deadline")
    assert row.finished_at is not None


async def test_a_draining_lease_ends_after_a_minute_and_tells_nothing_more(floor):
    token = await running(floor)
    async with floor.db.session() as session:
        from tunesmith.server.jobs import service

        await service.cancel(session, floor.owner, token.job_id)
    told = await floor.messages(token.job_id)
    floor.clock.advance(30)
    await floor.sweep()
    assert (await floor.report(token)).command == "cancel"
    floor.clock.advance(31)
    await floor.sweep()
    with pytest.raises(AlreadyTerminal, match="cancelled"):
        await floor.report(token)
    assert [a.outcome for a in await floor.attempts(token.job_id)] == ["cancelled"]
    assert await floor.messages(token.job_id) == told


async def test_the_time_without_a_server_costs_no_lease(floor):
    token = await running(floor)
    await reaper.beat(floor.db)
    floor.clock.advance(600)
    assert await reaper.forgive_downtime(floor.db, floor.settings) == pytest.approx(600, abs=5)
    swept = await floor.sweep()
    assert (swept.handled, swept.on_hold) == (0, True)
    floor.clock.advance(59)
    await floor.sweep()
    assert (await floor.report(token)).command == "none"


async def test_after_the_hold_a_worker_that_never_came_back_loses_its_job(floor):
    token = await running(floor)
    await reaper.beat(floor.db)
    floor.clock.advance(600)
    await reaper.forgive_downtime(floor.db, floor.settings)
    floor.clock.advance(65)
    await floor.sweep()
    assert (await floor.row(token.job_id)).status == "queued"


async def test_a_first_start_and_a_quick_restart_hold_nothing(floor):
    assert await reaper.forgive_downtime(floor.db, floor.settings) == 0
    floor.clock.advance(3)
    assert await reaper.forgive_downtime(floor.db, floor.settings) == pytest.approx(3, abs=2)
    assert not (await floor.sweep()).on_hold


async def test_when_most_leases_would_end_at_once_the_sweep_waits_one_ttl(floor):
    tokens = [await running(floor, f"w{n}") for n in range(12)]
    floor.clock.advance(61)
    for token in tokens[:4]:
        await floor.report(token)
    assert await floor.sweep() == reaper.Swept(0, on_hold=True)
    for token in tokens[4:10]:
        await floor.report(token)
    floor.clock.advance(59)
    assert (await floor.sweep()).on_hold
    for token in tokens[:10]:
        await floor.report(token)
    floor.clock.advance(2)
    assert await floor.sweep() == reaper.Swept(2, on_hold=False)


async def test_after_one_wait_a_truly_dead_fleet_is_swept(floor):
    for n in range(12):
        await running(floor, f"w{n}")
    floor.clock.advance(61)
    assert (await floor.sweep()).on_hold
    floor.clock.advance(61)
    assert await floor.sweep() == reaper.Swept(12, on_hold=False)


async def test_two_sweeps_at_once_act_once(floor):
    await running(floor)
    floor.clock.advance(61)
    async with floor.db.lean() as guard:
        await guard.execute(reaper.TRY_LOCK, {"lock": reaper.SWEEP_LOCK})
        other = Database(floor.db.url, clock=Clock(floor.clock.offset))
        assert (await reaper.sweep(other, floor.settings)).handled == 0
        await other.close()
    assert (await floor.sweep()).handled == 1
