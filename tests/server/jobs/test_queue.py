"""Claims and the fence: one lease a job, and nothing for who does not hold it."""

import asyncio
from uuid import uuid4

import pytest

from tunesmith.schemas.accounts import KeyKind
from tunesmith.schemas.errors import AlreadyTerminal, Forbidden, LeaseLost, Unauthenticated
from tunesmith.schemas.jobs import JobStatus
from tunesmith.server.jobs import fence
from tunesmith.server.jobs.fence import LeaseToken

SECRET = b"s" * 32


async def test_the_oldest_queued_job_is_claimed_first(floor):
    first, second = await floor.job(), await floor.job()
    assert [(await floor.claim()).job_id, (await floor.claim()).job_id] == [first, second]
    assert await floor.claim() is None


async def test_a_claimed_job_stays_queued_until_its_first_report(floor):
    job_id = await floor.job()
    token = await floor.claim()
    assert (await floor.row(job_id)).status == "queued"
    await floor.report(token)
    row = await floor.row(job_id)
    assert (row.status, row.attempts, row.worker_id) == ("running", 1, "w1")


async def test_the_same_claim_again_answers_the_same_lease(floor):
    await floor.job()
    claim_id = uuid4()
    once = await floor.claim(claim_id=claim_id)
    assert await floor.claim(claim_id=claim_id) == once
    await floor.report(once)
    assert await floor.claim(claim_id=claim_id) == once


async def test_the_same_claim_id_after_its_lease_ended_gets_a_new_epoch(floor):
    await floor.job()
    claim_id = uuid4()
    once = await floor.claim(claim_id=claim_id)
    floor.clock.advance(21)
    await floor.sweep()
    again = await floor.claim(claim_id=claim_id)
    assert again.epoch == once.epoch + 1
    with pytest.raises(LeaseLost):
        await floor.report(once)


async def test_sixty_four_claimers_of_one_job_make_one_lease(floor):
    for _ in range(3):
        job_id = await floor.job()
        claims = await asyncio.gather(*(floor.claim(f"w{n}") for n in range(64)))
        held = [token for token in claims if token is not None]
        assert [token.job_id for token in held] == [job_id]
        assert len(await floor.attempts(job_id)) == 1


async def test_a_worker_gets_only_tasks_that_it_can_do(floor):
    await floor.job(task="chat")
    protein = await floor.job(task="protein")
    assert (await floor.claim(tasks=("protein",))).job_id == protein
    assert await floor.claim(tasks=("protein",)) is None


async def test_a_worker_of_a_project_gets_only_its_jobs(floor):
    await floor.job()
    bob = await floor.new_caller("bob", KeyKind.WORKER)
    assert await floor.claim(caller=bob, scope=bob.project_id) is None
    ada = await floor.new_caller("ada", KeyKind.WORKER)
    assert await floor.claim(caller=ada, scope=ada.project_id) is not None


async def test_a_worker_id_stays_with_its_key_until_that_key_is_revoked(floor):
    other = await floor.new_caller("admin", KeyKind.WORKER)
    await floor.job()
    assert await floor.claim("mine") is not None
    with pytest.raises(Forbidden):
        await floor.claim("mine", caller=other)
    async with floor.db.lean() as connection:
        await connection.execute(
            "UPDATE api_keys SET revoked_at = tunesmith_now() WHERE id = %s", [floor.worker.key_id]
        )
    await floor.job()
    assert await floor.claim("mine", caller=other) is not None


async def test_a_job_that_was_sent_back_waits_for_its_time(floor):
    await floor.job()
    token = await floor.claim()
    await floor.report(token)
    await floor.fail(token, "infra")
    assert await floor.claim() is None
    floor.clock.advance(2)
    assert (await floor.claim()).epoch == 2


async def test_a_token_of_an_older_epoch_changes_nothing(floor):
    job_id = await floor.job()
    zombie = await floor.claim()
    await floor.report(zombie, step=5)
    floor.clock.advance(61)
    await floor.sweep()
    floor.clock.advance(2)
    rightful = await floor.claim("w2")
    await floor.report(rightful, step=1)
    for call in (floor.report(zombie, step=9), floor.fail(zombie, "user"), floor.release(zombie)):
        with pytest.raises(LeaseLost):
            await call
    row = await floor.row(job_id)
    assert (row.status, row.epoch, row.step, row.worker_id) == ("running", 2, 1, "w2")


async def test_the_same_epoch_by_another_claim_is_refused(floor):
    """A database that lost its last commits hands out an epoch twice; the claim's id tells them apart."""
    await floor.job()
    token = await floor.claim()
    with pytest.raises(LeaseLost):
        await floor.report(LeaseToken(token.job_id, token.epoch, uuid4()))


async def test_a_lease_that_ended_is_lost_even_if_nobody_else_took_the_job(floor):
    await floor.job()
    token = await floor.claim()
    await floor.report(token)
    floor.clock.advance(61)
    await floor.sweep()
    with pytest.raises(LeaseLost):
        await floor.report(token)


async def test_calls_for_an_ended_job_name_its_state(floor):
    job_id = await floor.job()
    token = await floor.claim()
    await floor.fail(token, "user", "bad settings")
    with pytest.raises(AlreadyTerminal, match="failed"):
        await floor.report(token)
    assert (await floor.row(job_id)).status == JobStatus.FAILED


def test_a_token_survives_its_journey_and_nothing_else_does():
    token = LeaseToken("ftjob-abc", 7, uuid4())
    text = token.signed(SECRET)
    assert fence.read_token(text, SECRET) == token
    for forged in (
        text[:-1] + ("0" if text[-1] != "0" else "1"),
        text.replace(".7.", ".8."),
        text.replace("ftjob-abc", "ftjob-abd"),
        token.signed(b"t" * 32),
        "tsl_a.b.c.d",
        "tsl_",
        "nonsense",
    ):
        with pytest.raises(Unauthenticated):
            fence.read_token(forged, SECRET)
    with pytest.raises(Forbidden):
        fence.read_token("tsw_something", SECRET)
