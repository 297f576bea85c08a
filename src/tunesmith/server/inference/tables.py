"""Engines that are connected."""

import datetime as dt

from sqlalchemy import DateTime, ForeignKey, Index, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from tunesmith.server.db import Base

NOW = text("tunesmith_now()")


class EngineRow(Base):
    """An engine as it last told of itself. Ids are chosen by engines, so they are unique within a project."""

    __tablename__ = "engines"

    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    """Of the worker key that registered it."""
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    url: Mapped[str] = mapped_column(String(512))
    secret: Mapped[str] = mapped_column(String(128))
    """What the server sends it as Bearer."""
    loaded: Mapped[list[str]] = mapped_column(JSONB)
    """Names of the models in its memory."""
    version: Mapped[str] = mapped_column(String(64))
    registered_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), server_default=NOW)
    last_seen: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), server_default=NOW)
    away_since: Mapped[dt.datetime | None] = mapped_column(DateTime(timezone=True))
    """Set when it could not be reached; its next sign of life clears it."""

    __table_args__ = (Index("ix_engines_last_seen", "last_seen"),)
