"""Whether QLoRA runs on this machine: bitsandbytes is tried, not believed.

It is installed where it cannot work (no library for this GPU's driver, say) and tells so only when it is used. Trying
means importing torch, so a child does it, once for each set of versions and GPU: the answer is kept on disk.
"""

import json
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import structlog
from platformdirs import user_cache_path

log = structlog.get_logger()
TIMEOUT_S = 180.0
"""torch alone may take a minute from a cold disk."""
TRIAL = """
import torch
from bitsandbytes.nn import Linear4bit

device = "cuda" if torch.cuda.is_available() else "cpu"
layer = Linear4bit(64, 64, bias=False, compress_statistics=True, quant_type="nf4").to(device)
inputs = torch.ones(2, 64, device=device, requires_grad=True)
layer(inputs).sum().backward()
assert inputs.grad is not None and bool(inputs.grad.isfinite().all())
"""


def works(gpu: str | None, *, answers: Path | None = None) -> bool:
    """Whether a layer in four bits passes a gradient here. `gpu` is the name of the one that will be used.

    `answers` is the file where what was found is kept, by default in the user's cache folder.
    """
    machine = _machine(gpu)
    if machine is None:
        return False
    path = answers or user_cache_path("tunesmith") / "four_bits.json"
    known = _read(path)
    if machine not in known:
        found = _try()
        if found is None:
            return False
        known = known | {machine: found}
        _keep(path, known)
    return known[machine]


def _machine(gpu: str | None) -> str | None:
    """What the answer depends on; None where bitsandbytes or torch is not installed."""
    try:
        versions = [metadata.version(name) for name in ("torch", "bitsandbytes")]
    except metadata.PackageNotFoundError:
        return None
    return " ".join([*versions, platform.machine(), gpu or "cpu", sys.executable])


def _try() -> bool | None:
    """Whether the trial ended well; None where it did not end, which says nothing."""
    command = [sys.executable, "-c", TRIAL]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
    except (OSError, subprocess.SubprocessError) as error:
        log.warning("four_bits.not_tried", reason=str(error))
        return None
    if done.returncode != 0:
        log.info("four_bits.unavailable", reason=done.stderr.strip().rpartition("\n")[2][:500])
    return done.returncode == 0


def _read(path: Path) -> dict[str, bool]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # nothing was tried here yet, or the file was cut off: it is tried again
    return {str(k): v for k, v in found.items() if isinstance(v, bool)} if isinstance(found, dict) else {}


def _keep(path: Path, known: dict[str, bool]) -> None:
    """Whole or not at all: workers of one machine may start together."""
    whole = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        whole.write_text(json.dumps(known), encoding="utf-8")
        whole.replace(path)
    except OSError as error:
        log.info("four_bits.not_kept", reason=str(error))
