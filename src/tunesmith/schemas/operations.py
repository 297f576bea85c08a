"""What an operator and the page ask about the installation itself, and the search over everything."""

from typing import Literal

from pydantic import Field

from tunesmith.schemas.shape import Shape


class DatabaseFacts(Shape):
    embedded: bool
    version: str
    size_bytes: int
    revision: str
    """Of the schema."""
    connections: int


class StorageFacts(Shape):
    kind: Literal["folder", "s3", "gcs", "azure", "http", "memory"]
    location: str
    """A folder, or a bucket's URL without what is secret in it."""
    n_blobs: int
    size_bytes: int
    free_bytes: int | None = None
    """Of the folder's disk."""


class WorkerFacts(Shape):
    connected: int
    busy: int


class ServerFacts(Shape):
    """Answer of GET /v1/server. What only an operator needs is None for others."""

    object: Literal["server"] = "server"
    version: str
    python: str
    started_at: int
    url: str
    """Base URL for clients: with /v1."""
    workers: WorkerFacts
    engines: int
    price_per_hour: float
    database: DatabaseFacts | None = None
    storage: StorageFacts | None = None
    data_dir: str | None = None


class SearchHit(Shape):
    """One thing that a search found."""

    object: Literal["fine_tuning.job", "dataset", "file", "model", "base_model", "project", "api_key"]
    id: str
    title: str
    subtitle: str = Field(default="", max_length=300)
    created_at: int | None = None
    job_id: str | None = None
    """Of a tuned model: the job that made it."""
