"""/v1/models and /v1/registry/models."""

from pathlib import Path

from tunesmith.client._call import Call, delete, get, segment
from tunesmith.client._download import Download
from tunesmith.client._resource import Resource, S, endpoint, procedure
from tunesmith.client._send import Steps
from tunesmith.client.errors import UnreadableReply
from tunesmith.schemas.models import ArtifactFile, BaseModelEntry, Model, ModelFile, ModelVersion
from tunesmith.schemas.shape import Deleted, Page


class Models(Resource[S]):
    """Base models and the models that jobs made of them."""

    @endpoint
    def list(self) -> Call[Page[Model]]:
        """What this key can use, in OpenAI's shape."""
        return get("/v1/models", Page[Model])

    @endpoint
    def retrieve(self, model_id: str) -> Call[Model]:
        """One model. Raises ModelNotFound."""
        return get(f"/v1/models/{segment(model_id)}", Model)

    @endpoint
    def delete(self, model_id: str) -> Call[Deleted]:
        """Deletes a tuned model; its job's record stays."""
        return delete(f"/v1/models/{segment(model_id)}", Deleted)

    @endpoint
    def catalog(self) -> Call[Page[BaseModelEntry]]:
        """The base models that can be tuned, with licence, size and needs."""
        return get("/v1/models/catalog", Page[BaseModelEntry])

    @endpoint
    def registry(self, model_id: str) -> Call[ModelVersion]:
        """A tuned model with its lineage, metrics and comparisons."""
        return get(f"/v1/registry/models/{segment(model_id)}", ModelVersion)

    @endpoint
    def files(self, model_id: str) -> Call[Page[ModelFile]]:
        """The files of a tuned model with signed links that live 15 minutes."""
        return get(_files(model_id), Page[ModelFile])

    @procedure
    def download(self, model_id: str, folder: Path | str) -> Steps[tuple[Path, ...]]:
        """The model's files under `folder`, each checked against its sha256; call again to go on where it stopped."""
        page: Page[ModelFile] = yield get(_files(model_id), Page[ModelFile])
        done: tuple[Path, ...] = ()
        for file in page.data:
            target = Path(folder) / safe_path(file)
            done = (*done, (yield Download(file.url, target, file.size_bytes, file.sha256)))
        return done


def safe_path(file: ModelFile) -> str:
    """The file's relative path. Raises UnreadableReply when it could lead out of a folder."""
    try:
        return ArtifactFile(path=file.path, size_bytes=file.size_bytes, sha256=file.sha256).path
    except ValueError as error:
        raise UnreadableReply(f"The server named a file '{file.path}', which is no plain relative path.") from error


def _files(model_id: str) -> str:
    return f"/v1/registry/models/{segment(model_id)}/files"
