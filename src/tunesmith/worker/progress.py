"""Lines that a child writes: its progress file as it grows, and its output in lines a person can read."""

import asyncio
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import structlog
from pydantic import TypeAdapter, ValidationError

from tunesmith.schemas.training import Progress

log = structlog.get_logger()
MAX_LINE_BYTES = 64 * 1024
_PROGRESS: TypeAdapter[Progress] = TypeAdapter(Progress)


class ProgressTail:
    """Follows `progress.jsonl` from its first byte."""

    def __init__(self, path: Path, tell: Callable[[Progress], None], poll_s: float) -> None:
        self._path = path
        self._tell = tell
        self._poll_s = poll_s
        self._offset = 0
        self._rest = b""

    async def run(self) -> None:
        """Reads what is new, again and again, until cancelled."""
        while True:
            self.read()
            await asyncio.sleep(self._poll_s)

    def read(self) -> None:
        """Tells each complete line that is new; half a line waits for its end."""
        try:
            with self._path.open("rb") as f:
                f.seek(self._offset)
                added = f.read()
        except FileNotFoundError:
            return  # not begun yet
        self._offset += len(added)
        *lines, self._rest = (self._rest + added).split(b"\n")
        for line in lines:
            progress = parse(line)
            if progress is not None:
                self._tell(progress)


def parse(line: bytes) -> Progress | None:
    """One line of progress; None, and a warning, when it is none."""
    try:
        return _PROGRESS.validate_python(finite(json.loads(line)))
    except (ValueError, ValidationError) as error:
        log.warning("progress.unreadable", line=line[:200].decode(errors="replace"), reason=str(error)[:200])
        return None


def finite(value: Any) -> Any:
    """Figures that are no numbers are left out: JSON and PostgreSQL have no NaN, and a chart has no place for it."""
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value).items()
        return {
            k: {n: x for n, x in cast("dict[str, Any]", v).items() if _is_number(x)}
            if k in ("values", "metrics") and isinstance(v, dict)
            else finite(v)
            for k, v in items
        }
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


class LineSplitter:
    """Bytes into lines, in bounded memory: a line that never ends comes in pieces."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        """Lines that these bytes complete."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        # A progress bar rewrites its line for hours without ending it: only its newest state is kept.
        if b"\r" in self._rest:
            self._rest = self._rest[self._rest.rstrip(b"\r").rfind(b"\r") + 1 :]
        if len(self._rest) > MAX_LINE_BYTES:
            lines.append(self._rest)
            self._rest = b""
        return lines

    def rest(self) -> list[bytes]:
        """What was left without an end."""
        rest, self._rest = self._rest, b""
        return [rest] if rest else []


def last_of_bar(line: bytes) -> str:
    """The line as text, without what a progress bar wrote over."""
    return line.decode("utf-8", errors="replace").rstrip("\r").rsplit("\r", 1)[-1]
