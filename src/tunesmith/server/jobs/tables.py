"""Jobs, their attempts, the workers that made them, and what the clockwork must remember."""

import datetime as dt
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from tunesmith.schemas.jobs import Priority
from tunesmith.server.db import Base

NOW = text("tunesmith_now()")
ZERO = text("0")
RANKS = {Priority.LOW: -1, Priority.NORMAL: 0, Priority.HIGH: 1}
"""Priorities as they are stored: the higher is claimed first."""
CONNECTED = dt.timedelta(seconds=120)
"""A worker that was heard of so lately is there: a waiting one asks for work at least once a minute."""


class JobRow(Base):
    """A job, its lease, and where its run stands.

    Its row lock is the one that orders everything: a worker's write, a cancel and the sweep each take it first.
    `status` is written by states.py alone; the lease columns by queue.py, renewal.py and states.py.
    """

    __tablename__ = "jobs"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    created_by: Mapped[str] = mapped_column(ForeignKey("users.id"))
    organization: Mapped[str] = mapped_column(String(64))
    """The project's slug when the job was made: ORG in the model's name."""

    # What was asked.
    model: Mapped[str] = mapped_column(String(320))
    base: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """The base's catalogue entry."""
    parent_model: Mapped[str | None] = mapped_column(String(320))
    """The tuned model to continue from."""
    model_name: Mapped[str] = mapped_column(String(320), unique=True)
    """The name that the tuned model will have: ft:BASE:ORG:SUFFIX:ID."""
    family: Mapped[str] = mapped_column(String(128))
    training_file: Mapped[str] = mapped_column(String(40))
    validation_file: Mapped[str | None] = mapped_column(String(40))
    inputs: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """The files as pinned at submission: training and validation, each {name, format, sha256, size_bytes}."""
    task: Mapped[str] = mapped_column(String(32))
    method: Mapped[str] = mapped_column(String(16), server_default=text("'supervised'"))
    adaptation: Mapped[str] = mapped_column(String(16))
    backend: Mapped[str] = mapped_column(String(32))
    provider: Mapped[str] = mapped_column(String(32))
    validation_split: Mapped[float] = mapped_column(Float)
    wanted: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """Hyperparameters as asked, `auto` among them."""
    delivery: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """Where the model is pushed to: {repo, weights}."""
    seed: Mapped[int] = mapped_column(BigInteger)
    suffix: Mapped[str | None] = mapped_column(String(64))
    name: Mapped[str | None] = mapped_column(String(120))
    """What a person calls it."""
    priority: Mapped[int] = mapped_column(SmallInteger, server_default=ZERO)
    """-1 low, 0 normal, 1 high: the higher is claimed first."""
    labels: Mapped[dict[str, str] | None] = mapped_column("metadata", JSONB(none_as_null=True))

    # Its state.
    status: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), server_default=NOW)
    queued_at: Mapped[dt.datetime | None] = mapped_column(DateTime(timezone=True))
    not_before: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), server_default=NOW)
    started_at: Mapped[dt.datetime | None] = mapped_column(DateTime(timezone=True))
    finished_at: Mapped[dt.datetime | None] = mapped_column(DateTime(timezone=True))
    error: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    pause_requested: Mapped[bool] = mapped_column(server_default=text("false"))
    checking_until: Mapped[dt.datetime | None] = mapped_column(DateTime(timezone=True))
    """Some server reads the files until then."""
    watched_until: Mapped[dt.datetime | None] = mapped_column(DateTime(timezone=True))
    """Somebody follows the job's events until then: workers report more often and readers are woken."""

    # The lease, of the one live attempt.
    epoch: Mapped[int] = mapped_column(BigInteger, server_default=ZERO)
    """The fence: +1 on every claim, never reset."""
    claim_id: Mapped[UUID | None]
    worker_id: Mapped[str | None] = mapped_column(String(64))
    lease_expires_at: Mapped[dt.datetime | None] = mapped_column(DateTime(timezone=True))
    report_seq: Mapped[int] = mapped_column(BigInteger, server_default=ZERO)
    next_metric: Mapped[int] = mapped_column(BigInteger, server_default=ZERO)
    next_log: Mapped[int] = mapped_column(BigInteger, server_default=ZERO)
    next_event: Mapped[int] = mapped_column(BigInteger, server_default=ZERO)
    resume_step: Mapped[int] = mapped_column(BigInteger, server_default=ZERO)
    """Step of the checkpoint that the epoch goes on from."""
    completing_since: Mapped[dt.datetime | None] = mapped_column(DateTime(timezone=True))
    """First complete of this epoch that came before all of its streams had."""

    # The run.
    phase: Mapped[str | None] = mapped_column(String(64))
    phases: Mapped[list[Any] | None] = mapped_column(JSONB(none_as_null=True), deferred=True)
    """Each change of phase: [phase, seconds since 1970, epoch]. Not read with the row."""
    step: Mapped[int] = mapped_column(BigInteger, server_default=ZERO)
    total_steps: Mapped[int | None] = mapped_column(BigInteger)
    eta_s: Mapped[float | None] = mapped_column(Float)
    progress_at: Mapped[dt.datetime | None] = mapped_column(DateTime(timezone=True))
    """Last time that step or phase moved."""
    hyperparameters: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """The numbers used, once the run has told them."""
    checkup: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True), deferred=True)
    """What the run found in its data. Not read with the row: it holds pieces of records."""
    resources: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """What the run used when its worker last reported."""
    oom_retries: Mapped[int] = mapped_column(Integer, server_default=ZERO)
    """Times that memory ran out and the job was queued again with smaller micro-batches."""
    attempts: Mapped[int] = mapped_column(Integer, server_default=ZERO)
    """Attempts that started."""
    requeues: Mapped[int] = mapped_column(Integer, server_default=ZERO)
    """Times the job went back to the queue through no wish of anybody: back-off and the cap count it."""
    failed_step: Mapped[int | None] = mapped_column(BigInteger)
    """Step at which the last attempt died ..."""
    failed_there: Mapped[int] = mapped_column(Integer, server_default=ZERO)
    """... and how many in a row died at that step."""

    # The outcome.
    fine_tuned_model: Mapped[str | None] = mapped_column(String(320))
    result_file: Mapped[str | None] = mapped_column(String(40))
    trained_tokens: Mapped[int | None] = mapped_column(BigInteger)

    __table_args__ = (
        Index(
            "ix_jobs_claimable",
            text("priority DESC"),
            "created_at",
            "id",
            postgresql_where=text("status = 'queued' AND claim_id IS NULL"),
        ),
        Index("ix_jobs_leased", "id", postgresql_where=text("claim_id IS NOT NULL")),
        Index("ix_jobs_claim", "claim_id", unique=True, postgresql_where=text("claim_id IS NOT NULL")),
        Index("ix_jobs_checking", "created_at", postgresql_where=text("status = 'validating_files'")),
        Index("ix_jobs_listed", "project_id", "created_at", "id"),
        Index("ix_jobs_newest", "created_at", "id"),
        Index("ix_jobs_training_file", "training_file"),
        {"postgresql_with": {"fillfactor": "70"}},
    )


