"""The protocol as a state machine: any order of calls by several workers, users, sweeps and outages, against a model.

What holds after every step: states are as the model says; at most one attempt of a job is live; epochs grow; a job has
a model version if and only if it succeeded; a token that holds nothing changes nothing.
"""

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tunesmith.schemas.errors import AlreadyTerminal, LeaseLost, StateConflict
from tunesmith.server.jobs import reaper, service

TTL_S, START_S, DRAIN_S, DEATHS = 60.0, 20.0, 60.0, 3
BACK_OFF = 10
"""Times the usual pauses, without their jitter: far enough from zero that the real clock cannot matter."""
TERMINAL = {"succeeded", "failed", "cancelled"}
TABLES = (
    "jobs, attempts, job_events, job_logs, model_versions, model_families, checkpoints, uploads, clockwork, files, "
    "dataset_versions"
)


@dataclass
class ModelJob:
    """What the model knows of a job. `deadline` is the model's time at which the live lease runs out."""

    status: str = "queued"
    epoch: int = 0
    live: Any = None
    started: bool = False
    deadline: float = 0.0
    not_before: float = 0.0
    """It may be claimed at this time at the latest."""
    pause_requested: bool = False
    step: int = 0
    deaths: dict[str, int] = field(default_factory=lambda: {"step": -1, "count": 0})
    requeues: int = 0
    oom_retries: int = 0

    @property
    def draining(self) -> bool:
        return self.live is not None and self.status in TERMINAL


