"""What a run came to in one figure, its losses as a small line, what it cost, and which data set it read."""

import pytest

from tunesmith.schemas.models import Comparison
from tunesmith.server.jobs import facts, headlines


def comparison(name, metric="perplexity", after=5.0):
    return Comparison.model_validate(
        {
            "set": name,
            "metric": metric,
            "count": 10,
            "before": {"value": 9.0, "low": 8.0, "high": 10.0},
            "after": {"value": after, "low": after - 1, "high": after + 1},
            "difference": {"value": after - 9.0, "low": -5.0, "high": -3.0},
            "verdict": "better",
            "sentence": f"On {name} it is better.",
        }
    )


async def known(floor, *job_ids, price=0.0):
    rows = [await floor.row(job_id) for job_id in job_ids]
    async with floor.db.session() as session:
        return await facts.gather(session, rows, price, sparklines=True)


async def test_a_protein_model_is_told_by_the_clusters_that_it_never_saw(floor, result):
    job_id = await floor.job()
    token = await floor.claim()
    comparisons = [comparison("random", after=4.0), comparison("clusters"), comparison("clusters", "loss", 1.6)]
    await floor.complete(token, result.model_copy(update={"comparisons": comparisons}), await floor.result(token))
    found = (await known(floor, job_id)).headlines[job_id]
    assert (found.metric, found.set, found.value, found.before) == ("perplexity", "clusters", 5.0, 9.0)
    assert (found.verdict, found.sentence) == ("better", "On clusters it is better.")


async def test_a_running_job_is_told_by_its_newest_held_out_loss_else_by_its_training_s(floor, points):
    early, late, silent = await floor.job(), await floor.job(), await floor.job()
    tokens = [await floor.claim(f"w{n}") for n in range(3)]
    items = [{"step": 1, "values": {"train_loss": 3.0, "valid_loss": 2.9}, "at": 0.0}]
    items += [{"step": n, "values": {"train_loss": 3.0 - n / 10}, "at": 0.0} for n in range(2, 6)]
    await floor.report(tokens[0], total=9, metrics=points(0, (1, 3.0), (2, 2.5)))
    await floor.report(tokens[1], total=9, metrics={"first_seq": 0, "items": items})
    await floor.report(tokens[2])
    found = (await known(floor, early, late, silent)).headlines
    assert (found[early].set, found[early].value) == ("training", 2.5)
    assert (found[late].set, found[late].value) == ("held_out", 2.9)
    assert silent not in found


@pytest.mark.parametrize("n", [1, 5, 24, 500])
async def test_a_sparkline_goes_from_the_first_loss_to_the_newest_in_at_most_24(floor, points, n):
    job_id, other = await floor.job(), await floor.job()
    token = await floor.claim()
    await floor.report(token, total=n, metrics=points(0, *((step, 1000.0 - step) for step in range(n))))
    lines = (await known(floor, job_id, other)).sparklines
    line = lines[job_id]
    assert (line[0], line[-1]) == (1000.0, 1001.0 - n)
    assert line == sorted(line, reverse=True)
    assert len(set(line)) == len(line) <= headlines.SPARKS
    assert len(line) >= min(n, headlines.SPARKS - 6)
    assert lines[other] == []


async def test_a_sparkline_leaves_out_what_was_trained_again(floor, points):
    job_id = await floor.job()
    token = await floor.claim()
    await floor.report(token, total=9, step=3, metrics=points(0, (1, 5.0), (2, 4.0), (3, 99.0)))
    await floor.checkpoint(token, 2)
    await floor.release(token)
    again = await floor.claim()
    await floor.report(again, total=9, metrics=points(0, (3, 3.0)))
    assert (await known(floor, job_id)).sparklines[job_id] == [5.0, 4.0, 3.0]


async def test_cost_is_the_time_of_the_attempts_that_started_until_the_job_ended(floor):
    job_id = await floor.job()
    await floor.claim("gone")
    floor.clock.advance(25)
    await floor.sweep()  # never started: costs nothing
    token = await floor.claim()
    await floor.report(token)
    floor.clock.advance(1800)
    await floor.report(token, step=1)
    now = (await known(floor, job_id, price=2.0)).costs[job_id]
    assert (now.worker_s, now.value) == (pytest.approx(1800, abs=5), pytest.approx(1.0, abs=0.01))
    await floor.release(token)
    floor.clock.advance(3600)
    again = await floor.claim()
    await floor.report(again)
    floor.clock.advance(900)
    await floor.report(again)
    await floor.fail(again, "user")
    floor.clock.advance(3600)
    assert (await known(floor, job_id)).costs[job_id].worker_s == pytest.approx(2700, abs=5)


async def test_a_job_without_an_attempt_has_no_cost(floor):
    job_id = await floor.job()
    assert (await known(floor, job_id)).costs == {}


async def test_the_training_file_s_data_set_is_named(remote):
    from tunesmith.server.datasets.tables import DatasetRow, DatasetVersionRow

    job_id = await remote.queued()
    job = await remote.job(job_id)
    assert job["dataset"] is None
    async with remote.server.app.state.db.session() as session:
        from sqlalchemy import select

        from tunesmith.server.jobs.tables import JobRow

        row = (await session.scalars(select(JobRow))).one()
        owner = {"created_by": row.created_by}
        session.add(DatasetRow(id="ds_1", project_id=row.project_id, name="families", **owner))
        await session.flush()
        session.add(DatasetVersionRow(dataset_id="ds_1", version=3, file_id=row.training_file, **owner))
    assert (await remote.job(job_id))["dataset"] == {"id": "ds_1", "name": "families", "version": 3}
