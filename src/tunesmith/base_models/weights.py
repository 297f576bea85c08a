"""Which files may be weights: safetensors, never a pickle and never code. Needs no torch.

A pickle runs whatever its author wrote when it is opened, so it is told by its bytes as well as by its name. Used on
folders that operators name, on what the hub delivers, and by the server on every file that a worker uploads.
"""

import json
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from tunesmith.schemas.errors import UnsafeWeights

HEAD_BYTES = 64 * 1024
"""How much of a file `check_file` wants to see."""
MAX_HEADER_BYTES = 100_000_000
"""The bound of the safetensors format itself."""
PICKLE_SUFFIXES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz", ".h5", ".msgpack")
CODE_SUFFIXES = (".py", ".pyc", ".so", ".dll", ".dylib", ".sh", ".ipynb")
CONVERT = (
    "Convert it once where you trust it: "
    "`python -c \"from transformers import AutoModelForCausalLM as M; M.from_pretrained('FOLDER', "
    "use_safetensors=False).save_pretrained('NEW_FOLDER')\"`, copy the tokenizer files beside it, and use NEW_FOLDER."
)


def check_folder(folder: Path, files: Iterable[Path] | None = None) -> None:
    """Pass when every file (or each of `files`) is harmless and there are safetensors weights.

    Raises UnsafeWeights naming the file and how to convert it.
    """
    chosen = sorted(files if files is not None else (p for p in folder.rglob("*") if p.is_file()))
    for path in chosen:
        with path.open("rb") as f:
            head = f.read(HEAD_BYTES)
        check_file(path.relative_to(folder).as_posix(), head, path.stat().st_size)
        if path.name == "config.json":
            _check_config(path)
    if not any(path.suffix == ".safetensors" for path in chosen):
        raise UnsafeWeights(f"{folder} holds no safetensors weights. {CONVERT}")


def check_file(path_in_manifest: str, head: bytes, size: int) -> None:
    """Pass when the file is neither pickle nor code, and, where it is named .safetensors, has a sane header.

    `head` is the file's first HEAD_BYTES or all of it; `size` its whole length in bytes. Raises UnsafeWeights.
    """
    name = path_in_manifest.lower()
    if name.endswith(CODE_SUFFIXES):
        raise UnsafeWeights(f"{path_in_manifest} is code. A model's folder holds weights and settings only: remove it.")
    if name.endswith(PICKLE_SUFFIXES) or _is_pickle(head):
        raise UnsafeWeights(f"{path_in_manifest} is not safetensors and could run code when opened. {CONVERT}")
    if name.endswith(".safetensors"):
        _check_safetensors(path_in_manifest, head, size)


def _is_pickle(head: bytes) -> bool:
    """By content: a pickle of protocol 2 or later, or the zip or legacy file that torch.save writes."""
    zipped = head[:4] in (b"PK\x03\x04", b"PK\x05\x06")
    return zipped or (head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05") and head[8:9] != b"{")


def _check_safetensors(path: str, head: bytes, size: int) -> None:
    if len(head) < 8 or size < 8:
        raise UnsafeWeights(f"{path} is {size} bytes long, too short for safetensors. Save it again.")
    (header_bytes,) = struct.unpack("<Q", head[:8])
    if header_bytes > min(MAX_HEADER_BYTES, size - 8) or head[8:9] != b"{":
        raise UnsafeWeights(f"{path} is named safetensors and does not begin as one. {CONVERT}")
    if len(head) >= 8 + header_bytes:
        _check_header(path, head[8 : 8 + header_bytes], size - 8 - header_bytes)


def _check_header(path: str, header: bytes, data_bytes: int) -> None:
    """The tensors named must fill the rest of the file, neither more nor less."""
    try:
        tensors = cast("dict[str, Any]", json.loads(header))
        ends = [int(t["data_offsets"][1]) for name, t in tensors.items() if name != "__metadata__"]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as e:
        raise UnsafeWeights(f"{path} has a broken safetensors header. Save it again.") from e
    if max(ends, default=0) != data_bytes:
        raise UnsafeWeights(
            f"{path} should hold {max(ends, default=0):,} bytes of tensors and holds {data_bytes:,}: "
            "it was cut or has something appended. Save it again."
        )


def _check_config(path: Path) -> None:
    try:
        config: Any = json.loads(path.read_bytes())
    except ValueError as e:
        raise UnsafeWeights(f"{path} is not valid JSON. Save the model again.") from e
    if isinstance(config, dict) and "auto_map" in config:
        raise UnsafeWeights(
            f'{path} has "auto_map": the model wants to run its own code, which is never done here. '
            "Use a model that transformers knows by itself; if it knows this one, remove the key."
        )
