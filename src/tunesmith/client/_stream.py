"""Server-sent events: the frames, and a stream that is opened again by Last-Event-ID where it broke."""

import json
import random
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from tunesmith.client._call import Call
from tunesmith.client._retry import FIRST_S, LONGEST_S, worth_a_retry
from tunesmith.client.errors import ServerUnreachable, UnreadableReply, build, retry_after_s
from tunesmith.schemas.errors import TunesmithError

T = TypeVar("T")
Item = TypeVar("Item", bound=BaseModel)
SILENCE_S = 45.0
"""The server sends a comment every 15 s; three missing ones mean the connection is dead."""
PATIENCE = 10
"""Failures in a row, about a minute, that a resumable stream sits out: a server's restart ends no reader."""
MAX_FRAME_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Frame:
    """One event as it came."""

    event: str
    data: str
    id: str | None


@dataclass(frozen=True)
class Stream(Generic[T]):
    """A call that answers with events. `read` turns a frame's data into an item."""

    call: Call[Any]
    read: Callable[[str], T]
    resumable: bool
    """True: opened again from Last-Event-ID until the server says that it is over (204, or an `end` event)."""


def json_item(kind: type[Item]) -> Callable[[str], Item]:
    """Reads a frame's data as `kind`; keys that this version does not know are passed over."""

    def read(data: str) -> Item:
        try:
            return kind.model_validate_json(data, extra="ignore")
        except ValidationError as error:
            raise UnreadableReply(f"An event of the stream is not a {kind.__name__}: {error}") from error

    return read


class Reading(Generic[T]):
    """Where a reader of a stream stands; does no I/O itself, so both senders share it."""

    def __init__(self, stream: Stream[T], *, max_failures: int) -> None:
        self.ended = False
        self._stream = stream
        self._frames = FrameReader()
        self._failures = 0
        self._max_failures = max(PATIENCE, max_failures) if stream.resumable else max_failures
        self._asked_s: float | None = None
        self._seen = False

    def call(self) -> Call[Any]:
        """The request that goes on after the last event that was seen."""
        self._frames = FrameReader(last_id=self._frames.last_id, retry_s=self._frames.retry_s)
        call = self._stream.call.with_headers(Accept="text/event-stream")
        if self._stream.resumable:
            call = replace(call, timeout_s=SILENCE_S)
            if self._frames.last_id:
                call = call.with_headers(Last_Event_ID=self._frames.last_id)
        return call

    def chunks(self, response: httpx.Response, chunks: Callable[[], Iterable[bytes]]) -> Iterator[bytes]:
        """The answer's bytes up to the end event; none for a 204."""
        if self._opened(response):
            for chunk in chunks():
                yield chunk
                if self.ended:
                    return

    async def async_chunks(
        self, response: httpx.Response, chunks: Callable[[], AsyncIterable[bytes]]
    ) -> AsyncIterator[bytes]:
        """The same, asynchronously."""
        if self._opened(response):
            async for chunk in chunks():
                yield chunk
                if self.ended:
                    return

    def feed(self, chunk: bytes) -> Iterator[T]:
        """Items that these bytes complete. Raises the error that an error frame carries."""
        for frame in self._frames.feed(chunk):
            self._failures = 0
            if frame.data == "[DONE]" or frame.event in ("end", "done"):
                self.ended = True
                return
            if frame.event == "reset" or not frame.data:
                continue  # the place was too old; what follows starts over
            self._seen = True
            yield self._stream.read(_without_error(frame.data))

    def closed(self) -> None:
        """The connection ended in good order."""
        if not self._stream.resumable and not self.ended:
            raise ServerUnreachable("The answer broke off before its end. Send the request again.")
        self._asked_s = None

    def failed(self, error: TunesmithError) -> None:
        """The connection broke or was refused: raises the error unless another try makes sense."""
        self._failures += 1
        again = self._stream.resumable or not self._seen
        if not again or not worth_a_retry(error) or self._failures > self._max_failures:
            raise error
        self._asked_s = retry_after_s(error)

    def pause_s(self) -> float:
        """Seconds to wait before the next request."""
        if self._asked_s is not None:
            return self._asked_s
        if self._failures:
            return min(LONGEST_S, FIRST_S * 2 ** (self._failures - 1)) * random.uniform(0.75, 1.0)
        return self._frames.retry_s

    def _opened(self, response: httpx.Response) -> bool:
        if response.status_code == 204:
            self.ended = True
            return False
        if not response.headers.get("content-type", "").startswith("text/event-stream"):
            raise UnreadableReply.of(response, "not an event stream")
        return True


@dataclass
class FrameReader:
    """Splits bytes into frames by the rules of the HTML standard."""

    last_id: str = ""
    retry_s: float = 0.5
    """What the server asked for with `retry:`."""
    _buffer: bytes = b""
    _data: list[str] = field(default_factory=list[str])
    _event: str = ""

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """Frames that these bytes complete. A line may end in CR, LF or both, and chunks may split anywhere."""
        self._buffer += chunk
        if len(self._buffer) > MAX_FRAME_BYTES:
            raise ServerUnreachable("An event is larger than 16 MiB; the stream was left.")
        lines = self._buffer.splitlines(keepends=True) if b"\n" in self._buffer or b"\r" in self._buffer else []
        # A CR at the very end may be the first half of CRLF.
        if lines and not lines[-1].endswith(b"\n"):
            self._buffer = lines.pop()
        elif lines:
            self._buffer = b""
        for line in lines:
            frame = self._line(line.rstrip(b"\r\n").decode("utf-8", errors="replace"))
            if frame is not None:
                yield frame

    def _line(self, line: str) -> Frame | None:
        if not line:
            return self._dispatch()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "data":
                self._data.append(value)
            case "event":
                self._event = value
            case "id" if "\0" not in value:
                self.last_id = value
            case "retry" if value.isdigit():
                self.retry_s = int(value) / 1000
            case _:
                pass  # a comment, or a field of a later time
        return None

    def _dispatch(self) -> Frame | None:
        event, data = self._event or "message", "\n".join(self._data)
        had_any = bool(self._data) or bool(self._event)
        self._event, self._data = "", []
        return Frame(event, data, self.last_id or None) if had_any else None


def _without_error(data: str) -> str:
    """The data; raises what a frame `{"error": {...}}` says: a failure after the first frame comes this way."""
    if not data.startswith('{"error"'):
        return data
    body: dict[str, Any] = json.loads(data)["error"]
    code = body.get("code")
    raise build(500, code if isinstance(code, str) else None, str(body.get("message")), body.get("param"))
