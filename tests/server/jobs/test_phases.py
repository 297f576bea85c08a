"""The timeline: spans that meet, whatever the job went through."""

from itertools import pairwise

import pytest

from tunesmith.server.jobs import phases, service


async def timeline(floor, job_id):
    async with floor.db.session() as session:
        return (await phases.timeline(session, await service.get(session, floor.owner, job_id))).spans


def meet(spans):
    return all(a.ended_at == b.started_at for a, b in pairwise(spans))


async def test_a_job_s_life_is_told_without_gaps(floor):
    job_id = await floor.job()
    floor.clock.advance(10)
    token = await floor.claim()
    floor.clock.advance(5)
    await floor.report(token, phase="loading_model")
    floor.clock.advance(7)
    await floor.report(token, phase="training", step=1, total=9)
    floor.clock.advance(5)
    await floor.report(token, phase="training", step=2)
    floor.clock.advance(15)
    await floor.fail(token, "infra")
    floor.clock.advance(30)
    again = await floor.claim("w2")
    floor.clock.advance(3)
    await floor.report(again, phase="training")
    async with floor.db.session() as session:
        await service.pause(session, floor.owner, job_id)
    floor.clock.advance(2)
    await floor.release(again, "paused")
    floor.clock.advance(60)
    async with floor.db.session() as session:
        await service.resume(session, floor.owner, job_id)
    floor.clock.advance(4)
    async with floor.db.session() as session:
        await service.cancel(session, floor.owner, job_id)
    spans = await timeline(floor, job_id)
    assert meet(spans)
    row = await floor.row(job_id)
    assert spans[0].started_at == pytest.approx(row.created_at.timestamp())
    assert spans[-1].ended_at == pytest.approx(row.finished_at.timestamp())
    told = [(s.phase, round(s.ended_at - s.started_at), s.attempt, s.worker) for s in spans if s.ended_at]
    assert told[-9:] == [
        ("queued", 10, None, None),
        ("starting", 5, 1, "w1"),
        ("loading_model", 7, 1, "w1"),
        ("training", 20, 1, "w1"),
        ("queued", 30, None, None),
        ("starting", 3, 2, "w2"),
        ("training", 2, 2, "w2"),
        ("paused", 60, None, None),
        ("queued", 4, None, None),
    ]


async def test_the_last_span_of_a_living_job_is_open(floor):
    job_id = await floor.job()
    assert (await timeline(floor, job_id))[-1].ended_at is None
    floor.clock.advance(2)
    await floor.claim()
    spans = await timeline(floor, job_id)
    assert (spans[-1].phase, spans[-1].ended_at) == ("starting", None)


async def test_a_job_from_before_phases_were_kept_has_a_timeline_too(floor):
    job_id = await floor.job()
    floor.clock.advance(5)
    token = await floor.claim()
    floor.clock.advance(5)
    await floor.report(token)
    async with floor.db.lean() as connection:
        await connection.execute("UPDATE jobs SET phases = NULL WHERE id = %s", [job_id])
    spans = await timeline(floor, job_id)
    assert [span.phase for span in spans][-2:] == ["queued", "starting"]
    assert meet(spans)


async def test_phases_are_kept_within_bounds_and_a_report_that_tells_no_new_one_adds_none(floor):
    job_id = await floor.job()
    token = await floor.claim()
    for n in range(420):
        await floor.report(token, phase=f"phase {n // 2}")
    many = await floor.row(job_id)
    async with floor.db.lean() as connection:
        kept = (await (await connection.execute("SELECT phases FROM jobs")).fetchone())[0]
        await connection.execute(
            "UPDATE jobs SET phases = (SELECT jsonb_agg(p) FROM (SELECT jsonb_array_elements(phases || phases) p) x)"
        )
    assert (many.phase, len(kept), kept[-1][0], kept[1][0]) == ("phase 209", 211, "phase 209", "phase 0")
    await floor.report(token, phase="newest")
    async with floor.db.lean() as connection:
        kept = (await (await connection.execute("SELECT phases FROM jobs")).fetchone())[0]
    assert (len(kept), kept[0][0], kept[-1][0]) == (422, "queued", "newest")
