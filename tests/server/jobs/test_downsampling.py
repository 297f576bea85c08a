"""Metrics in few points, and the logs' search."""

import pytest

JOBS = "/v1/fine_tuning/jobs"


async def run_of(remote, n, values):
    """A running job with `n` points."""
    job_id = await remote.queued()
    lease = (await remote.claim()).json()
    for at in range(0, n, 900):
        items = [{"step": step, "values": values(step), "at": 0} for step in range(at, min(n, at + 900))]
        await remote.report(lease, 1 + at // 900, total=n, metrics={"first_seq": at, "items": items})
    return job_id, lease


async def test_the_extremes_and_ends_of_each_figure_survive(remote):
    def values(step):
        found = {"train_loss": 1000.0 if step == 777 else 2.0, "learning_rate": 0.1 if step != 1234 else -5.0}
        return found | ({"valid_loss": float(step)} if step % 500 == 0 else {})

    job_id, _ = await run_of(remote, 2000, values)
    found = await remote.get(f"{JOBS}/{job_id}/metrics", points=40)
    assert (found["n_points"], found["has_more"]) == (2000, False)
    steps = [point["step"] for point in found["data"]]
    assert steps == sorted(set(steps))
    series = {name: {p["step"]: p["values"][name] for p in found["data"] if name in p["values"]} for name in values(0)}
    assert series["train_loss"][777] == 1000.0
    assert series["learning_rate"][1234] == -5.0
    assert series["valid_loss"] == {0: 0.0, 500: 500.0, 1000: 1000.0, 1500: 1500.0}
    for name in ("train_loss", "learning_rate"):
        assert {0, 1999} <= set(series[name])
        assert 20 <= len(series[name]) <= 40


async def test_a_short_run_comes_whole_and_an_empty_one_empty(remote):
    job_id, _ = await run_of(remote, 9, lambda step: {"train_loss": float(step)})
    found = await remote.get(f"{JOBS}/{job_id}/metrics", points=400)
    whole = await remote.get(f"{JOBS}/{job_id}/metrics")
    assert found["data"] == whole["data"]
    assert (found["n_points"], whole["n_points"]) == (9, None)
    empty = await remote.get(f"{JOBS}/{await remote.queued()}/metrics", points=400)
    assert (empty["data"], empty["n_points"], empty["first_id"]) == ([], 0, None)
    for points in (0, 3, 10_001, "x"):
        reply = await remote.http.get(f"{JOBS}/{job_id}/metrics?points={points}", headers=remote.bearer())
        assert reply.status_code == 400


async def test_one_point_and_figures_that_are_no_numbers(remote):
    job_id = await remote.queued()
    lease = (await remote.claim()).json()
    body = {"step": 5, "values": {"train_loss": None}, "at": 0}
    await remote.report(lease, total=9, metrics={"first_seq": 0, "items": [body | {"values": {"a": 1.5, "b": 1e308}}]})
    found = await remote.get(f"{JOBS}/{job_id}/metrics", points=4)
    assert [(p["step"], p["values"]) for p in found["data"]] == [(5, {"a": 1.5, "b": 1e308})]


@pytest.fixture
async def logged(remote):
    job_id, lease = await run_of(remote, 1, lambda step: {"train_loss": 1.0})
    lines = [{"at": 0, "stream": "stdout", "text": f"Line {n} 100%" if n % 2 else f"step_{n}"} for n in range(6)]
    await remote.report(lease, 9, logs={"first_seq": 0, "items": lines})
    return job_id


async def texts(remote, job_id, **params):
    return [line["text"] for line in (await remote.get(f"{JOBS}/{job_id}/logs", **params))["data"]]


async def test_logs_are_searched_by_their_plain_text(remote, logged):
    assert await texts(remote, logged, search="line") == ["Line 1 100%", "Line 3 100%", "Line 5 100%"]
    assert await texts(remote, logged, search="0%", order="desc", limit=1) == ["Line 5 100%"]
    assert await texts(remote, logged, search="p_4") == ["step_4"]
    assert await texts(remote, logged, search="t.p") == []
    refused = await remote.http.get(f"{JOBS}/{logged}/logs?search=%00", headers=remote.bearer())
    assert refused.status_code == 400


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_log_pages_meet_in_both_orders(remote, logged, order):
    whole = await texts(remote, logged, order=order)
    assert whole == [f"Line {n} 100%" if n % 2 else f"step_{n}" for n in range(6)][:: 1 if order == "asc" else -1]
    first = await remote.get(f"{JOBS}/{logged}/logs", order=order, limit=4)
    rest = await texts(remote, logged, order=order, after=first["last_id"])
    assert [line["text"] for line in first["data"]] + rest == whole
    assert first["has_more"]
