"""multipart/form-data as it arrives: fields and files in the order of the body, never spooled.

A file's content is read by whoever took the part; what is left of it unread is skipped when the next part is asked for.
"""

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from tunesmith.schemas.errors import Invalid

MAX_PARTS = 32
MAX_FIELD_BYTES = 16 * 1024


@dataclass(frozen=True)
class FormField:
    name: str
    value: str


@dataclass(frozen=True)
class FormFile:
    """A part whose content is a stream; `filename` is empty when none was given."""

    name: str
    filename: str
    content: AsyncIterator[bytes]


@dataclass
class _Header:
    """A part's headers were read."""

    name: str
    filename: str
    is_file: bool


class _End:
    """A part ended."""


@dataclass
class _Collected:
    """The header lines of the part that is being parsed."""

    key: bytes = b""
    value: bytes = b""
    lines: dict[bytes, bytes] = field(default_factory=dict[bytes, bytes])


class FormStream:
    """The parts of one request. Raises Invalid for what is not a whole multipart form."""

    def __init__(self, content_type: str | None, body: AsyncIterator[bytes], *, files: frozenset[str]) -> None:
        """`files` names the parts that are streams whether or not they carry a filename."""
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not boundary:
            raise Invalid(
                "Send the file as multipart/form-data with a 'file' and a 'purpose'; "
                f"this request is {(content_type or 'of no content type')[:100]}."
            )
        self._body = body
        self._files = files
        self._events: deque[_Header | bytes | _End] = deque()
        self._collected = _Collected()
        self._whole = False
        self._ended = False
        self._n_parts = 0
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._on_begin,
                    "on_header_field": self._on_header_field,
                    "on_header_value": self._on_header_value,
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers_finished,
                    "on_part_data": self._on_data,
                    "on_part_end": self._on_part_end,
                    "on_end": self._on_end,
                },
            )
        except FormParserError as e:
            raise Invalid(f"The form cannot be read: {e}.") from e

    async def parts(self) -> AsyncIterator[FormField | FormFile]:
        """Each part in order; a file's content must be read before the next part is asked for."""
        while (event := await self._next()) is not None:
            if not isinstance(event, _Header):
                continue
            if event.is_file:
                yield FormFile(event.name, event.filename, self._content())
            else:
                yield FormField(event.name, await self._value(event.name))
        if not self._whole:
            raise Invalid("The form ended before its last boundary. Send it again, whole.")

    async def drain(self, limit_bytes: int) -> None:
        """Reads on without looking, so that a client that is still sending hears the answer; at most so far."""
        async for chunk in self._body:
            limit_bytes -= len(chunk)
            if limit_bytes < 0:
                return

    async def _content(self) -> AsyncIterator[bytes]:
        while (event := await self._next()) is not None:
            if isinstance(event, bytes):
                yield event
            else:
                return
        raise Invalid("The form ended in the middle of a file. Send it again, whole.")

    async def _value(self, name: str) -> str:
        value = b""
        async for piece in self._content():
            value += piece
            if len(value) > MAX_FIELD_BYTES:
                raise Invalid(f"The field '{name[:100]}' is longer than {MAX_FIELD_BYTES:,} bytes.", param=name[:100])
        return value.decode(errors="replace")

    async def _next(self) -> _Header | bytes | _End | None:
        """The next event; None at the end of the body."""
        while not self._events:
            if self._ended:
                return None
            try:
                chunk = await anext(self._body)
            except StopAsyncIteration:
                self._ended = True
                return None
            self._parse(chunk)
        return self._events.popleft()

    def _parse(self, chunk: bytes) -> None:
        try:
            self._parser.write(chunk)
        except FormParserError as e:
            raise Invalid(f"The form cannot be read: {e}.") from e

    def _on_begin(self) -> None:
        self._collected = _Collected()
        self._n_parts += 1
        if self._n_parts > MAX_PARTS:
            raise Invalid(f"The form has more than {MAX_PARTS} parts.")

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._collected.key += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._collected.value += data[start:end]

    def _on_header_end(self) -> None:
        at = self._collected
        at.lines[at.key.lower()] = at.value
        at.key = at.value = b""

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._collected.lines.get(b"content-disposition"))
        name, filename = _text(options.get(b"name", b"")), _text(options.get(b"filename", b""))
        self._events.append(_Header(name, filename, b"filename" in options or name in self._files))

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        self._events.append(data[start:end])

    def _on_part_end(self) -> None:
        self._events.append(_End())

    def _on_end(self) -> None:
        self._whole = True


def _text(raw: bytes) -> str:
    """Names come as UTF-8, from old clients as Latin-1."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
