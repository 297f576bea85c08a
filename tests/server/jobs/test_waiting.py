"""Priority, and why a job waits."""

from tunesmith.schemas.jobs import JobStatus

JOBS = "/v1/fine_tuning/jobs"
ABLE = {"tasks": ["protein"], "cpu_count": 1, "memory_bytes": 64 * 1024**3, "version": "1"}


async def update(remote, job_id, **body):
    return await remote.http.post(f"{JOBS}/{job_id}", json=body, headers=remote.bearer())


async def test_a_job_of_high_priority_overtakes_older_ones_and_within_one_priority_age_counts(floor):
    low, old, young = await floor.job(priority=-1), await floor.job(), await floor.job()
    high = await floor.job(priority=1)
    assert [(await floor.claim(f"w{n}")).job_id for n in range(4)] == [high, old, young, low]


async def test_the_claim_finds_its_job_by_the_index_alone(floor):
    """A sort of all waiting jobs at each claim would make a long queue slow."""
    from tunesmith.server.jobs import queue

    parameters = {
        "tasks": ["protein"],
        "adaptations": ["lora"],
        "scope": None,
        "claim_id": None,
        "worker_id": "w",
        "session_id": "s",
        "start_deadline": None,
    }
    async with floor.db.lean() as connection:
        await connection.execute("SET LOCAL enable_seqscan = off")
        plan = await connection.execute(f"EXPLAIN {queue.CLAIM}", parameters)
        lines = [row[0] for row in await plan.fetchall()]
    assert any("ix_jobs_claimable" in line for line in lines), lines
    assert not any("Sort Key: jobs" in line for line in lines), lines


async def test_name_and_priority_change_are_told_and_what_is_left_out_stays(remote):
    job_id = await remote.queued(name="first")
    assert (await update(remote, job_id, priority="high")).json()["priority"] == "high"
    job = (await update(remote, job_id, name="second")).json()
    assert (job["name"], job["priority"]) == ("second", "high")
    await update(remote, job_id)
    await update(remote, job_id, name="second", priority="high")
    events = await remote.get(f"{JOBS}/{job_id}/events")
    assert [event["message"] for event in events["data"]][:2] == ["Named second", "Priority set to high"]
    assert len(events["data"]) == 5
    for body in ({"name": "a\x00"}, {"name": ""}, {"priority": "urgent"}, {"colour": "red"}):
        assert (await update(remote, job_id, **body)).status_code == 400, body


async def test_an_ended_job_keeps_its_priority_and_may_be_renamed(remote):
    job_id = await remote.queued()
    await remote.http.post(f"{JOBS}/{job_id}/cancel", headers=remote.bearer())
    refused = (await update(remote, job_id, priority="high")).json()["error"]
    assert (refused["code"], refused["param"]) == ("invalid_state", "priority")
    assert (await update(remote, job_id, name="kept")).json()["name"] == "kept"


async def test_another_project_is_refused_to_a_key_and_open_to_an_admin(remote):
    refused = await remote.create(project="default")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "wrong_project")
    mine = await remote.create(project="ada", priority="low")
    assert (mine.json()["project"], mine.json()["priority"]) == ("ada", "low")
    file_id = await remote.upload()
    admins = await remote.create(training_file=file_id, project="ada", headers=remote.bearer(remote.server.admin_key))
    assert admins.json()["project"] == "ada", admins.text


async def test_without_a_worker_a_job_says_how_to_start_one(remote):
    first, second = await remote.queued(), await remote.queued(priority="high")
    queue = (await remote.job(first))["queue"]
    assert (queue["position"], queue["reason"]) == (2, "no_worker_connected")
    assert "tunesmith worker" in queue["message"]
    assert (await remote.job(second))["queue"]["position"] == 1


async def test_a_worker_that_cannot_run_it_is_named_with_what_it_lacks(remote):
    job_id = await remote.queued()
    await remote.claim("chatty", capabilities=ABLE | {"tasks": ["chat"]})
    queue = (await remote.job(job_id))["queue"]
    assert queue["reason"] == "no_worker_can_run_it"
    assert "Worker chatty takes chat jobs, not protein." in queue["message"]


async def test_a_busy_worker_and_then_none_are_told_apart(remote):
    running, waiting = await remote.queued(), await remote.queued()
    lease = (await remote.claim("w1", capabilities=ABLE)).json()
    taken = (await remote.job(running))["queue"]
    assert (taken["reason"], taken["position"]) == ("starting", None)
    queue = (await remote.job(waiting))["queue"]
    assert (queue["reason"], queue["position"]) == ("workers_busy", 1)
    await remote.report(lease)
    assert (await remote.job(running))["queue"] is None
    await remote.call(lease, "fail", failure_class="user", code="x", message="no")
    assert (await remote.job(waiting))["queue"]["reason"] == "starting"
    remote.server.app.state.clock.advance(121)
    assert (await remote.job(waiting))["queue"]["reason"] == "no_worker_connected"


async def test_a_base_that_is_large_for_the_workers_is_told_beside_the_reason(remote):
    job_id = await remote.queued()
    await remote.claim("small", capabilities=ABLE | {"memory_bytes": 1024**3, "tasks": ["protein"]}, wait_s=0)
    await remote.queued()
    queue = (await remote.job(job_id))["queue"]
    assert queue["reason"] == "starting"
    later = next(job for job in (await remote.get(JOBS))["data"] if job["id"] != job_id)
    assert "memory may run out" in later["queue"]["message"]


async def test_a_job_that_was_sent_back_and_a_paused_one_say_so(remote):
    job_id = await remote.queued()
    lease = (await remote.claim(capabilities=ABLE)).json()
    await remote.report(lease)
    await remote.call(lease, "fail", failure_class="infra", code="x", message="no disk")
    assert (await remote.job(job_id))["queue"]["reason"] == "backing_off"
    await remote.http.post(f"{JOBS}/{job_id}/pause", headers=remote.bearer())
    queue = (await remote.job(job_id))["queue"]
    assert (queue["reason"], queue["position"]) == ("paused", None)


async def test_files_that_are_being_read_are_the_first_reason(floor):
    from tunesmith.server.jobs import facts

    job_id = await floor.job(JobStatus.VALIDATING_FILES)
    async with floor.db.session() as session:
        row = await floor.row(job_id)
        known = await facts.gather(session, [row], 0.0)
    assert known.queues[job_id].reason == "validating_files"


async def test_a_page_of_jobs_costs_as_many_queries_as_one_job(floor):
    from sqlalchemy import event

    from tunesmith.server.jobs import facts

    ids = [await floor.job(priority=n % 3 - 1) for n in range(12)]
    running = [await floor.claim(f"w{n}") for n in range(4)]
    for token in running:
        await floor.report(token)
    rows = [await floor.row(job_id) for job_id in ids]
    counts = []
    few = [next(row for row in rows if row.status == status) for status in ("queued", "running")]
    for page in (few, rows):
        said: list[str] = []
        async with floor.db.session() as session:
            connection = (await session.connection()).sync_connection
            event.listen(connection, "before_cursor_execute", lambda *given, said=said: said.append(given[2]))
            await facts.gather(session, page, 1.0)
        counts.append(len(said))
    assert counts[0] == counts[1] <= 9
