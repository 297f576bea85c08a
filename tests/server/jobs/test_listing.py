"""Lists of jobs: filters, orders whose pages meet, counts, and cancelling many at once."""

from itertools import product

import pytest

JOBS = "/v1/fine_tuning/jobs"


@pytest.fixture
async def shelf(remote):
    """Three jobs: one cancelled, one of high priority, one plain; oldest first."""
    file_id = await remote.upload()
    made = [
        await remote.queued(training_file=file_id, name="Beta run", suffix="x"),
        await remote.queued(training_file=file_id, name="alpha 100%_run", priority="high"),
        await remote.queued(training_file=file_id),
    ]
    await remote.http.post(f"{JOBS}/{made[0]}/cancel", headers=remote.bearer())
    return made


async def listed(remote, **params):
    return [job["id"] for job in (await remote.get(JOBS, **params))["data"]]


async def test_each_filter_keeps_what_it_names(remote, shelf):
    first, second, third = shelf
    for params, kept in (
        ({"status": "cancelled"}, [first]),
        ({"status": ["cancelled", "queued"]}, [third, second, first]),
        ({"status": "running"}, []),
        ({"task": "protein"}, [third, second, first]),
        ({"task": "chat"}, []),
        ({"owner": "ada", "status": "queued"}, [third, second]),
        ({"owner": "nobody"}, []),
        ({"project": "ada"}, [third, second, first]),
        ({"project": "default"}, []),
        ({"search": "ALPHA"}, [second]),
        ({"search": "100%_"}, [second]),
        ({"search": "%"}, [second]),
        ({"search": third[8:20]}, [third]),
        ({"search": "no such"}, []),
    ):
        assert await listed(remote, **params) == kept, params


async def test_pages_of_every_order_meet_without_gap_or_overlap(remote, shelf):
    sorts = ("created_at", "name", "status", "priority", "started_at", "finished_at")
    for sort, order in product(sorts, ("asc", "desc")):
        whole = await listed(remote, sort=sort, order=order)
        seen: list[str] = []
        while len(seen) < 9:
            after = {"after": seen[-1]} if seen else {}
            page = await remote.get(JOBS, sort=sort, order=order, limit=1, **after)
            seen += [job["id"] for job in page["data"]]
            if not page["has_more"]:
                break
        assert seen == whole, (sort, order)
        assert sorted(whole) == sorted(shelf)


async def test_orders_are_those_that_they_are_called(remote, shelf):
    first, second, third = shelf
    assert await listed(remote, sort="name", order="asc") == [third, second, first]  # "" < alpha < beta
    assert (await listed(remote, sort="priority"))[0] == second
    assert (await listed(remote, sort="status", order="desc"))[0] == first
    for order in ("asc", "desc"):  # jobs that have not ended come last either way
        assert (await listed(remote, sort="finished_at", order=order))[0] == first


async def test_counts_are_of_what_the_filters_keep(remote, shelf):
    found = await remote.get(f"{JOBS}/counts")
    assert found["total"] == 3
    assert {status: n for status, n in found["by_status"].items() if n} == {"queued": 2, "cancelled": 1}
    assert (await remote.get(f"{JOBS}/counts", search="alpha"))["by_status"]["queued"] == 1
    assert (await remote.get(f"{JOBS}/counts", owner="nobody"))["total"] == 0


async def test_an_admin_counts_and_lists_all_projects_and_others_their_own(remote, shelf):
    eve = await remote.server.new_user("eve")
    for key, n in ((remote.server.admin_key, 3), (eve, 0)):
        counts = await remote.http.get(f"{JOBS}/counts", headers=remote.bearer(key))
        rows = await remote.http.get(JOBS, params={"project": "ada"}, headers=remote.bearer(key))
        assert (counts.json()["total"], len(rows.json()["data"])) == (n, n)


async def test_nonsense_in_a_query_is_400(remote):
    wrong = ("search=%00", "owner=%00", "project=%00", "status=asleep", "sort=colour", "order=up", "after=ftjob-x%00")
    for query in wrong:
        reply = await remote.http.get(f"{JOBS}?{query}", headers=remote.bearer())
        assert reply.status_code == 400, query


async def test_cancelling_many_says_of_each_what_became_of_it(remote, shelf):
    first, second, third = shelf
    eve = await remote.server.new_user("eve")
    ids = [third, first, "ftjob-absent", second, third]
    foreign = await remote.http.post(f"{JOBS}/cancel", json={"ids": ids}, headers=remote.bearer(eve))
    assert {each["outcome"] for each in foreign.json()["data"]} == {"not_found"}
    found = (await remote.http.post(f"{JOBS}/cancel", json={"ids": ids}, headers=remote.bearer())).json()
    assert [(each["id"], each["outcome"], each["status"]) for each in found["data"]] == [
        (third, "cancelled", "cancelled"),
        (first, "already_ended", "cancelled"),
        ("ftjob-absent", "not_found", None),
        (second, "cancelled", "cancelled"),
    ]
    assert found["n_cancelled"] == 2
    assert (await remote.job(second))["status"] == "cancelled"
    for ids in ([], ["x"] * 101):
        refused = await remote.http.post(f"{JOBS}/cancel", json={"ids": ids}, headers=remote.bearer())
        assert refused.status_code == 400
