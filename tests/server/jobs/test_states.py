"""Every pair of states: the legal steps are taken, the others refused by the function and by the database."""

import psycopg
import pytest

from tunesmith.schemas.errors import StateConflict
from tunesmith.schemas.jobs import JobStatus
from tunesmith.server.db import driver
from tunesmith.server.events.service import Entry
from tunesmith.server.jobs import states
from tunesmith.server.jobs.states import Ended

WAY_TO = {
    "validating_files": (),
    "queued": ("queued",),
    "running": ("queued", "running"),
    "paused": ("queued", "paused"),
    "succeeded": ("queued", "running", "succeeded"),
    "failed": ("failed",),
    "cancelled": ("cancelled",),
}


async def job_in(floor, status: JobStatus) -> str:
    job_id = await floor.job(JobStatus.VALIDATING_FILES)
    now = JobStatus.VALIDATING_FILES
    for step in WAY_TO[status]:
        async with floor.db.lean() as connection:
            await states.change(connection, job_id, now, JobStatus(step), [])
        now = JobStatus(step)
    return job_id


@pytest.mark.parametrize("source", list(JobStatus))
async def test_the_function_and_the_database_agree_on_every_step(floor, source):
    for target in (s for s in JobStatus if s is not source):
        job_id = await job_in(floor, source)
        legal = target in states.LEGAL[source]
        async with floor.db.lean() as connection:
            if legal:
                await states.change(connection, job_id, source, target, [])
            else:
                with pytest.raises(StateConflict):
                    await states.change(connection, job_id, source, target, [])
        assert (await floor.row(job_id)).status == (target if legal else source)
        forced = await job_in(floor, source)
        with psycopg.connect(floor.db.url.replace("+psycopg", "")) as direct:
            statement = "UPDATE jobs SET status = %s WHERE id = %s"
            if legal:
                direct.execute(statement, [target, forced])
            else:
                with pytest.raises(psycopg.errors.CheckViolation):
                    direct.execute(statement, [target, forced])


async def test_a_final_state_has_no_way_out():
    assert [s for s in JobStatus if not states.LEGAL[s]] == [s for s in JobStatus if s.terminal]


async def test_a_job_can_only_be_born_validating(floor):
    with pytest.raises(Exception, match="must be validating_files"):
        await floor.job(JobStatus.VALIDATING_FILES, status="running")


async def test_an_epoch_never_falls_and_an_ended_attempt_never_changes(floor):
    job_id = await floor.job()
    token = await floor.claim()
    await floor.release(token)
    with psycopg.connect(floor.db.url.replace("+psycopg", ""), autocommit=True) as direct:
        with pytest.raises(psycopg.errors.CheckViolation):
            direct.execute("UPDATE jobs SET epoch = 0 WHERE id = %s", [job_id])
        with pytest.raises(psycopg.errors.CheckViolation):
            direct.execute("UPDATE attempts SET outcome = 'succeeded' WHERE job_id = %s", [job_id])


async def test_a_change_and_its_event_commit_together_or_not_at_all(floor):
    job_id = await floor.job()

    async def change_and_break():
        async with floor.db.session() as session:
            connection = await driver(session)
            await states.change(connection, job_id, states.QUEUED, states.FAILED, [Entry("it broke")])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await change_and_break()
    assert (await floor.row(job_id)).status == "queued"
    assert await floor.messages(job_id) == []


async def test_ending_an_attempt_frees_the_lease(floor):
    job_id = await floor.job()
    token = await floor.claim()
    async with floor.db.lean() as connection:
        await states.keep(connection, job_id, [], ended=Ended(token.epoch, "lost"))
    row = await floor.row(job_id)
    assert (row.claim_id, row.worker_id, row.lease_expires_at) == (None, None, None)
    assert [(a.phase, a.outcome) for a in await floor.attempts(job_id)] == [("ended", "lost")]
