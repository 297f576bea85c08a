"""Who uses which blob, and what workers are uploading."""

import datetime as dt
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Index, Integer, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from tunesmith.server.db import Base

NOW = text("tunesmith_now()")


class BlobUseRow(Base):
    """A blob is kept while a row here names it. `holder` is the id of what needs it: a file, a job, an upload."""

    __tablename__ = "blob_uses"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    holder: Mapped[str] = mapped_column(String(64), primary_key=True)
    project_id: Mapped[str] = mapped_column(String(40))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), server_default=NOW)

    __table_args__ = (Index("ix_blob_uses_holder", "holder"), Index("ix_blob_uses_project", "project_id", "sha256"))


class UploadRow(Base):
    """The files of one checkpoint or result, by a worker, under one epoch. Only a committed one exists for others."""

    __tablename__ = "uploads"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    project_id: Mapped[str] = mapped_column(String(40))
    job_id: Mapped[str] = mapped_column(String(40))
    epoch: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(String(16))
    """resume, published or result."""
    step: Mapped[int] = mapped_column(Integer)
    manifest: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    """ArtifactFile shapes."""
    metrics: Mapped[dict[str, float]] = mapped_column(JSONB)
    answers: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"))
    """CheckpointAnswer shapes of a published checkpoint."""
    state: Mapped[str] = mapped_column(String(16), server_default="open")
    created_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), server_default=NOW)
    committed_at: Mapped[dt.datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        UniqueConstraint("job_id", "epoch", "kind", "step"),
        CheckConstraint("state IN ('open', 'committed', 'dropped')", name="state"),
        Index("ix_uploads_open", "created_at", postgresql_where=text("state = 'open'")),
    )
