"""A described call as httpx takes it: address, headers, who is asking, and the open file of an upload."""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Any, TypeVar, cast
from urllib.parse import urlsplit
from uuid import uuid4

import httpx

from tunesmith import __version__
from tunesmith.client._call import Call, Upload
from tunesmith.client._config import Config
from tunesmith.schemas.errors import Invalid

T = TypeVar("T")


def client_options(config: Config) -> dict[str, Any]:
    return {
        "base_url": config.base_url,
        "timeout": httpx.Timeout(config.timeout_s, connect=config.connect_timeout_s),
        "headers": {"user-agent": f"tunesmith/{__version__}"},
    }


def once(call: Call[T]) -> Call[T]:
    """A POST with a key of its own, the same for each retry, so that the server does the thing once."""
    if call.method != "POST" or call.token is not None or "Idempotency-Key" in call.headers:
        return call
    return call.with_headers(Idempotency_Key=str(uuid4()))


def request_options(call: Call[Any], files: dict[str, Any] | None) -> dict[str, Any]:
    headers = dict(call.headers)
    if call.content is not None:
        headers.setdefault("content-type", "application/json")
    built: dict[str, Any] = {
        "method": call.method,
        "url": call.path,
        "params": _query(call.query) or None,
        "headers": headers,
        "content": call.content,
    }
    if call.upload is not None:
        built |= {"data": dict(call.upload.fields), "files": files}
    if call.timeout_s is not None:
        built["timeout"] = httpx.Timeout(call.timeout_s)
    return built


def _query(query: Mapping[str, Any]) -> dict[str, str | list[str]]:
    return {k: _sent(v) for k, v in query.items() if v is not None}


def _sent(value: Any) -> str | list[str]:
    if isinstance(value, list | tuple):
        return [str(each) for each in cast("list[Any]", value)]
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True)
class _Bearer(httpx.Auth):
    key: str

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self.key}"
        yield request


class _NoAuth(httpx.Auth):
    """Also keeps httpx from taking a name and password out of ~/.netrc."""


def authorization(call: Call[Any], config: Config) -> httpx.Auth:
    # A key goes to the configured server alone, never to a link that leads elsewhere.
    if call.signed or urlsplit(call.path).netloc:
        return _NoAuth()
    return _Bearer(call.token or config.key())


class OpenBody:
    """The open file of an upload, opened anew for each try."""

    def __init__(self, upload: Upload | None) -> None:
        self.upload = upload
        self.handle: IO[bytes] | None = None

    def __enter__(self) -> dict[str, Any] | None:
        if self.upload is None:
            return None
        try:
            self.handle = self.upload.path.open("rb")
        except OSError as error:
            raise Invalid(
                f"{self.upload.path} cannot be read: {error.strerror}. Check the path.", param="file"
            ) from error
        body: Any = self.handle
        if self.upload.on_progress is not None:
            body = _Counted(self.handle, self.upload.on_progress)
        return {"file": (self.upload.filename, body, "application/octet-stream")}

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.handle is not None:
            self.handle.close()


class _Counted:
    """A file that tells how far it was read."""

    def __init__(self, handle: IO[bytes], tell: Callable[[int], None]) -> None:
        self._handle = handle
        self._tell = tell

    def read(self, size: int = -1) -> bytes:
        chunk = self._handle.read(size)
        if chunk:
            self._tell(self._handle.tell())
        return chunk

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._handle.seek(offset, whence)

    def tell(self) -> int:
        return self._handle.tell()

    def fileno(self) -> int:
        return self._handle.fileno()
