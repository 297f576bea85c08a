"""What workers upload, in bytes."""

import hashlib
import json
import struct
from dataclasses import dataclass

import pytest

from tunesmith.schemas.models import ArtifactFile


@dataclass(frozen=True)
class Artifact:
    """A file of an upload, with its bytes."""

    path: str
    content: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def entry(self) -> ArtifactFile:
        return ArtifactFile(path=self.path, size_bytes=len(self.content), sha256=self.sha256)


def safetensors(n_bytes: int, seed: int = 0) -> bytes:
    """A real safetensors file with one tensor of that many bytes."""
    header = json.dumps({"w": {"dtype": "U8", "shape": [n_bytes], "data_offsets": [0, n_bytes]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes((seed + i) % 251 for i in range(n_bytes))


@pytest.fixture
def weights() -> Artifact:
    return Artifact("adapter_model.safetensors", safetensors(5000))


@pytest.fixture
def config() -> Artifact:
    return Artifact("adapter_config.json", b'{"r": 16}')


@pytest.fixture
def artifact():
    """Makes a file of an upload."""
    return Artifact


@pytest.fixture
def make_weights():
    """Bytes of a real safetensors file: `make_weights(n_bytes, seed)`."""
    return safetensors
