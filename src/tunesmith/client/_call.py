"""One call described once: what is sent, and how the answer is read. Sending is `_send.py`'s."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from tunesmith.client.errors import UnreadableReply

T = TypeVar("T")
Reader = Callable[[httpx.Response], T]
Value = str | int | float | bool | Sequence[str] | None
"""Of a query; several texts are sent as the same parameter several times."""
Query = Mapping[str, Value]


@dataclass(frozen=True)
class Upload:
    """A file that goes out as multipart, read as it is sent."""

    path: Path
    filename: str
    fields: Mapping[str, str]
    on_progress: Callable[[int], None] | None = None
    """Told the bytes sent so far."""


@dataclass(frozen=True)
class Call(Generic[T]):
    """A request and the reader of its answer. `path` may be a whole URL: a signed link elsewhere."""

    method: str
    path: str
    read: Reader[T]
    query: Query = field(default_factory=dict[str, str])
    content: bytes | None = None
    upload: Upload | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    token: str | None = None
    """Sent in place of the client's own key."""
    signed: bool = False
    """The link is its own proof: no Authorization goes with it."""
    timeout_s: float | None = None
    """In place of the client's."""

    def with_headers(self, **headers: str) -> "Call[T]":
        """The same call with more headers; `_` in a name is written `-`."""
        return replace(self, headers={**self.headers, **{k.replace("_", "-"): v for k, v in headers.items()}})


def get(path: str, reply: Any, *, token: str | None = None, **query: Value) -> Call[Any]:
    """A GET; parameters that are None are left out."""
    return Call("GET", path, json_reader(reply), query=query, token=token)


def delete(path: str, reply: Any) -> Call[Any]:
    """A DELETE."""
    return Call("DELETE", path, json_reader(reply))


def post(
    path: str,
    reply: Any,
    body: BaseModel | Mapping[str, Any] | None = None,
    *,
    token: str | None = None,
    timeout_s: float | None = None,
) -> Call[Any]:
    """A POST with a JSON body, or with none at all."""
    return Call("POST", path, json_reader(reply), content=json_bytes(body), token=token, timeout_s=timeout_s)


def json_bytes(body: BaseModel | Mapping[str, Any] | None) -> bytes | None:
    """A body as it goes out: what is unset or None is left to the server's defaults."""
    if body is None:
        return None
    if isinstance(body, BaseModel):
        return body.model_dump_json(exclude_none=True).encode()
    return _ANY.dump_json({k: v for k, v in body.items() if v is not None})


def json_reader(reply: Any) -> Reader[Any]:
    """Reads JSON of the type; keys that this version does not know are passed over, so newer servers are understood."""
    adapter: TypeAdapter[Any] = TypeAdapter(reply)

    def read(response: httpx.Response) -> Any:
        try:
            return adapter.validate_json(response.content, extra="ignore")
        except ValidationError as error:
            raise UnreadableReply.of(response, str(error)) from error

    return read


def raw(response: httpx.Response) -> bytes:
    """Reader of an answer that is bytes."""
    return response.content


def segment(text: str) -> str:
    """One path segment; slashes of a model's name are sent as %2F, colons stay."""
    return quote(text, safe=":")


_ANY: TypeAdapter[Any] = TypeAdapter(Any)
