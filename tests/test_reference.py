"""The generated reference says what the code says."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
spec = importlib.util.spec_from_file_location("reference", ROOT / "scripts" / "reference.py")
assert spec is not None
assert spec.loader is not None
reference = importlib.util.module_from_spec(spec)
spec.loader.exec_module(reference)


@pytest.mark.parametrize("name", sorted(reference.pages()))
def test_the_page_is_what_the_code_would_write(name):
    assert (ROOT / "docs" / "reference" / name).read_text() == reference.pages()[name], "run scripts/reference.py"


def test_every_setting_has_its_line():
    text = reference.pages()["settings.md"]
    bare = [line for line in text.splitlines() if line.startswith("| `") and line.endswith("|  |")]
    assert not bare
