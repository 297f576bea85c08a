"""One stream over everything that changes in a project."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import text

from tunesmith.schemas.accounts import KeyKind
from tunesmith.server.accounts import auth
from tunesmith.server.db import driver
from tunesmith.server.jobs import live as live_module
from tunesmith.server.jobs.live import View, live


@dataclass
class Told:
    """What one reader was told, frame by frame."""

    messages: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """(event, data)"""
    cursors: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    def take(self, frame: bytes) -> None:
        lines = frame.decode().removesuffix("\n\n").split("\n")
        if lines[0].startswith("event: "):
            self.messages.append((lines[0][7:], json.loads(lines[1].removeprefix("data: "))))
        elif lines[0].startswith("id: "):
            self.cursors.append(lines[0][4:])
        else:
            self.others.append(lines[0])

    def of(self, name: str) -> list[dict[str, Any]]:
        return [data for event, data in self.messages if event == name]

    def jobs(self, job_id: str) -> list[dict[str, Any]]:
        return [told["job"] for told in self.of("job") if told["job"]["id"] == job_id]

    def event_ids(self) -> list[str]:
        return [told["event"]["id"] for told in self.of("event")]

    def points(self) -> list[int]:
        return [point["step"] for told in self.of("metrics") for point in told["points"]]


async def caller_of(remote, key: str | None = None):
    kinds = frozenset(KeyKind)
    async with remote.server.app.state.db.session() as session:
        return await auth.authenticate_on(await driver(session), key or remote.key, kinds)


async def frames(remote, *watched: str, after: str | None = None, life_s: float = 60.0, key: str | None = None):
    state = remote.server.app.state
    return live(state.db, state.hub, await caller_of(remote, key), watched, after, life_s, 0.0)


@asynccontextmanager
async def reading(remote, *watched: str, **options: Any) -> AsyncIterator[tuple[Told, Callable[..., Any]]]:
    """A reader in the background, and a wait until what it was told is as wished."""
    told, changed = Told(), asyncio.Event()

    async def read() -> None:
        async for frame in await frames(remote, *watched, **options):
            told.take(frame)
            changed.set()

    async def until(true: Callable[[Told], Any]) -> Any:
        async with asyncio.timeout(10):
            while not (found := true(told)):
                changed.clear()
                await changed.wait()
        return found

    task = asyncio.create_task(read())
    try:
        await until(lambda told: told.cursors)
        yield told, until
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Looks follow each other at once instead of after two seconds."""
    monkeypatch.setattr(live_module, "LOOK_S", 0.02)


async def test_hello_comes_first_and_says_that_nothing_was_resumed(remote):
    async with reading(remote) as (told, _):
        name, hello = told.messages[0]
        assert (name, hello["object"], hello["resumed"]) == ("hello", "live.hello", False)
        assert hello["version"]


async def test_a_new_job_its_start_and_its_cancel_are_told_with_the_job_as_it_is_shown(remote):
    async with reading(remote) as (_, until):
        job_id = await remote.queued(suffix="mine")
        await until(lambda told: [j for j in told.jobs(job_id) if j["status"] == "queued"])
        lease = (await remote.claim()).json()
        await remote.report(lease, step=3, total=9)
        (running, *_) = await until(lambda told: [j for j in told.jobs(job_id) if j["progress"]["step"] == 3])
        assert running["status"] == "running"
        assert set(running) == set(await remote.job(job_id))
        await remote.http.post(f"/v1/fine_tuning/jobs/{job_id}/cancel", headers=remote.bearer())
        told = await until(lambda told: told if told.jobs(job_id)[-1]["status"] == "cancelled" else None)
        await until(lambda told: "Fine-tuning job was cancelled" in [e["event"]["message"] for e in told.of("event")])
        listed = (await remote.get(f"/v1/fine_tuning/jobs/{job_id}/events", limit=100))["data"]
        assert told.event_ids() == [event["id"] for event in listed[::-1]]


async def test_a_report_without_events_tells_the_job_again(remote):
    job_id = await remote.queued()
    lease = (await remote.claim()).json()
    await remote.report(lease, step=1, total=9)
    async with reading(remote) as (told, until):
        await until(lambda told: told.jobs(job_id))
        before = len(told.event_ids())
        await remote.report(lease, 2, step=2, total=9)
        await until(lambda told: told.jobs(job_id)[-1]["progress"]["step"] == 2)
        assert len(told.event_ids()) == before


