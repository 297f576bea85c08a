"""/v1/datasets."""

from collections.abc import Mapping, Sequence
from typing import Any

from tunesmith.client._call import Call, delete, get, post, segment
from tunesmith.client._resource import Resource, S, endpoint
from tunesmith.schemas.fixes import Fix
from tunesmith.schemas.records import RecordKind
from tunesmith.schemas.shape import Deleted, Page, Task
from tunesmith.schemas.versions import Dataset, DatasetVersion

DATASETS = "/v1/datasets"
FIXING_S = 3600.0
"""Fixes read a whole file, and near duplicates and secrets take their time."""


class Datasets(Resource[S]):
    """Names with versions, each a file."""

    @endpoint
    def create(self, name: str, file_id: str, *, description: str | None = None) -> Call[Dataset]:
        """A name for an uploaded training file, which becomes version 1."""
        return post(DATASETS, Dataset, {"name": name, "file_id": file_id, "description": description})

    @endpoint
    def list(
        self,
        *,
        search: str | None = None,
        kind: RecordKind | str | None = None,
        task: Task | str | None = None,
        limit: int | None = None,
        after: str | None = None,
    ) -> Call[Page[Dataset]]:
        """Data sets, the last changed first. `after` is the last id of the page before."""
        return get(DATASETS, Page[Dataset], search=search, kind=kind, task=task, limit=limit, after=after)

    @endpoint
    def retrieve(self, dataset_id: str) -> Call[Dataset]:
        """One data set with its newest version."""
        return get(_path(dataset_id), Dataset)

    @endpoint
    def update(self, dataset_id: str, *, name: str | None = None, description: str | None = None) -> Call[Dataset]:
        """The data set under another name or description."""
        return post(_path(dataset_id), Dataset, {"name": name, "description": description})

    @endpoint
    def delete(self, dataset_id: str) -> Call[Deleted]:
        """Deletes the data set with its versions and their files; jobs on them keep the bytes until they end."""
        return delete(_path(dataset_id), Deleted)

    @endpoint
    def versions(
        self, dataset_id: str, *, limit: int | None = None, after: int | None = None
    ) -> Call[Page[DatasetVersion]]:
        """Versions, the newest first. `after` is the number of the last one of the page before."""
        return get(f"{_path(dataset_id)}/versions", Page[DatasetVersion], limit=limit, after=after)

    @endpoint
    def version(self, dataset_id: str, version: int) -> Call[DatasetVersion]:
        """One version; its file's report and records are those of `client.files`."""
        return get(f"{_path(dataset_id)}/versions/{version}", DatasetVersion)

    @endpoint
    def add_version(self, dataset_id: str, file_id: str, *, note: str | None = None) -> Call[DatasetVersion]:
        """Another file as the newest version."""
        return post(f"{_path(dataset_id)}/versions", DatasetVersion, {"file_id": file_id, "note": note})

    @endpoint
    def fix(
        self,
        dataset_id: str,
        fixes: Sequence[Fix | Mapping[str, Any]],
        *,
        from_version: int | None = None,
        note: str | None = None,
    ) -> Call[DatasetVersion]:
        """What the fixes, in their order, make of a version (the newest), as the newest version. Findings and faults
        of a report carry in `repairs` what mends them."""
        body = {"fixes": list(fixes), "from_version": from_version, "note": note}
        return post(f"{_path(dataset_id)}/versions", DatasetVersion, body, timeout_s=FIXING_S)


def _path(dataset_id: str) -> str:
    return f"{DATASETS}/{segment(dataset_id)}"
