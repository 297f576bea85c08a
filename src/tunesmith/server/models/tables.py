"""Models that jobs made, and the checkpoints on their way."""

import datetime as dt
from typing import Any

from sqlalchemy import BigInteger, DateTime, ForeignKey, Index, Integer, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from tunesmith.server.db import Base

NOW = text("tunesmith_now()")
TO_COMPARE = "probes <> '[]'::jsonb AND deleted_at IS NULL AND (parity IS NULL OR parity->>'status' = 'pending')"
"""Versions that wait for an engine to repeat their probes."""


class ModelFamilyRow(Base):
    """The counter of a family's versions: its row lock puts two jobs that end together in order."""

    __tablename__ = "model_families"

    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(128), primary_key=True)
    last_version: Mapped[int] = mapped_column(Integer)


class ModelVersionRow(Base):
    """A registered model: one per succeeded job. Deleting leaves the row as a tombstone."""

    __tablename__ = "model_versions"

    id: Mapped[str] = mapped_column(String(320), primary_key=True)
    """ft:BASE:ORG:SUFFIX:ID"""
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    created_by: Mapped[str] = mapped_column(ForeignKey("users.id"))
    owned_by: Mapped[str] = mapped_column(String(64))
    """The project's slug."""
    job_id: Mapped[str] = mapped_column(String(40), unique=True)
    upload_id: Mapped[str] = mapped_column(String(40))
    family: Mapped[str] = mapped_column(String(128))
    version: Mapped[int] = mapped_column(Integer)
    task: Mapped[str] = mapped_column(String(32))
    adaptation: Mapped[str] = mapped_column(String(16))
    base_model: Mapped[str] = mapped_column(String(128))
    base: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """The base's catalogue entry as it was then."""
    parent_model: Mapped[str | None] = mapped_column(String(320))
    manifest: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    metrics: Mapped[dict[str, Any]] = mapped_column(JSONB)
    comparisons: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    details: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    """`classification`, `embedding` and `delivery` of the training's result, where they are."""
    probes: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"))
    """Held-out prompts with the training program's answers, for an engine to repeat."""
    parity: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """What an engine made of the probes."""
    lineage: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), server_default=NOW)
    deleted_at: Mapped[dt.datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        UniqueConstraint("project_id", "family", "version"),
        Index("ix_model_versions_listed", "project_id", "created_at", postgresql_where=text("deleted_at IS NULL")),
        Index("ix_model_versions_to_compare", "created_at", postgresql_where=text(TO_COMPARE)),
    )


class CheckpointRow(Base):
    """Weights that a run committed on its way: `resume` ones to go on from, `published` ones to use as a model."""

    __tablename__ = "checkpoints"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    created_by: Mapped[str] = mapped_column(ForeignKey("users.id"))
    owned_by: Mapped[str] = mapped_column(String(64))
    job_id: Mapped[str] = mapped_column(String(40))
    epoch: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(String(16))
    step: Mapped[int] = mapped_column(BigInteger)
    upload_id: Mapped[str] = mapped_column(String(40))
    name: Mapped[str | None] = mapped_column(String(400), unique=True)
    """ft:BASE:ORG:SUFFIX:ID:ckpt-step-N of a published one."""
    task: Mapped[str] = mapped_column(String(32))
    adaptation: Mapped[str] = mapped_column(String(16))
    base: Mapped[dict[str, Any]] = mapped_column(JSONB)
    manifest: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    metrics: Mapped[dict[str, Any]] = mapped_column(JSONB)
    answers: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"))
    """What it answers to a few held-out prompts."""
    created_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), server_default=NOW)
    dropped_at: Mapped[dt.datetime | None] = mapped_column(DateTime(timezone=True))
    """Its files are gone: newer ones took its place, or the model was deleted."""

    __table_args__ = (UniqueConstraint("job_id", "kind", "step"),)