async def test_only_a_watched_job_gets_points_and_its_worker_reports_more_often(remote):
    watched, other = await remote.queued(), await remote.queued()
    leases = {lease["job_id"]: lease for lease in [(await remote.claim(w)).json() for w in ("w1", "w2")]}
    item = {"step": 1, "values": {"train_loss": 1.5}, "at": 0}
    async with reading(remote, watched) as (told, until):
        assert (await remote.report(leases[other]))["next_s"] == 10
        assert (await remote.report(leases[watched]))["next_s"] == 2
        for lease in leases.values():
            await remote.report(lease, 2, metrics={"first_seq": 0, "items": [item]})
        await until(lambda told: told.of("metrics"))
        await remote.http.post(f"/v1/fine_tuning/jobs/{other}/cancel", headers=remote.bearer())
        await until(lambda told: told.jobs(other) and told.jobs(other)[-1]["status"] == "cancelled")
    assert [(m["job_id"], m["points"][0]["values"]) for m in told.of("metrics")] == [(watched, {"train_loss": 1.5})]


async def test_a_watched_jobs_report_wakes_the_reader(remote, monkeypatch):
    monkeypatch.setattr(live_module, "LOOK_S", 60.0)
    job_id = await remote.queued()
    lease = (await remote.claim()).json()
    async with reading(remote, job_id) as (_, until):
        item = {"step": 7, "values": {"train_loss": 1.5}, "at": 0}
        await remote.report(lease, metrics={"first_seq": 0, "items": [item]})
        await until(lambda told: told.points() == [7])


async def test_another_projects_jobs_are_never_told_also_when_watched_and_an_admin_is_told_all(remote):
    job_id = await remote.queued()
    bob = await remote.server.new_user("bob")
    async with (
        reading(remote, job_id, key=bob) as (bobs, _),
        reading(remote, key=remote.server.admin_key) as (_, until),
        reading(remote, job_id) as (_, own),
    ):
        lease = (await remote.claim()).json()
        item = {"step": 1, "values": {"train_loss": 1.5}, "at": 0}
        await remote.report(lease, metrics={"first_seq": 0, "items": [item]})
        await own(lambda told: told.of("metrics") and told.jobs(job_id))
        await until(lambda told: told.jobs(job_id) and told.of("event"))
        looked = len(bobs.cursors)
        bobs_job = (await remote.http.post(
            "/v1/fine_tuning/jobs", headers=remote.bearer(bob), json={
                "model": "protein-mini", "training_file": await upload_of(remote, bob)})).json()["id"]  # fmt: skip
    async with reading(remote, job_id, key=bob, after=bobs.cursors[0]) as (again, until):
        await until(lambda told: told.jobs(bobs_job) and told.of("event"))
    assert looked
    for told in (bobs, again):
        assert job_id not in json.dumps(told.messages)


async def upload_of(remote, key: str) -> str:
    reply = await remote.http.post(
        "/v1/files",
        files={"file": ("t.fasta", b"".join(b">s%d\nMKVACDEFGH%s\n" % (n, b"ACDEFGHIKL"[: n + 1]) for n in range(10)))},
        data={"purpose": "fine-tune"},
        headers=remote.bearer(key),
    )
    return reply.json()["id"]


async def test_watching_anothers_job_does_not_hasten_its_worker(remote):
    job_id = await remote.queued()
    lease = (await remote.claim()).json()
    bob = await remote.server.new_user("bob")
    async with reading(remote, job_id, key=bob):
        assert (await remote.report(lease))["next_s"] == 10


