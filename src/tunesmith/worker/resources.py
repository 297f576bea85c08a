"""What a run uses now: cores and memory of its processes, and its GPU where there is one. Sampled beside the reports,
so that no report waits for it."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

import psutil
import structlog

from tunesmith.schemas.worker import Resources

log = structlog.get_logger()
NVIDIA_TIMEOUT_S = 2.0
GPU_EVERY_S = 10.0
"""nvidia-smi starts a process and talks to the driver: not asked more often than this."""


@dataclass(frozen=True)
class GpuUse:
    """Of one device, whoever uses it."""

    percent: float
    memory_bytes: int


AskGpu = Callable[[], GpuUse | None]
"""What the child's GPU does; None where there is none. May block for seconds."""


class Meter:
    """Samples the processes of one run. `latest` is what reports tell; None while nothing runs."""

    def __init__(self, clock: Callable[[], float], every_s: float, ask_gpu: AskGpu | None = None) -> None:
        self.latest: Resources | None = None
        self._clock, self._every_s = clock, every_s
        self._ask_gpu = ask_gpu or nvidia_smi
        self._gpu: GpuUse | None = None
        self._gpu_asked_at: float | None = None
        self._cpu_s: dict[tuple[int, float], float] = {}
        self._sampled_at: float | None = None

    async def run(self, pid: int) -> None:
        """Samples the process and all that it started until it has ended."""
        try:
            while (sample := await asyncio.to_thread(self._sample, pid)) is not None:
                self.latest = sample
                await asyncio.sleep(self._every_s)
        except psutil.Error as error:
            log.warning("resources.unknown", pid=pid, reason=str(error))  # a run goes on without these figures
        finally:
            self.latest = None

    def _sample(self, pid: int) -> Resources | None:
        try:
            root = psutil.Process(pid)
            tree = [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return None
        now, memory_bytes, cpu_s = self._clock(), 0, dict[tuple[int, float], float]()
        for process in tree:
            try:
                with process.oneshot():
                    times = process.cpu_times()
                    cpu_s[process.pid, process.create_time()] = times.user + times.system
                    memory_bytes += process.memory_info().rss
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                continue  # it ended between the two looks
        if not cpu_s:
            return None
        percent = self._percent(cpu_s, now)
        self._cpu_s, self._sampled_at = cpu_s, now
        gpu = self._gpu_use(now)
        return Resources(
            cpu_percent=percent,
            memory_bytes=memory_bytes,
            gpu_percent=gpu.percent if gpu else None,
            gpu_memory_bytes=gpu.memory_bytes if gpu else None,
        )

    def _percent(self, cpu_s: dict[tuple[int, float], float], now: float) -> float:
        """Of one core since the last sample; 0 at the first one, which has nothing to compare with."""
        if self._sampled_at is None or now <= self._sampled_at:
            return 0.0
        used_s = sum(seconds - self._cpu_s.get(process, 0.0) for process, seconds in cpu_s.items())
        return round(100 * max(0.0, used_s) / (now - self._sampled_at), 1)

    def _gpu_use(self, now: float) -> GpuUse | None:
        if self._gpu_asked_at is None or now - self._gpu_asked_at >= GPU_EVERY_S:
            self._gpu, self._gpu_asked_at = self._ask_gpu(), now
        return self._gpu


def nvidia_smi() -> GpuUse | None:
    """Use of the child's GPU, the first of CUDA_VISIBLE_DEVICES; None where there is none or the driver is silent."""
    program = shutil.which("nvidia-smi")
    device = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0].strip()
    if program is None or device in ("", "-1"):
        return None
    query = [program, f"--id={device}", "--query-gpu=utilization.gpu,memory.used", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(query, capture_output=True, text=True, timeout=NVIDIA_TIMEOUT_S, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    percent, _, mebibytes = told.partition("\n")[0].partition(",")
    try:
        return GpuUse(float(percent), int(mebibytes) * 1024 * 1024)
    except ValueError:
        return None  # "[N/A]": a device that does not tell
