"""Figures as a person reads them."""

from datetime import datetime


def size(n_bytes: float) -> str:
    """Bytes in the largest fitting unit: 1.4 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.0f} {unit}" if unit == "B" else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.1f} TB"


def when(epoch_s: int | None) -> str | None:
    """Local date and time to the minute; None stays None."""
    return None if epoch_s is None else datetime.fromtimestamp(epoch_s).astimezone().strftime("%Y-%m-%d %H:%M")


def duration(seconds: float) -> str:
    """1 h 05 min, 2 min 03 s, or 12 s."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 60} min {whole % 60:02d} s" if whole >= 60 else f"{whole} s"


def count(n: int) -> str:
    """Weights of a model: 134 M, 7.2 B."""
    return f"{n / 1e9:.1f} B" if n >= 1e9 else f"{n / 1e6:.0f} M" if n >= 1e6 else f"{n:,}"