def machine(floor: Any, result: Any, loop: asyncio.Runner) -> type[RuleBasedStateMachine]:
    class Protocol(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            loop.run(self._clear())
            self.now = 0.0
            self.hold_until = 0.0
            self.jobs: dict[str, ModelJob] = {}
            self.tokens: list[Any] = []
            self.ended_by: dict[Any, tuple[str, Any]] = {}
            self.claims: dict[Any, tuple[str, UUID]] = {}
            self.uploads: dict[Any, str] = {}

        async def _clear(self) -> None:
            async with floor.db.lean() as connection:
                await connection.execute(f"TRUNCATE {TABLES}")

        # Users.

        @initialize()
        def first_job(self) -> None:
            self.submit()

        @precondition(lambda self: len(self.jobs) < 4)
        @rule()
        def submit(self) -> None:
            self.jobs[loop.run(floor.job())] = ModelJob(not_before=self.now)

        @rule(data=st.data(), what=st.sampled_from(["cancel", "pause", "resume"]))
        def user(self, data: Any, what: str) -> None:
            job_id = data.draw(st.sampled_from(list(self.jobs)))
            job = self.jobs[job_id]
            allowed = {
                "cancel": job.status not in TERMINAL,
                "pause": job.status in ("queued", "running", "paused"),
                "resume": job.status == "paused" or (job.status == "running" and job.pause_requested),
            }[what]
            if not allowed:
                with pytest.raises(StateConflict):
                    loop.run(self._user(what, job_id))
                return
            loop.run(self._user(what, job_id))
            if what == "cancel":
                job.status = "cancelled"
                if job.live is not None:
                    job.deadline = self.now + DRAIN_S
            elif what == "pause" and job.status == "queued":
                job.status, job.live = "paused", None
            elif what == "pause" and job.status == "running":
                job.pause_requested = True
            elif what == "resume":
                if job.status == "paused":
                    job.status, job.not_before = "queued", self.now
                job.pause_requested = False

        async def _user(self, what: str, job_id: str) -> None:
            async with floor.db.session() as session:
                await getattr(service, what)(session, floor.owner, job_id)

        # Workers.

        @rule(worker=st.sampled_from(["w1", "w2", "w3"]))
        def claim(self, worker: str) -> None:
            claim_id = uuid4()
            token = loop.run(floor.claim(worker, claim_id=claim_id))
            waiting = {i: j for i, j in self.jobs.items() if j.status == "queued" and j.live is None}
            if token is None:
                assert not [i for i, j in waiting.items() if j.not_before <= self.now]
                return
            assert waiting[token.job_id].not_before <= self.now
            job = self.jobs[token.job_id]
            assert token.epoch == job.epoch + 1
            job.epoch, job.live, job.started, job.deadline = token.epoch, token, False, self.now + START_S
            self.tokens.append(token)
            self.claims[token] = (worker, claim_id)

        @precondition(lambda self: self.claims)
        @rule(data=st.data())
        def lost_claim_reply(self, data: Any) -> None:
            token = data.draw(st.sampled_from(self.tokens))
            job = self.jobs[token.job_id]
            if job.live == token and job.status in ("queued", "running"):
                worker, claim_id = self.claims[token]
                assert loop.run(floor.claim(worker, claim_id=claim_id)) == token

        @precondition(lambda self: self.tokens)
        @rule(data=st.data(), step=st.integers(0, 2), duplicate=st.booleans())
        def report(self, data: Any, step: int, duplicate: bool) -> None:
            token = data.draw(st.sampled_from(self.tokens))
            job = self.jobs[token.job_id]
            if job.live != token:
                self._refused(floor.report(token, step=step), job)
                return
            reply = loop.run(floor.report(token, step=step))
            if job.draining:
                assert reply.command == "cancel"
                return
            if not job.started:
                job.status, job.started, job.pause_requested = "running", True, False
            job.step, job.deadline = step, self.now + TTL_S
            assert reply.command == ("pause" if job.pause_requested else "none")
            if duplicate:
                loop.run(floor.report(token, report_seq=floor.seqs[token], step=step + 1))

        @precondition(lambda self: self.tokens)
        @rule(data=st.data(), how=st.sampled_from(["user", "oom", "internal", "infra", "release", "complete"]))
        def end(self, data: Any, how: str) -> None:
            token = data.draw(st.sampled_from(self.tokens))
            job = self.jobs[token.job_id]
            if job.live != token:
                if self.ended_by.get(token, ("",))[0] == how:
                    assert loop.run(self._end(token, how)) == self.ended_by[token][1]
                else:
                    self._refused(self._end(token, how), job)
                return
            if job.draining and how == "complete":
                self._refused(self._end(token, how), job)
                return
            reply = loop.run(self._end(token, how))
            drained = job.draining
            job.live = None
            if not drained:
                self._after(job, how)
                self.ended_by[token] = (how, reply)
            assert reply.status == job.status

        async def _end(self, token: Any, how: str) -> Any:
            if how == "release":
                return await floor.release(token)
            if how == "complete":
                if token not in self.uploads:
                    self.uploads[token] = await floor.result(token)
                return await floor.complete(token, result, self.uploads[token])
            return await floor.fail(token, how)

        def _after(self, job: ModelJob, how: str) -> None:
            if how == "complete":
                job.status = "succeeded"
            elif how == "user" or (how == "oom" and job.oom_retries):
                job.status = "failed"
            elif job.pause_requested:
                job.status, job.pause_requested = "paused", False
            else:
                self._requeued(
                    job, {"release": "nothing", "oom": "nothing", "infra": "requeue", "internal": "death"}[how]
                )
            job.oom_retries += how == "oom" and job.status != "failed"

        def _requeued(self, job: ModelJob, charge: str) -> None:
            job.status, job.not_before = "queued", self.now
            if charge == "nothing":
                return
            job.not_before = self.now + BACK_OFF * min(2.0**job.requeues, 300)
            if charge == "death":
                job.deaths = {
                    "step": job.step,
                    "count": job.deaths["count"] + 1 if job.deaths["step"] == job.step else 1,
                }
                if job.deaths["count"] >= DEATHS:
                    job.status = "failed"
                    return
            job.requeues += 1

        def _refused(self, call: Any, job: ModelJob) -> None:
            with pytest.raises(AlreadyTerminal if job.status in TERMINAL else LeaseLost):
                loop.run(call)

        # Time.

        @rule(seconds=st.sampled_from([1.0, 12.0, 25.0, 65.0, 310.0]))
        def advance(self, seconds: float) -> None:
            self._advance(seconds)

        def _advance(self, seconds: float) -> float:
            """Never to within five seconds of a deadline: the real clock moves a little too."""
            jobs = self.jobs.values()
            edges = [self.hold_until, *(j.not_before for j in jobs), *(j.deadline for j in jobs if j.live is not None)]
            while any(abs(self.now + seconds - edge) < 5 for edge in edges):
                seconds += 6
            self.now += seconds
            floor.clock.advance(seconds)
            return seconds

        @rule()
        def sweep(self) -> None:
            loop.run(floor.sweep())
            for job in self.jobs.values():
                if job.live is None or job.deadline > self.now or (self.now < self.hold_until and not job.draining):
                    continue
                drained, job.live = job.draining, None
                if drained:
                    continue
                if job.pause_requested:
                    job.status, job.pause_requested = "paused", False
                else:
                    self._requeued(job, "death" if job.started else "nothing")

        @rule(seconds=st.sampled_from([2.0, 30.0, 900.0]))
        def outage(self, seconds: float) -> None:
            loop.run(reaper.beat(floor.db))
            seconds = self._advance(seconds)
            loop.run(reaper.forgive_downtime(floor.db, floor.settings))
            for job in self.jobs.values():
                job.deadline += seconds
            if seconds > 10:
                self.hold_until = self.now + TTL_S

        # What must always hold.

        @invariant()
        def the_database_agrees_with_the_model(self) -> None:
            for job_id, (status, epoch, live, versions, held) in loop.run(self._rows()).items():
                job = self.jobs[job_id]
                assert (status, epoch) == (job.status, job.epoch)
                assert live == held == (1 if job.live is not None else 0)
                assert versions == (1 if status == "succeeded" else 0)

        async def _rows(self) -> dict[str, tuple[Any, ...]]:
            async with floor.db.lean() as connection:
                found = await connection.execute(
                    "SELECT id, status, epoch,"
                    " (SELECT count(*) FROM attempts a WHERE a.job_id = j.id AND phase <> 'ended'),"
                    " (SELECT count(*) FROM model_versions m WHERE m.job_id = j.id),"
                    " CASE WHEN claim_id IS NULL THEN 0 ELSE 1 END FROM jobs j"
                )
                return {row[0]: row[1:] for row in await found.fetchall()}

    return Protocol


def test_no_order_of_calls_breaks_the_protocol(make_floor, result, monkeypatch):
    monkeypatch.setattr(random, "uniform", lambda low, high: BACK_OFF)
    with asyncio.Runner() as loop:
        floor = loop.run(make_floor())
        try:
            run_state_machine_as_test(
                machine(floor, result, loop),
                settings=settings(
                    max_examples=60,
                    stateful_step_count=40,
                    deadline=None,
                    print_blob=True,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            floor.blobs.close()
            loop.run(floor.db.close())
