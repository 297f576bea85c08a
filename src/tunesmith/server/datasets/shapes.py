"""Rows of files and data sets as the API shows them."""

from tunesmith.schemas.datasets import FileObject
from tunesmith.schemas.records import RecordKind
from tunesmith.schemas.versions import Dataset, DatasetVersion
from tunesmith.server.clock import epoch_s
from tunesmith.server.datasets.dataset_queries import FoundDataset, FoundVersion
from tunesmith.server.datasets.tables import FileRow


def file_object(row: FileRow) -> FileObject:
    """The row as OpenAI's File object."""
    return FileObject.model_validate(
        {
            "id": row.id,
            "bytes": row.size_bytes,
            "created_at": epoch_s(row.created_at),
            "filename": row.filename,
            "purpose": row.purpose,
            "status": row.status,
            "status_details": row.status_details,
            "expires_at": epoch_s(row.expires_at) if row.expires_at else None,
            "sha256": row.sha256,
        }
    )


def dataset(found: FoundDataset) -> Dataset:
    """A data set with its newest version."""
    row = found.row
    return Dataset(
        id=row.id,
        name=row.name,
        description=row.description,
        project=found.project,
        created_at=epoch_s(row.created_at),
        updated_at=epoch_s(row.updated_at),
        n_versions=found.newest.row.version,
        newest=version(found.newest),
    )


def version(found: FoundVersion) -> DatasetVersion:
    """One version with its file."""
    row, file = found.row, found.file
    report = file.report or {}
    return DatasetVersion.model_validate(
        {
            "dataset_id": row.dataset_id,
            "version": row.version,
            "file": file_object(file),
            "kind": RecordKind(file.kind) if file.kind else None,
            "n_records": report.get("n_records", 0),
            "n_faults": report.get("n_faults", 0),
            "parent_version": row.parent_version,
            "fixes": row.fixes,
            "added": row.added,
            "removed": row.removed,
            "note": row.note,
            "created_by": found.created_by,
            "created_at": epoch_s(row.created_at),
        }
    )