class AttemptRow(Base):
    """One claim of a job: leased, started, ended. At most one of a job has not ended."""

    __tablename__ = "attempts"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    epoch: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    claim_id: Mapped[UUID]
    worker_id: Mapped[str] = mapped_column(String(64))
    session_id: Mapped[str] = mapped_column(String(64))
    phase: Mapped[str] = mapped_column(String(8))
    """leased, started or ended"""
    outcome: Mapped[str | None] = mapped_column(String(16))
    """succeeded, failed, cancelled, lost, released or paused"""
    claimed_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), server_default=NOW)
    started_at: Mapped[dt.datetime | None] = mapped_column(DateTime(timezone=True))
    ended_at: Mapped[dt.datetime | None] = mapped_column(DateTime(timezone=True))
    end_step: Mapped[int | None] = mapped_column(BigInteger)
    outcome_digest: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    """sha256 of the call that ended it: the same call again gets `outcome_reply` again, for 24 h."""
    outcome_reply: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))

    __table_args__ = (Index("ix_attempts_live", "job_id", unique=True, postgresql_where=text("phase <> 'ended'")),)


class JobLogRow(Base):
    """A line that a run wrote. Its key is its place in the worker's stream, so no line can be stored twice."""

    __tablename__ = "job_logs"

    job_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    epoch: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    created_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), server_default=NOW)
    stream: Mapped[str] = mapped_column(String(8))
    text: Mapped[str] = mapped_column(Text)


class WorkerRow(Base):
    """A worker: the id it chose, bound to the key that first used it."""

    __tablename__ = "workers"

    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    key_id: Mapped[str] = mapped_column(ForeignKey("api_keys.id"))
    session_id: Mapped[str] = mapped_column(String(64))
    capabilities: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), server_default=NOW)
    last_seen_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), server_default=NOW)


class ClockworkRow(Base):
    """The clockwork's memory, one row: when some server was last alive, and until when no lease may expire."""

    __tablename__ = "clockwork"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    alive_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True))
    hold_until: Mapped[dt.datetime | None] = mapped_column(DateTime(timezone=True))
