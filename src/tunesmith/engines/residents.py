"""What is in memory: loaded once however many ask, kept while used, the least recently used freed for room."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import structlog

from tunesmith.schemas.errors import InUse, Unavailable

log = structlog.get_logger()
Thing = TypeVar("Thing")


@dataclass(frozen=True)
class Loading(Generic[Thing]):
    """What a load hands over: the thing, its size, and how to free it."""

    thing: Thing
    size_bytes: int
    free: Callable[[], Awaitable[None]]
    parent: str | None = None
    """Key of what it lives in; an adapter holds its base, and goes when the base is unloaded."""


@dataclass(eq=False)
class Resident(Generic[Thing]):
    key: str
    loading: Loading[Thing]
    names: set[str] = field(default_factory=set[str])
    uses: int = 0
    used: int = 0
    """Grows with each use, over all residents."""

    @property
    def thing(self) -> Thing:
        return self.loading.thing


class Residents(Generic[Thing]):
    """Things in memory by key, up to `limit_bytes`."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._residents: dict[str, Resident[Thing]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._coming_bytes = 0
        self.abandoned = 0
        """Loads that were under way at `close`; a thread may still be busy with each."""
        self._clock = itertools.count(1)

    @contextlib.asynccontextmanager
    async def hold(self, key: str, load: Callable[[], Awaitable[Loading[Thing]]]) -> AsyncIterator[Resident[Thing]]:
        """The resident, loaded if need be; it is not freed before the block is left."""
        while key not in self._residents:
            # Shielded: a caller who goes away must not end a load that others wait for.
            await asyncio.shield(self._tasks.get(key) or self._begin(key, load))
        resident = self._residents[key]
        resident.uses += 1
        resident.used = next(self._clock)
        try:
            yield resident
        finally:
            resident.uses -= 1

    @contextlib.asynccontextmanager
    async def room(self, size_bytes: int) -> AsyncIterator[None]:
        """Frees what is needed for something of this size, and counts it while it is being loaded.

        Raises Unavailable when it is larger than the limit or all else is in use.
        """
        if size_bytes > self._limit_bytes:
            raise Unavailable(
                f"The model needs {_gb(size_bytes)} and this engine may use {_gb(self._limit_bytes)}. "
                "Raise TUNESMITH_ENGINE_MEMORY_BYTES or use a machine with more memory.",
                code="model_too_large",
            )
        self._coming_bytes += size_bytes
        try:
            while self._total() > self._limit_bytes:
                idle = [r for r in self._residents.values() if r.uses == 0]
                if not idle:
                    raise Unavailable(
                        "The engine's memory is full of models that are answering now. Try again in a moment.",
                        code="engine_busy",
                    )
                oldest = min(idle, key=lambda r: r.used)
                del self._residents[oldest.key]
                await self._end(oldest)
            yield
        finally:
            self._coming_bytes -= size_bytes

    def names(self) -> list[str]:
        """Names of all that is loaded, sorted."""
        return sorted({name for resident in self._residents.values() for name in resident.names})

    def things(self) -> list[Thing]:
        return [resident.thing for resident in self._residents.values()]

    async def drop(self, name: str) -> bool:
        """Frees what has this name, what lives in it first; False when there is none. Raises InUse."""
        found = [r for r in self._residents.values() if name in r.names]
        for resident in found:
            inside = [r for r in self._residents.values() if r.loading.parent == resident.key]
            if any(r.uses for r in inside) or resident.uses > len(inside):
                raise InUse(f"The model '{name}' is answering a request. Unload it when it has finished.")
            # All are taken out before the first is freed: a request that comes meanwhile loads them anew.
            going = [each for each in [*inside, resident] if self._residents.pop(each.key, None) is not None]
            for each in going:
                await self._end(each)
        return bool(found)

    async def close(self) -> None:
        """Ends loads and frees all roots; what lives in them goes with them."""
        self.abandoned = len(self._tasks)
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        for resident in list(self._residents.values()):
            if resident.loading.parent is None:
                await resident.loading.free()
        self._residents.clear()

    def _begin(self, key: str, load: Callable[[], Awaitable[Loading[Thing]]]) -> asyncio.Task[None]:
        async def run() -> None:
            try:
                self._residents[key] = Resident(key, await load(), used=next(self._clock))
            finally:
                del self._tasks[key]

        task = asyncio.create_task(run())
        task.add_done_callback(_seen)
        self._tasks[key] = task
        return task

    async def _end(self, resident: Resident[Thing]) -> None:
        await resident.loading.free()
        log.info("model.unloaded", models=sorted(resident.names), size_bytes=resident.loading.size_bytes)

    def _total(self) -> int:
        return self._coming_bytes + sum(r.loading.size_bytes for r in self._residents.values())


def _seen(task: asyncio.Task[None]) -> None:
    """Takes note of a load's failure even if every caller who waited for it has gone."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.warning("model.load_failed", error=str(error))


def _gb(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:.1f} GB"
