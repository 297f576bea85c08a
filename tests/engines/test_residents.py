"""What is kept in memory, with things that are no models."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tunesmith.engines.residents import Loading, Residents
from tunesmith.schemas.errors import InUse, Unavailable


class Shelf:
    """Loads and frees that are noted, and wait where a test holds them."""

    def __init__(self) -> None:
        self.noted: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()

    def load(self, key: str, size: int = 10, parent: str | None = None) -> Callable[[], Awaitable[Loading[str]]]:
        async def run() -> Loading[str]:
            self.noted.append(f"load {key}")
            await self.gate.wait()
            return Loading(key, size, lambda: self.free(key), parent)

        return run

    async def free(self, key: str) -> None:
        await asyncio.sleep(0)
        self.noted.append(f"free {key}")


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


async def _use(residents: Residents[str], shelf: Shelf, key: str) -> None:
    async with residents.hold(key, shelf.load(key)) as resident:
        resident.names.add(key)


async def test_a_failed_load_is_told_to_all_who_wait_and_tried_again_by_the_next(shelf: Shelf) -> None:
    residents: Residents[str] = Residents(100)

    async def broken() -> Loading[str]:
        raise Unavailable("no disk")

    async def ask() -> None:
        async with residents.hold("a", broken):
            pass

    found = await asyncio.gather(ask(), ask(), return_exceptions=True)
    assert [str(e) for e in found] == ["no disk", "no disk"]
    await _use(residents, shelf, "a")
    assert residents.names() == ["a"]


async def test_room_counts_what_is_still_being_loaded() -> None:
    residents: Residents[str] = Residents(100)
    async with residents.room(60):
        with pytest.raises(Unavailable, match="answering now"):
            async with residents.room(60):
                pass
    async with residents.room(60):
        pass


async def test_what_is_used_is_not_freed_for_room(shelf: Shelf) -> None:
    residents: Residents[str] = Residents(20)
    await _use(residents, shelf, "old")
    async with residents.hold("busy", shelf.load("busy")), residents.room(10):
        assert shelf.noted == ["load old", "load busy", "free old"]


async def test_one_who_asks_while_a_thing_is_being_freed_loads_it_anew(shelf: Shelf) -> None:
    residents: Residents[str] = Residents(100)
    await _use(residents, shelf, "a")
    await asyncio.gather(residents.drop("a"), _use(residents, shelf, "a"))
    assert sorted(shelf.noted) == ["free a", "load a", "load a"]
    assert residents.names() == ["a"]


async def test_what_lives_inside_goes_first_and_one_in_use_keeps_all(shelf: Shelf) -> None:
    residents: Residents[str] = Residents(100)
    await _use(residents, shelf, "base")
    async with residents.hold("inner", shelf.load("inner", parent="base")):
        with pytest.raises(InUse, match="'base'"):
            await residents.drop("base")
    assert await residents.drop("base")
    assert shelf.noted[-2:] == ["free inner", "free base"]


async def test_close_tells_of_a_load_that_was_under_way(shelf: Shelf) -> None:
    residents: Residents[str] = Residents(100)
    shelf.gate.clear()
    task = asyncio.create_task(_use(residents, shelf, "slow"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await residents.close()
    assert residents.abandoned == 1
    with pytest.raises(asyncio.CancelledError):
        await task
