"""Only safetensors are weights; whatever could run code is refused by what it holds, not by its name alone."""

import io
import json
import pickle
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from tunesmith.base_models.weights import HEAD_BYTES, check_file, check_folder
from tunesmith.schemas.errors import UnsafeWeights

GOOD = save({"w": torch.zeros(4, 4)})


def torch_file() -> bytes:
    buffer = io.BytesIO()
    torch.save({"w": torch.zeros(2)}, buffer)
    return buffer.getvalue()


def test_safetensors_pass_and_so_do_settings() -> None:
    check_file("model.safetensors", GOOD[:HEAD_BYTES], len(GOOD))
    check_file("config.json", b'{"a": 1}', 8)
    check_file("notes/README.md", "é".encode(), 2)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_pickle_under_any_name_is_refused(protocol: int) -> None:
    data = pickle.dumps({"w": [1, 2, 3]}, protocol=protocol)
    for name in ("notes.txt", "model.safetensors", "vocab.json"):
        with pytest.raises(UnsafeWeights):
            check_file(name, data, len(data))


def test_what_torch_save_writes_is_refused_under_a_harmless_name() -> None:
    data = torch_file()
    with pytest.raises(UnsafeWeights, match="save_pretrained"):
        check_file("readme.md", data[:HEAD_BYTES], len(data))


@pytest.mark.parametrize("name", ["pytorch_model.bin", "a/b/optimizer.PT", "x.pkl", "modeling.py", "evil.so"])
def test_names_of_pickles_and_code_are_refused_whatever_they_hold(name: str) -> None:
    with pytest.raises(UnsafeWeights, match=name.replace(".", r"\.")):
        check_file(name, b"harmless", 8)


def test_a_cut_or_padded_safetensors_file_is_refused() -> None:
    for data in (GOOD[:-8], GOOD + b"PAYLOAD!"):
        with pytest.raises(UnsafeWeights, match="cut or has something appended"):
            check_file("model.safetensors", data[:HEAD_BYTES], len(data))


@pytest.mark.parametrize(
    "head",
    [b"", b"abc", struct.pack("<Q", 10**12) + b"{}", struct.pack("<Q", 4) + b"{{{{", struct.pack("<Q", 2) + b"[]"],
)
def test_broken_headers_are_refused(head: bytes) -> None:
    with pytest.raises(UnsafeWeights):
        check_file("model.safetensors", head, len(head))


def test_a_header_of_the_length_that_looks_like_a_pickle_is_still_safetensors() -> None:
    """0x80 0x02 are also the first two bytes of a header of 640 bytes."""
    header = json.dumps({"__metadata__": {"x": ""}, "w": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}})
    header += " " * (0x0280 - len(header))
    data = struct.pack("<Q", 0x0280) + header.encode() + b"\0"
    assert data[:2] == b"\x80\x02"
    check_file("model.safetensors", data, len(data))


def test_a_folder_needs_safetensors_and_no_code_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UnsafeWeights, match="no safetensors"):
        check_folder(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(GOOD)
    check_folder(tmp_path)
    (tmp_path / "config.json").write_text('{"auto_map": {"AutoModel": "modeling.X"}}')
    with pytest.raises(UnsafeWeights, match="auto_map"):
        check_folder(tmp_path)
