"""How llama.cpp's converter is found and called; a small script stands in for it here, and docs/log.md
says what was run for real."""

import sys
from pathlib import Path

import pytest

from tunesmith.schemas.errors import Invalid, Unsupported
from tunesmith.training.delivery.gguf import CONVERTER, convert, find_converter

STAND_IN = """#!/usr/bin/env python3
import argparse, os, pathlib, sys
parser = argparse.ArgumentParser()
parser.add_argument("model", type=pathlib.Path)
parser.add_argument("--outfile", type=pathlib.Path)
parser.add_argument("--outtype", choices=["f32", "f16", "bf16", "q8_0", "auto"])
args = parser.parse_args()
assert "HF_TOKEN" not in os.environ
if (args.model / "config.json").read_text() == "odd":
    print("loading", file=sys.stderr)
    sys.exit("NotImplementedError: Architecture 'Odd' not supported!")
if (args.model / "config.json").read_text() != "silent":
    args.outfile.write_bytes(b"GGUF" + (args.model / "model.safetensors").read_bytes())
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    made = tmp_path / "llama.cpp"
    made.mkdir()
    (made / CONVERTER).write_text(STAND_IN)
    (made / CONVERTER).chmod(0o755)
    return made


@pytest.fixture
def model(tmp_path: Path) -> Path:
    made = tmp_path / "model"
    made.mkdir()
    (made / "config.json").write_text("{}")
    (made / "model.safetensors").write_bytes(b"weights")
    return made


def test_the_converter_is_found_in_the_named_checkout_and_else_on_path(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNESMITH_LLAMA_CPP", str(checkout))
    assert find_converter() == checkout / CONVERTER
    monkeypatch.setenv("TUNESMITH_LLAMA_CPP", str(checkout / CONVERTER))
    assert find_converter() == checkout / CONVERTER
    monkeypatch.delenv("TUNESMITH_LLAMA_CPP")
    monkeypatch.setenv("PATH", str(checkout))
    assert find_converter() == checkout / CONVERTER


def test_without_a_converter_it_is_said_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TUNESMITH_LLAMA_CPP", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unsupported, match=r"git clone .*TUNESMITH_LLAMA_CPP"):
        find_converter()
    monkeypatch.setenv("TUNESMITH_LLAMA_CPP", str(tmp_path))
    with pytest.raises(Unsupported, match=f"no {CONVERTER} in it"):
        find_converter()


def test_the_file_appears_whole_under_its_name(
    checkout: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    target = tmp_path / "out" / "mine.gguf"
    convert(model, target, checkout / CONVERTER)
    assert target.read_bytes() == b"GGUFweights"
    assert [p.name for p in target.parent.iterdir()] == ["mine.gguf"]


@pytest.mark.parametrize(("config", "told"), [("odd", "Architecture 'Odd' not supported"), ("silent", "wrote no file")])
def test_what_the_converter_cannot_do_is_told_in_its_words(
    checkout: Path, model: Path, tmp_path: Path, config: str, told: str
) -> None:
    (model / "config.json").write_text(config)
    with pytest.raises(Exception, match=told) as raised:
        convert(model, tmp_path / "out" / "mine.gguf", checkout / CONVERTER)
    assert isinstance(raised.value, Invalid) is (config == "odd")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_package_that_the_converter_lacks_is_no_fault_of_the_model(model: Path, tmp_path: Path) -> None:
    script = tmp_path / CONVERTER
    script.write_text("import a_package_of_no_name")
    with pytest.raises(Unsupported, match=r"a_package_of_no_name.*pip install -r"):
        convert(model, tmp_path / "mine.gguf", script)


def test_the_converter_runs_by_this_python(model: Path, tmp_path: Path) -> None:
    script = tmp_path / CONVERTER
    script.write_text("import sys, pathlib; pathlib.Path(sys.argv[3]).write_text(sys.executable)")
    convert(model, tmp_path / "mine.gguf", script)
    assert (tmp_path / "mine.gguf").read_text() == sys.executable
