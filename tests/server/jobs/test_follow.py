"""Following a job's events as they happen."""

import asyncio
import json
from contextlib import aclosing

from tunesmith.server.jobs import follow as follow_module
from tunesmith.server.jobs.follow import follow


def parsed(frames):
    """(id, event) of each message; comments, retry hints and [DONE] as text."""
    found = []
    for frame in frames:
        lines = frame.decode().strip().split("\n")
        if lines[0].startswith("id: "):
            found.append((lines[0][4:], json.loads(lines[1].removeprefix("data: "))))
        else:
            found.append(lines[0])
    return found


def stream(remote, job_id, after_seq=0, life_s=60.0):
    state = remote.server.app.state
    return follow(state.db, state.hub, job_id, after_seq, life_s)


async def test_a_stream_of_a_finished_job_tells_all_and_ends(remote, trained):
    path = f"/v1/fine_tuning/jobs/{trained['id']}/events"
    reply = await remote.http.get(path, params={"stream": "true"}, headers=remote.bearer())
    assert reply.headers["content-type"].startswith("text/event-stream")
    told = parsed(reply.content.split(b"\n\n")[:-1])
    assert told[-1] == "data: [DONE]"
    listed = (await remote.get(path, limit=100))["data"][::-1]
    assert [event for _, event in told[:-1]] == listed
    assert [event_id for event_id, _ in told[:-1]] == [event["id"] for event in listed]


async def test_last_event_id_resumes_without_gap_or_duplicate(remote, trained):
    path = f"/v1/fine_tuning/jobs/{trained['id']}/events"
    listed = [event["id"] for event in (await remote.get(path, limit=100))["data"][::-1]]
    for place in (0, 3, len(listed) - 1):
        headers = remote.bearer() | {"Last-Event-ID": listed[place]}
        reply = await remote.http.get(path, params={"stream": "true"}, headers=headers)
        told = parsed(reply.content.split(b"\n\n")[:-1])
        assert [event_id for event_id, _ in told[:-1]] == listed[place + 1 :]
    wrong = await remote.http.get(
        path, params={"stream": "true"}, headers=remote.bearer() | {"Last-Event-ID": "ftevent-x-1"}
    )
    assert wrong.status_code == 400


async def test_events_arrive_while_the_job_runs_and_the_worker_is_asked_to_report_more_often(remote):
    job_id = await remote.queued()
    lease = (await remote.claim()).json()
    assert (await remote.report(lease))["next_s"] == 10
    told: list[bytes] = []

    async def read():
        async for frame in stream(remote, job_id):
            told.append(frame)

    reading = asyncio.create_task(read())
    async with asyncio.timeout(10):
        while len(told) < 4:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert (await remote.report(lease, 2))["next_s"] == 2
        item = {"step": 1, "values": {"train_loss": 1.5}, "at": 0}
        await remote.report(lease, 3, metrics={"first_seq": 0, "items": [item]})
        await remote.call(lease, "fail", failure_class="user", code="bad", message="no such thing")
        await reading
    messages = [entry[1]["message"] for entry in parsed(told) if isinstance(entry, tuple)]
    assert messages[-2:] == ["Step 1: training loss=1.5", "The job failed: no such thing"]
    assert told[-1] == b"data: [DONE]\n\n"


async def test_many_readers_lose_nothing_while_two_writers_race(remote):
    """Reports and a user's pauses write the same job's log; each reader sees every event once and in order."""
    job_id = await remote.queued()
    lease = (await remote.claim()).json()
    await remote.report(lease)
    told: list[list[bytes]] = [[] for _ in range(8)]

    async def read(mine):
        async for frame in stream(remote, job_id):
            mine.append(frame)

    async def report():
        for n in range(30):
            item = {"step": n, "values": {"train_loss": 1.0}, "at": 0}
            await remote.report(lease, n + 2, metrics={"first_seq": n, "items": [item]})

    async def pause():
        for n in range(30):
            what = "resume" if n % 2 else "pause"
            await remote.http.post(f"/v1/fine_tuning/jobs/{job_id}/{what}", headers=remote.bearer())

    readers = [asyncio.create_task(read(mine)) for mine in told]
    async with asyncio.timeout(20):
        await asyncio.gather(report(), pause())
        await remote.http.post(f"/v1/fine_tuning/jobs/{job_id}/cancel", headers=remote.bearer())
        await asyncio.gather(*readers)
    listed = [e["id"] for e in (await remote.get(f"/v1/fine_tuning/jobs/{job_id}/events", limit=1000))["data"][::-1]]
    assert len(listed) > 60
    for mine in told:
        assert [entry[0] for entry in parsed(mine) if isinstance(entry, tuple)] == listed


async def test_a_stream_ends_its_life_with_a_hint_to_come_back(remote):
    job_id = await remote.queued()
    frames = [frame async for frame in stream(remote, job_id, life_s=0.0)]
    assert parsed(frames)[-1] == "retry: 1000"


async def test_a_stopping_server_ends_its_streams(remote):
    job_id = await remote.queued()
    async with asyncio.timeout(5), aclosing(stream(remote, job_id)) as frames:
        first = await anext(frames)
        assert first.startswith(b"id: ")
        remote.server.app.state.stopping.set()
        rest = [frame async for frame in frames]
    assert rest[-1].startswith(b"retry:")


async def test_a_quiet_stream_is_kept_alive(remote, monkeypatch):
    monkeypatch.setattr(follow_module, "KEEP_ALIVE_S", 0.02)
    job_id = await remote.queued()
    async with asyncio.timeout(5), aclosing(stream(remote, job_id, after_seq=3)) as frames:
        assert [await anext(frames), await anext(frames)] == [b": keep-alive\n\n"] * 2


async def test_readers_go_on_when_the_listening_connection_is_cut(remote, monkeypatch):
    monkeypatch.setattr(follow_module, "POLL_S", 0.05)
    job_id = await remote.queued()
    told: list[bytes] = []

    async def read():
        async for frame in stream(remote, job_id):
            told.append(frame)

    reading = asyncio.create_task(read())
    async with asyncio.timeout(10):
        while len(told) < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        async with remote.server.app.state.db.lean() as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%%'"
                " AND datname = current_database()"
            )
        await remote.http.post(f"/v1/fine_tuning/jobs/{job_id}/cancel", headers=remote.bearer())
        await reading
    assert told[-1] == b"data: [DONE]\n\n"
