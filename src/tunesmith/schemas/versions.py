"""Data sets: names with versions, each version a file that never changes; and the examples that Tunesmith brings."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from tunesmith.schemas.datasets import FileObject
from tunesmith.schemas.fixes import Fix
from tunesmith.schemas.records import RecordKind
from tunesmith.schemas.shape import Shape, Task

_ENDS, _INSIDE = r"[^\s\x00-\x1f\x7f/]", r"[^\x00-\x1f\x7f/]*"
DatasetName = Annotated[str, Field(min_length=1, max_length=96, pattern=f"^{_ENDS}(?:{_INSIDE}{_ENDS})?$")]
"""Neither slashes nor control characters, and no blank at either end."""
Description = Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")]


class DatasetRef(Shape):
    """Which version of which data set a file is."""

    id: str
    name: str
    version: int


class DatasetCreate(Shape):
    """Body of POST /v1/datasets: a name for a file, which becomes version 1."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "support-chats", "file_id": "file-3kTMd0aPq9LkXw2VbNc7Rz"}]}
    )

    name: DatasetName
    file_id: str
    description: Description = ""


class DatasetUpdate(Shape):
    """Body of POST /v1/datasets/{id}: what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "support-chats-2026"}]})

    name: DatasetName | None = None
    description: Description | None = None


class VersionCreate(Shape):
    """Body of POST /v1/datasets/{id}/versions: another file, or fixes to a version that is there."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"fixes": [{"type": "drop_duplicates"}, {"type": "drop_faulty"}]}]}
    )

    file_id: str | None = None
    fixes: list[Fix] | None = Field(default=None, min_length=1, max_length=32)
    from_version: int | None = Field(default=None, ge=1)
    """Which version the fixes start from; the newest when left out."""
    note: str = Field(default="", max_length=500, pattern=r"^[^\x00]*$")

    @model_validator(mode="after")
    def _one(self) -> "VersionCreate":
        if (self.file_id is None) == (self.fixes is None):
            raise ValueError("send either file_id, another file, or fixes to a version that is there")
        if self.from_version is not None and self.fixes is None:
            raise ValueError("from_version says what fixes start from; leave it out with file_id")
        return self


class DatasetVersion(Shape):
    """One state of a data set: a file that never changes."""

    object: Literal["dataset.version"] = "dataset.version"
    dataset_id: str
    version: int
    file: FileObject
    kind: RecordKind | None
    n_records: int
    n_faults: int
    parent_version: int | None = None
    fixes: list[Fix] = Field(default_factory=list[Fix])
    """What was done to the parent."""
    added: int = 0
    removed: int = 0
    """Records more and fewer than the parent had."""
    note: str = ""
    created_by: str
    created_at: int


class Dataset(Shape):
    """A name with versions; the newest is what a job takes that names the data set alone."""

    id: str
    object: Literal["dataset"] = "dataset"
    name: str
    description: str
    project: str
    created_at: int
    updated_at: int
    n_versions: int
    newest: DatasetVersion


class Example(Shape):
    """A run on real data that Tunesmith brings along: to see the whole way once."""

    id: str
    object: Literal["example"] = "example"
    title: str
    description: str
    task: Task
    base_model: str
    n_records: int
    expected_s: float
    """About how long it takes on two CPU cores, seconds."""
    licence: str


class StartedExample(Shape):
    """What starting an example has made; both are ordinary ones."""

    object: Literal["example.started"] = "example.started"
    dataset: Dataset
    job_id: str
