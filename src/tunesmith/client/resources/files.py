"""/v1/files."""

from collections.abc import Callable
from pathlib import Path

from tunesmith.client._call import Call, Upload, delete, get, json_reader, raw, segment
from tunesmith.client._download import Download
from tunesmith.client._resource import Resource, S, endpoint, procedure
from tunesmith.client._send import Steps
from tunesmith.schemas.datasets import FileObject, FileReport, Purpose
from tunesmith.schemas.shape import Deleted, Page


class Files(Resource[S]):
    """Training files and result files."""

    @endpoint
    def create(
        self,
        path: Path | str,
        *,
        purpose: Purpose = "fine-tune",
        filename: str | None = None,
        on_progress: Callable[[int], None] | None = None,
    ) -> Call[FileObject]:
        """Uploads a file of any size; it is read as it is sent. `on_progress` is told the bytes sent so far."""
        upload = Upload(Path(path), filename or Path(path).name, {"purpose": purpose}, on_progress)
        return Call("POST", "/v1/files", json_reader(FileObject), upload=upload)

    @endpoint
    def list(
        self, *, purpose: Purpose | None = None, limit: int | None = None, after: str | None = None
    ) -> Call[Page[FileObject]]:
        """Files, newest first. `after` is the last id of the page before."""
        return get("/v1/files", Page[FileObject], purpose=purpose, limit=limit, after=after)

    @endpoint
    def retrieve(self, file_id: str) -> Call[FileObject]:
        """One file's facts."""
        return get(f"/v1/files/{segment(file_id)}", FileObject)

    @endpoint
    def content(self, file_id: str) -> Call[bytes]:
        """The file's bytes in memory; `download` takes large ones to disk."""
        return Call("GET", f"/v1/files/{segment(file_id)}/content", raw)

    @procedure
    def download(self, file_id: str, target: Path | str) -> Steps[Path]:
        """The file at `target`, checked against its sha256 and resumed where an earlier call stopped."""
        found: FileObject = yield get(f"/v1/files/{segment(file_id)}", FileObject)
        url = f"/v1/files/{segment(file_id)}/content"
        return (yield Download(url, Path(target), found.bytes, found.sha256, signed=False))

    @endpoint
    def delete(self, file_id: str) -> Call[Deleted]:
        """Deletes the file. Raises InUse while a job needs it."""
        return delete(f"/v1/files/{segment(file_id)}", Deleted)

    @endpoint
    def report(self, file_id: str) -> Call[FileReport]:
        """What the line checks found: records, lengths, duplicates, and the bad lines with their reasons."""
        return get(f"/v1/files/{segment(file_id)}/report", FileReport)
