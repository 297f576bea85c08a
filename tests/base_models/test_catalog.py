"""One key means one set of weights, ours and the operator's."""

from pathlib import Path

import pytest

from tunesmith.base_models.catalog import load_catalog
from tunesmith.schemas.errors import Invalid, ModelNotFound
from tunesmith.schemas.models import FolderSource

ENTRY = """
  - key: {key}
    title: Mine
    tasks: [chat]
    source: {source}
    licence: MIT
    parameters: 1000
    context: 128
    architecture: llama
    needs_memory_bytes: 1000
"""


def operators_file(tmp_path: Path, key: str = "mine", source: str = "{type: folder, path: weights}") -> Path:
    path = tmp_path / "more.yaml"
    path.write_text("models:" + ENTRY.format(key=key, source=source))
    return path


def test_the_models_that_train_without_a_hub_are_there() -> None:
    catalog = load_catalog()
    assert catalog.get("smollm2-135m-instruct").source.type == "package"
    assert catalog.get("protein-mini").source.type == "bundled"


def test_a_hub_id_names_its_entry() -> None:
    assert load_catalog().get("nferruz/ProtGPT2").key == "protgpt2"


def test_an_unknown_name_is_a_model_that_does_not_exist() -> None:
    with pytest.raises(ModelNotFound, match="no-such-model"):
        load_catalog().get("no-such-model")


def test_an_operators_folder_is_read_beside_the_operators_file(tmp_path: Path) -> None:
    source = load_catalog(operators_file(tmp_path)).get("mine").source
    assert isinstance(source, FolderSource)
    assert Path(source.path) == tmp_path.resolve() / "weights"


@pytest.mark.parametrize("key", ["protein-mini", "nferruz/ProtGPT2"])
def test_a_name_that_is_taken_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(Invalid, match="twice"):
        load_catalog(operators_file(tmp_path, key=key))


def test_a_wrong_field_is_named_with_its_entry(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"models\[0\]\.source"):
        load_catalog(operators_file(tmp_path, source="{type: ftp}"))


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="cannot be read"):
        load_catalog(tmp_path / "away.yaml")