async def test_a_reader_that_comes_back_misses_nothing_while_writers_race(remote):
    """It leaves again and again, also in the middle of a look, and goes on from its last cursor."""
    job_id = await remote.queued()
    lease = (await remote.claim()).json()
    await remote.report(lease)
    told, done = Told(), asyncio.Event()

    async def read() -> None:
        last_round = False
        while not last_round:
            last_round = done.is_set()
            cursor = told.cursors[-1] if told.cursors else None
            async with aclosing(await frames(remote, job_id, after=cursor)) as stream:
                n = 0
                async for frame in stream:
                    told.take(frame)
                    n += 1
                    if n == (400 if last_round else 7) or (last_round and told.others):
                        break
                    if last_round and frame.startswith(b"id: "):
                        break

    async def report() -> None:
        for n in range(30):
            item = {"step": n, "values": {"train_loss": 1.0}, "at": 0}
            await remote.report(lease, n + 2, metrics={"first_seq": n, "items": [item]})

    async def pause() -> None:
        for n in range(30):
            what = "resume" if n % 2 else "pause"
            await remote.http.post(f"/v1/fine_tuning/jobs/{job_id}/{what}", headers=remote.bearer())

    async with asyncio.timeout(30):
        task = asyncio.create_task(read())
        await asyncio.gather(report(), pause())
        done.set()
        await task
    listed = (await remote.get(f"/v1/fine_tuning/jobs/{job_id}/events", limit=1000))["data"]
    spoken = {event["id"] for event in listed if event["type"] == "message"}
    assert len(spoken) > 30
    assert spoken <= set(told.event_ids())
    assert set(range(30)) <= set(told.points())


async def test_what_committed_late_is_still_told(remote):
    """An event carries the time at which its transaction began, and a reader may look past that before it commits."""
    job_id = await remote.queued()
    db = remote.server.app.state.db
    async with reading(remote) as (told, until):
        looked = len(told.cursors)
        async with db.session() as session:
            connection = await driver(session)
            await connection.execute("SELECT 1")  # the transaction begins here
            other = await remote.queued()  # and the reader looks meanwhile
            await until(lambda told: told.jobs(other))
            await until(lambda told: len(told.cursors) > looked)
            await live_module.events.append(connection, job_id, [live_module.events.Entry("late")])
        await until(lambda told: "late" in [e["event"]["message"] for e in told.of("event")])


async def test_a_gap_is_told_and_one_that_is_too_long_is_said_to_be(remote):
    async with reading(remote) as (told, _):
        cursor = told.cursors[-1]
    job_id = await remote.queued()
    async with reading(remote, after=cursor) as (told, until):
        assert told.of("hello")[0]["resumed"] is True
        await until(lambda told: told.jobs(job_id))
    remote.server.app.state.clock.advance(live_module.REMEMBERED.total_seconds() + 1)
    async with reading(remote, after=cursor) as (told, _):
        assert told.of("hello")[0]["resumed"] is False
        assert told.event_ids() == []


async def test_more_events_than_one_look_takes_are_all_told_once(remote, monkeypatch):
    monkeypatch.setattr(live_module, "EVENTS_AT_ONCE", 3)
    job_id, other = await remote.queued(), await remote.queued()
    async with reading(remote) as (_, until):
        for each in (job_id, other):
            for n in range(8):
                what = "resume" if n % 2 else "pause"
                await remote.http.post(f"/v1/fine_tuning/jobs/{each}/{what}", headers=remote.bearer())
        listed = [
            event["id"]
            for each in (job_id, other)
            for event in (await remote.get(f"/v1/fine_tuning/jobs/{each}/events", limit=100))["data"]
        ]
        told = await until(lambda told: told if set(listed) <= set(told.event_ids()) else None)
        assert len(told.event_ids()) == len(set(told.event_ids()))


async def test_a_job_is_told_at_most_once_in_the_time_of_a_look(remote, monkeypatch):
    job_id = await remote.queued()
    lease = (await remote.claim()).json()
    await remote.report(lease)
    monkeypatch.setattr(live_module, "LOOK_S", 0.5)
    async with reading(remote, job_id) as (told, until):  # each report of a watched job is a look
        for n in range(20):
            item = {"step": n, "values": {"train_loss": 1.0}, "at": 0}
            await remote.report(lease, n + 2, step=n, metrics={"first_seq": n, "items": [item]})
        await until(lambda told: told.points() and told.points()[-1] == 19)
        await until(lambda told: told.jobs(job_id) and told.jobs(job_id)[-1]["progress"]["step"] == 19)
    assert len(told.jobs(job_id)) <= 6


