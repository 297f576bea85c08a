"""GGUF files, which llama.cpp and what is built on it run, by llama.cpp's own converter."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tunesmith.schemas.errors import Internal, Invalid, Unsupported

CONVERTER = "convert_hf_to_gguf.py"
ENVIRONMENT = "TUNESMITH_LLAMA_CPP"
LIMIT_S = 3600.0
HOW_TO_GET = (
    f"Fetch llama.cpp (git clone --depth 1 https://github.com/ggml-org/llama.cpp), install what its converter needs "
    f"(pip install -r llama.cpp/requirements/requirements-convert_hf_to_gguf.txt), and set {ENVIRONMENT} to the folder."
)


def find_converter() -> Path:
    """The converter in the checkout that TUNESMITH_LLAMA_CPP names, else on PATH. Raises Unsupported with how to get
    it."""
    named = os.environ.get(ENVIRONMENT)
    if named:
        path = Path(named).expanduser()
        script = path if path.is_file() else path / CONVERTER
        if script.is_file():
            return script.resolve()
        raise Unsupported(f"{ENVIRONMENT} is {named}, and there is no {CONVERTER} in it. {HOW_TO_GET}", param="gguf")
    found = shutil.which(CONVERTER)
    if found is None:
        raise Unsupported(f"GGUF needs llama.cpp's {CONVERTER}, which is not here. {HOW_TO_GET}", param="gguf")
    return Path(found).resolve()


def convert(folder: Path, target: Path, converter: Path) -> None:
    """Write the full model in `folder` as the GGUF file `target`, in the type it is stored in.

    The converter runs as a program of its own, by this Python and without the hub's token. Raises Invalid with the
    last thing that it said, and Internal when it says that all is well and there is no file.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_name(f".{target.name}.part")
    command = [sys.executable, str(converter), str(folder), "--outfile", str(scratch), "--outtype", "auto"]
    environment = {k: v for k, v in os.environ.items() if k not in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False, errors="replace"
        )
    except subprocess.TimeoutExpired as e:
        raise Invalid(f"{CONVERTER} was still at work after {LIMIT_S / 3600:g} h and was stopped.") from e
    try:
        if done.returncode != 0:
            said = next((line for line in reversed(done.stderr.splitlines()) if line.strip()), "nothing")
            if said.startswith("ModuleNotFoundError"):
                raise Unsupported(f"{CONVERTER} lacks a package here ({said.strip()}). {HOW_TO_GET}", param="gguf")
            raise Invalid(
                f"{CONVERTER} could not convert the model (exit {done.returncode}): {said.strip()[:500]} "
                "Not every architecture and tokenizer has a place in GGUF; the merged folder runs with transformers.",
                code="gguf_failed",
            )
        if not scratch.is_file():
            raise Internal(f"{CONVERTER} ended well and wrote no file. See that it is llama.cpp's: {converter}")
        os.replace(scratch, target)
    finally:
        scratch.unlink(missing_ok=True)
