"""The two senders: the same calls over httpx, blocking and asyncio."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
from tenacity import AsyncRetrying, Retrying, stop_after_attempt

from tunesmith.client._call import Call
from tunesmith.client._config import Config
from tunesmith.client._download import Download, PartFile
from tunesmith.client._request import OpenBody, authorization, client_options, once, request_options
from tunesmith.client._retry import RetryWait, retry_rule
from tunesmith.client._stream import Reading, Stream
from tunesmith.client.errors import ServerUnreachable, raise_for
from tunesmith.schemas.errors import Invalid, TunesmithError

T = TypeVar("T")
Steps = Generator[Call[Any] | Download, Any, T]
"""Several calls in a row: each is yielded and its answer comes back, so both senders can walk them."""


class Sender:
    """Sends calls and waits for the answer."""

    def __init__(
        self,
        config: Config,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.config = config
        self.sleep = sleep
        self._http = httpx.Client(transport=transport, **client_options(config))

    def close(self) -> None:
        self._http.close()

    def send(self, call: Call[T]) -> T:
        """The answer, read by the call. Raises the errors of `schemas/errors.py` and `client/errors.py`."""
        call = once(call)
        for attempt in Retrying(
            stop=stop_after_attempt(self.config.max_retries + 1),
            wait=RetryWait(),
            retry=retry_rule,
            sleep=self.sleep,
            reraise=True,
        ):
            with attempt, self._exchange(call) as response:
                response.read()
                return call.read(response)
        raise AssertionError("the last attempt raises")

    def stream(self, stream: Stream[T]) -> Iterator[T]:
        """Items as they arrive; a resumable stream is opened again where it broke."""
        reading = Reading(stream, max_failures=self.config.max_retries)
        while not reading.ended:
            try:
                with self._exchange(reading.call()) as response:
                    for chunk in reading.chunks(response, response.iter_bytes):
                        yield from reading.feed(chunk)
                reading.closed()
            except TunesmithError as error:
                reading.failed(error)
            if not reading.ended:
                self.sleep(reading.pause_s())

    def download(self, wanted: Download) -> Path:
        """The file, whole and checked; goes on from the part that an earlier call left."""
        with PartFile(wanted, max_failures=self.config.max_retries) as part:
            while not part.complete:
                try:
                    with self._exchange(part.call()) as response:
                        part.accept(response)
                        for chunk in response.iter_bytes():
                            part.write(chunk)
                    part.answered()
                except TunesmithError as error:
                    part.failed(error)
                    self.sleep(part.pause_s())
            return part.finish()

    def walk(self, steps: Steps[T]) -> T:
        """The result of several calls in a row."""
        answer: Any = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as done:
                return done.value
            answer = self.download(step) if isinstance(step, Download) else self.send(step)

    @contextmanager
    def _exchange(self, call: Call[Any]) -> Generator[httpx.Response, None, None]:
        with OpenBody(call.upload) as files, _translated(self.config.base_url):
            request = self._http.build_request(**request_options(call, files))
            response = self._http.send(request, stream=True, auth=authorization(call, self.config))
            try:
                if not response.is_success:
                    response.read()
                raise_for(response)
                yield response
            finally:
                response.close()


class AsyncSender:
    """Sends calls on asyncio's loop."""

    def __init__(
        self,
        config: Config,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.config = config
        self.sleep = sleep
        self._http = httpx.AsyncClient(transport=transport, **client_options(config))

    async def close(self) -> None:
        await self._http.aclose()

    async def send(self, call: Call[T]) -> T:
        """The answer, read by the call. Raises the errors of `schemas/errors.py` and `client/errors.py`."""
        call = once(call)
        async for attempt in AsyncRetrying(
            stop=stop_after_attempt(self.config.max_retries + 1),
            wait=RetryWait(),
            retry=retry_rule,
            sleep=self.sleep,
            reraise=True,
        ):
            with attempt:
                async with self._exchange(call) as response:
                    await response.aread()
                    return call.read(response)
        raise AssertionError("the last attempt raises")

    async def stream(self, stream: Stream[T]) -> AsyncIterator[T]:
        """Items as they arrive; a resumable stream is opened again where it broke."""
        reading = Reading(stream, max_failures=self.config.max_retries)
        while not reading.ended:
            try:
                async with self._exchange(reading.call()) as response:
                    async for chunk in reading.async_chunks(response, response.aiter_bytes):
                        for item in reading.feed(chunk):
                            yield item
                reading.closed()
            except TunesmithError as error:
                reading.failed(error)
            if not reading.ended:
                await self.sleep(reading.pause_s())

    async def download(self, wanted: Download) -> Path:
        """The file, whole and checked; goes on from the part that an earlier call left."""
        with await asyncio.to_thread(PartFile, wanted, max_failures=self.config.max_retries) as part:
            while not part.complete:
                try:
                    async with self._exchange(part.call()) as response:
                        part.accept(response)
                        async for chunk in response.aiter_bytes():
                            part.write(chunk)
                    part.answered()
                except TunesmithError as error:
                    part.failed(error)
                    await self.sleep(part.pause_s())
            return part.finish()

    async def walk(self, steps: Steps[T]) -> T:
        """The result of several calls in a row."""
        answer: Any = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as done:
                return done.value
            answer = await (self.download(step) if isinstance(step, Download) else self.send(step))

    @asynccontextmanager
    async def _exchange(self, call: Call[Any]) -> AsyncGenerator[httpx.Response, None]:
        with OpenBody(call.upload) as files, _translated(self.config.base_url):
            request = self._http.build_request(**request_options(call, files))
            response = await self._http.send(request, stream=True, auth=authorization(call, self.config))
            try:
                if not response.is_success:
                    await response.aread()
                raise_for(response)
                yield response
            finally:
                await response.aclose()


@contextmanager
def _translated(base_url: str) -> Generator[None, None, None]:
    try:
        yield
    except httpx.RequestError as error:
        raise ServerUnreachable.of(base_url, f"{type(error).__name__} {error}".strip()) from error
    except httpx.InvalidURL as error:
        raise Invalid(f"Not a usable address: {error}.", param="base_url") from error
