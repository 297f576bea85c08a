"""The log of each job's events."""

import datetime as dt
from typing import Any

from sqlalchemy import BigInteger, DateTime, Index, String, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from tunesmith.server.db import Base


class JobEventRow(Base):
    """One event of a job. Rows are only added, always under the job's row lock, so `seq` grows in the order of commits:
    a reader that has seen `seq` has seen everything before it.

    A metric point is kept here alone, once: `data` holds its figures, and its sentence is made when it is read.
    """

    __tablename__ = "job_events"

    job_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """1, 2, 3 ... within the job; the public id is made of both."""
    created_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), server_default=text("tunesmith_now()"))
    level: Mapped[str] = mapped_column(String(8))
    type: Mapped[str] = mapped_column(String(16))
    """message or metrics"""
    message: Mapped[str | None] = mapped_column(Text)
    data: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    epoch: Mapped[int | None] = mapped_column(BigInteger)
    """Epoch of the worker that sent it; null for what the server says itself."""
    stream_seq: Mapped[int | None] = mapped_column(BigInteger)
    """Its number in the worker's stream of that epoch."""
    step: Mapped[int | None] = mapped_column(BigInteger)
    superseded: Mapped[bool] = mapped_column(server_default=text("false"))
    """A metric point that a later epoch trained again: kept, and left out of series."""

    # Rows are added in the order of time, so a few bytes an hour find what is new in all jobs.
    __table_args__ = (Index("ix_job_events_created", "created_at", postgresql_using="brin"),)
