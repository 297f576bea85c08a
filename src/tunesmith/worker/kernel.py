"""What the Linux kernel says about memory: limits of the control group, and kills for want of it."""

from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def oom_kills() -> int:
    """Processes killed for want of memory so far: in this control group where it counts them, else on the machine.

    0 where no kernel counts.
    """
    for path in (own_group() / "memory.events", CGROUP / "memory.events", Path("/proc/vmstat")):
        counted = _field(path, "oom_kill")
        if counted is not None:
            return counted
    return 0


def memory_limit_bytes() -> int | None:
    """The control group's memory limit; None when there is none."""
    for path in (own_group() / "memory.max", CGROUP / "memory.max", CGROUP / "memory/memory.limit_in_bytes"):
        text = _read(path).strip()
        # Version 1 writes "no limit" as a number near 2**63.
        if text.isdigit() and int(text) < 1 << 60:
            return int(text)
    return None


def own_group() -> Path:
    """The folder of this process's control group (version 2)."""
    for line in _read(Path("/proc/self/cgroup")).splitlines():
        if line.startswith("0::"):
            return CGROUP / line[3:].lstrip("/")
    return CGROUP


def _field(path: Path, name: str) -> int | None:
    for line in _read(path).splitlines():
        key, _, value = line.partition(" ")
        if key == name and value.isdigit():
            return int(value)
    return None


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""  # not this kernel, not this version of control groups
