"""What this machine can do, told with each claim. Nothing here imports torch."""

import os
import shutil
import subprocess
from importlib import metadata

import psutil

from tunesmith import __version__
from tunesmith.schemas.shape import Adaptation, Task
from tunesmith.schemas.worker import Capabilities
from tunesmith.worker import four_bits
from tunesmith.worker.kernel import memory_limit_bytes

PACKAGES = ("torch", "transformers", "peft", "accelerate", "bitsandbytes", "safetensors", "tokenizers")
NEEDED = ("torch", "transformers", "peft")
NVIDIA_TIMEOUT_S = 10.0


def capabilities() -> Capabilities:
    """Cores, memory, GPU and packages of this machine."""
    gpu, gpu_memory_bytes = _gpu()
    return Capabilities(
        tasks=list(Task),
        cpu_count=cpu_count(),
        memory_bytes=min(psutil.virtual_memory().total, memory_limit_bytes() or 1 << 62),
        gpu=gpu,
        gpu_memory_bytes=gpu_memory_bytes,
        packages=_packages(),
        adaptations=_adaptations(gpu),
        version=__version__,
    )


def cpu_count() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def missing_packages() -> list[str]:
    """Packages of the extra `train` that are not installed."""
    return [name for name in NEEDED if name not in _packages()]


def _adaptations(gpu: str | None) -> list[Adaptation]:
    able = four_bits.works(gpu)
    return [each for each in Adaptation if able or each is not Adaptation.QLORA]


def _packages() -> dict[str, str]:
    found: dict[str, str] = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _gpu() -> tuple[str | None, int | None]:
    """Name and memory of the first GPU; None where nvidia-smi is absent or finds none."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None, None
    query = [program, "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(query, capture_output=True, text=True, timeout=NVIDIA_TIMEOUT_S, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None, None  # a driver that does not answer is no GPU
    name, _, mebibytes = told.partition("\n")[0].rpartition(",")
    if not mebibytes.strip().isdigit():
        return name.strip() or None, None
    return name.strip(), int(mebibytes) * 1024 * 1024