async def test_a_stream_ends_its_life_and_with_its_server_by_asking_to_come_back(remote):
    told = Told()
    async for frame in await frames(remote, life_s=0.0):
        told.take(frame)
    assert (told.others, len(told.cursors)) == (["retry: 1000"], 1)
    stopping = Told()
    async with asyncio.timeout(5), aclosing(await frames(remote)) as stream:
        stopping.take(await anext(stream))
        remote.server.app.state.stopping.set()
        async for frame in stream:
            stopping.take(frame)
    assert stopping.others == ["retry: 1000"]


async def test_a_quiet_stream_is_kept_alive_and_moves_its_cursor(remote, monkeypatch):
    monkeypatch.setattr(live_module, "KEEP_ALIVE_S", 0.02)
    async with reading(remote) as (_, until):
        told = await until(lambda told: told if len(told.cursors) > 3 else None)
        assert [name for name, _ in told.messages] == ["hello"]
        assert told.cursors == sorted(told.cursors)


async def test_over_http_it_is_an_event_stream_that_takes_up_by_header_or_query(make_server, make_remote):
    async with make_server(event_stream_life_s=0.0) as server:
        remote = await make_remote(server)
        reply = await remote.http.get("/v1/live", headers=remote.bearer())
        assert reply.headers["content-type"].startswith("text/event-stream")
        cursor = next(line[4:] for line in reply.text.split("\n") if line.startswith("id: "))
        for given in ({"params": {"after": cursor}}, {"headers": {"Last-Event-ID": cursor}}):
            headers = remote.bearer() | given.pop("headers", {})
            again = await remote.http.get("/v1/live", headers=headers, **given)
            assert '"resumed":true' in again.text.split("\n\n")[0]
        wrong = await remote.http.get("/v1/live", headers=remote.bearer(), params={"after": "ftevent-1"})
        assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "after")
        many = await remote.http.get("/v1/live", headers=remote.bearer(), params={"watch": ["ftjob-x"] * 9})
        assert many.status_code == 400


MANY = 10_000
FILL = """
INSERT INTO jobs (id, project_id, created_by, organization, model, base, model_name, family, training_file, inputs,
  task, adaptation, backend, provider, validation_split, wanted, seed, status, created_at)
SELECT 'ftjob-many' || n, project_id, created_by, organization, model, base, 'ft:many:' || n, family, training_file,
  inputs, task, adaptation, backend, provider, validation_split, wanted, seed, 'validating_files',
  tunesmith_now() - interval '1 hour' - n * interval '1 minute'
FROM jobs CROSS JOIN generate_series(1, :many) n WHERE id = :job_id"""
FILL_EVENTS = """
INSERT INTO job_events (job_id, seq, created_at, level, type, message, data)
SELECT id, n, created_at + n * interval '1 second', 'info', 'metrics', NULL, '{"step": 1, "train_loss": 1.5}'
FROM jobs CROSS JOIN generate_series(1, 20) n WHERE id LIKE 'ftjob-many%' ORDER BY created_at"""


async def test_among_ten_thousand_jobs_a_look_reads_what_is_new_and_no_more(remote):
    job_id = await remote.queued()
    async with remote.server.app.state.db.session() as session:
        await session.execute(text(FILL), {"many": MANY, "job_id": job_id})
        await session.execute(text("UPDATE jobs SET status = 'cancelled' WHERE id LIKE 'ftjob-many%'"))
        await session.execute(text(FILL_EVENTS))
        for statement in ("SELECT brin_summarize_new_values('ix_job_events_created')", "ANALYZE jobs, job_events"):
            await session.execute(text(statement))
    for key in (remote.key, remote.server.admin_key):
        view = View(await caller_of(remote, key), frozenset([job_id]), None, 0.0)
        async with remote.server.app.state.db.session() as session:
            await view.begin(session)
            told = await view.look(session)
            assert {message.object for message in told} == {"live.event", "live.job"}
            for statement in (view.events_statement(), view.leased_statement()):
                plan = await explained(session, statement)
                assert "Seq Scan" not in plan, plan


async def explained(session, statement) -> str:
    compiled = statement.compile(dialect=session.bind.dialect, compile_kwargs={"render_postcompile": True})
    rows = await (await driver(session)).execute(f"EXPLAIN {compiled.string}", compiled.params)
    return "\n".join(row[0] for row in await rows.fetchall())
