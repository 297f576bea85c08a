"""The batches that requests share: like lengths together, requests in turn."""

import asyncio
from collections import deque

import pytest
import torch

from tunesmith.engines import batching
from tunesmith.engines.batching import EncodeLoop, EncodeRun, next_batch
from tunesmith.schemas.errors import Internal, Unavailable


class Sums:
    """A lane that answers with each row's sum, keeps the shapes it saw, and waits where a test holds it."""

    pad_id = 0

    def __init__(self) -> None:
        self.shapes: list[tuple[int, int]] = []
        self.entered = asyncio.Event()
        self.loop = asyncio.get_running_loop()
        self.held: asyncio.Future[None] | None = None

    def __call__(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        self.shapes.append((ids.shape[0], ids.shape[1]))
        if (ids < 0).any():
            raise ValueError("a negative id")
        if self.held is not None:
            self.loop.call_soon_threadsafe(self.entered.set)
            asyncio.run_coroutine_threadsafe(_wait(self.held), self.loop).result(20)
        return (ids * mask).sum(1, keepdim=True).float()


async def _wait(held: "asyncio.Future[None]") -> None:
    await asyncio.shield(held)


@pytest.fixture
def loop():
    made = EncodeLoop("test", threads=1, max_rows=8)
    yield made
    made.close()


async def result(loop: EncodeLoop, run: EncodeRun) -> list[float]:
    loop.submit(run)
    return (await asyncio.wrap_future(run.future))[:, 0].tolist()


async def test_answers_come_in_the_order_of_the_rows(loop) -> None:
    rows = [[1] * n for n in (3, 90, 1, 40, 2, 41, 90, 1, 5, 7)]
    assert await result(loop, EncodeRun(Sums(), rows)) == [float(len(row)) for row in rows]


async def test_a_batch_is_padded_to_twice_a_row_at_most(loop) -> None:
    lane = Sums()
    await result(loop, EncodeRun(lane, [[1] * n for n in (100, 60, 49, 30, 24, 2)]))
    assert lane.shapes == [(2, 100), (2, 49), (1, 24), (1, 2)]


async def test_a_batch_keeps_within_its_tokens_and_rows(loop, monkeypatch) -> None:
    monkeypatch.setattr(batching, "BATCH_TOKENS", 100)
    lane = Sums()
    await result(loop, EncodeRun(lane, [[1] * 40] * 3 + [[1] * 4] * 9 + [[1] * 150]))
    assert lane.shapes == [(1, 150), (2, 40), (1, 40), (8, 4), (1, 4)]


async def test_requests_share_a_batch_and_lanes_do_not() -> None:
    one, other = Sums(), Sums()
    runs = deque([EncodeRun(one, [[1] * 9]), EncodeRun(other, [[1] * 9]), EncodeRun(one, [[1] * 8, [1] * 2])])
    first, second, third = runs
    assert next_batch(runs, max_rows=8) == [(first, 0), (third, 0)]
    runs.remove(first)  # as the loop does with a run that has no rows left
    assert next_batch(runs, max_rows=8) == [(second, 0)]


async def test_a_short_request_waits_for_one_batch_of_a_long_one_only(loop) -> None:
    lane = Sums()
    lane.held = asyncio.get_running_loop().create_future()
    long = asyncio.create_task(result(loop, EncodeRun(lane, [[1] * 9] * 64)))
    await lane.entered.wait()
    short = asyncio.create_task(result(loop, EncodeRun(lane, [[1] * 3])))
    await asyncio.sleep(0)
    lane.held.set_result(None)
    assert await short == [3.0]
    assert (await long)[0] == 9.0
    assert lane.shapes.index((1, 3)) <= 2


async def test_a_cancelled_request_computes_no_further_batch(loop) -> None:
    lane = Sums()
    lane.held = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(result(loop, EncodeRun(lane, [[1] * 9] * 64)))
    await lane.entered.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    lane.held.set_result(None)
    assert await result(loop, EncodeRun(lane, [[1, 1]])) == [2.0]
    assert lane.shapes == [(8, 9), (1, 2)]


async def test_a_failed_batch_is_told_and_the_others_go_on(loop) -> None:
    lane = Sums()
    with pytest.raises(Internal, match="a negative id"):
        await result(loop, EncodeRun(lane, [[-1], [1] * 20]))
    assert await result(loop, EncodeRun(lane, [[1]])) == [1.0]


async def test_what_waits_when_the_model_is_unloaded_is_told_so(loop) -> None:
    lane = Sums()
    lane.held = asyncio.get_running_loop().create_future()
    waiting = asyncio.create_task(result(loop, EncodeRun(lane, [[1] * 9] * 64)))
    await lane.entered.wait()
    closing = asyncio.create_task(asyncio.to_thread(loop.close))
    while not loop._closing:  # noqa: ASYNC110 -- a thread's flag has no event
        await asyncio.sleep(0.001)
    lane.held.set_result(None)
    await closing
    with pytest.raises(Unavailable, match="unloaded"):
        await waiting
    with pytest.raises(Unavailable):
        await result(loop, EncodeRun(lane, [[1]]))
