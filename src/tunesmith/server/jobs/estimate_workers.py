"""Which workers could run a job, and why the others could not."""

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from tunesmith.base_models.bill import Bill, Machine, Workload
from tunesmith.base_models.costs import load_costs
from tunesmith.schemas.estimates import Device, Range, WorkerFit
from tunesmith.schemas.models import BaseModelEntry, BundledSource, FolderSource, PackageSource
from tunesmith.schemas.shape import Adaptation, Task
from tunesmith.schemas.worker import Capabilities
from tunesmith.server.jobs.estimate_history import Correction
from tunesmith.server.jobs.tables import CONNECTED, WorkerRow

USABLE = 0.92
"""Share of a machine's memory that a run may take."""
NEEDED = ("torch", "transformers", "peft")
BYTES_PER_WEIGHT = {"gguf": 0.73, "safetensors": 2.0}
"""Of the files that are fetched."""
GIB = 1024**3


@dataclass(frozen=True)
class KnownWorker:
    """A worker as it told of itself."""

    id: str
    connected: bool
    machine: Machine
    capabilities: Capabilities | None
    """None of one that told nothing this version understands, and of the worker that is assumed."""
    has_base: bool

    @classmethod
    def nobody(cls, machine: Machine) -> "KnownWorker":
        """The worker that is assumed where there is none; it must fetch the base first."""
        return cls("", False, machine, None, has_base=False)

    @property
    def device(self) -> Device:
        return "gpu" if self.machine.on_gpu else "cpu"

    def fetch_bytes(self, entry: BaseModelEntry) -> int:
        """What must be downloaded of the base, about; 0 where it is on the worker's disk."""
        if self.has_base or isinstance(entry.source, BundledSource | FolderSource):
            return 0
        size_bytes = entry.parameters * BYTES_PER_WEIGHT[entry.weights]
        if isinstance(entry.source, PackageSource) and entry.weights == "safetensors":
            size_bytes *= 2  # packaged weights are float32
        return round(size_bytes)

    def fetch_s(self, entry: BaseModelEntry) -> float:
        """Seconds until the base is on the worker's disk; 0 where it is."""
        size_bytes = self.fetch_bytes(entry)
        if not size_bytes:
            return 0.0
        costs = load_costs()
        expanding = costs.expand_s * entry.parameters / 135e6 if entry.weights == "gguf" else 0.0
        return size_bytes / costs.download_bytes_per_s + expanding


def known_worker(row: WorkerRow, now: dt.datetime, *, busy: bool, has_base: bool) -> KnownWorker:
    """The worker of this row. `busy`: it holds a job now, and so does not ask for work."""
    told = Capabilities.model_validate({k: v for k, v in row.capabilities.items() if k in Capabilities.model_fields})
    machine = Machine(told.cpu_count, told.memory_bytes, told.gpu, told.gpu_memory_bytes)
    return KnownWorker(row.id, busy or now - row.last_seen_at < CONNECTED, machine, told, has_base)


def fit_of(
    worker: KnownWorker, work: Workload, needed: Bill, correction: Correction, entry: BaseModelEntry
) -> WorkerFit:
    """Whether the worker could run it: what it lacks, else by memory."""
    memory = correction.memory(needed.memory_bytes)
    lacks = _lacks(worker, work.task, work.adaptation)
    fits, why = _by_memory(worker.machine, work, memory)
    if lacks:
        fits, why = "does_not_fit", lacks
    return WorkerFit(
        id=worker.id,
        connected=worker.connected,
        device=worker.device,
        fits=fits,
        why=why,
        peak_memory_bytes=round(memory.value),
        memory_bytes=worker.machine.deciding_bytes,
        time_s=None if lacks else correction.time(needed, worker.fetch_s(entry)),
    )


def _lacks(worker: KnownWorker, task: Task, adaptation: Adaptation) -> str:
    """What keeps it from taking such a job at all; empty when nothing does."""
    told = worker.capabilities
    if told is None:
        return ""
    if task not in told.tasks:
        return f"It takes {_listed(told.tasks)} jobs, not {task}."
    if adaptation is Adaptation.QLORA and adaptation not in told.adaptations:
        return "It does not run QLoRA: bitsandbytes is missing or finds no 4-bit kernels there."
    if adaptation not in told.adaptations:
        return f"It trains by {_listed(told.adaptations)}, not by {adaptation}."
    missing = [name for name in NEEDED if told.packages and name not in told.packages]
    if missing:
        return f"It lacks {_listed(missing)}: pip install 'tunesmith[train]' there."
    return ""


def _by_memory(machine: Machine, work: Workload, memory: Range) -> tuple[Literal["fits", "tight", "does_not_fit"], str]:
    usable, kind = USABLE * machine.deciding_bytes, "GPU memory" if machine.on_gpu else "memory"
    has = f"{_gib(machine.deciding_bytes)} of {kind}"
    likely = f"The run likely needs {_gib(memory.value)}, at most {_gib(memory.high)}; it has {has}."
    host = 2.0 * work.shape.parameters + load_costs().imports_bytes
    if machine.on_gpu and host > USABLE * machine.memory_bytes:
        return "does_not_fit", f"Reading the weights takes {_gib(host)} of the host's {_gib(machine.memory_bytes)}."
    if memory.value > usable:
        smaller = "" if work.adaptation is Adaptation.QLORA else " QLoRA or a smaller max_seq_len needs less."
        return "does_not_fit", likely + smaller
    return ("tight", likely) if memory.high > usable else ("fits", likely)


def _gib(size_bytes: float) -> str:
    return f"{size_bytes / GIB:.1f} GiB"


def _listed(names: object) -> str:
    return ", ".join(str(name) for name in names) if isinstance(names, list | tuple) else str(names)
