"""A file fetched to disk: resumed by Range, checked by sha256, and put in its place only when whole."""

import hashlib
import random
import re
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from tunesmith.client._call import Call, raw
from tunesmith.client._retry import FIRST_S, LONGEST_S, worth_a_retry
from tunesmith.client.errors import ServerUnreachable, response_of, retry_after_s
from tunesmith.schemas.errors import ChecksumMismatch, StorageFull, TunesmithError

CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Download:
    """What to fetch and where it goes. Without a sha256 the bytes are taken as they come."""

    url: str
    target: Path
    size_bytes: int | None = None
    sha256: str | None = None
    signed: bool = True


class PartFile:
    """A download in progress at `<target>.part`; does no network I/O, so both senders share it."""

    def __init__(self, wanted: Download, *, max_failures: int) -> None:
        self._wanted = wanted
        self._max_failures = max_failures
        self._failures = 0
        self._asked_s: float | None = None
        self.complete = False
        self._path = wanted.target.with_name(wanted.target.name + ".part")
        try:
            wanted.target.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("a+b")
        except OSError as error:
            raise self._disk(error) from error
        self._hash = hashlib.sha256()
        self.offset = 0
        self._resume()

    def __enter__(self) -> "PartFile":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def call(self) -> Call[Any]:
        """The request for what is still missing."""
        call = Call("GET", self._wanted.url, raw, signed=self._wanted.signed)
        # Bytes packed for the way would not match the offsets of a Range.
        call = call.with_headers(Accept_Encoding="identity")
        return call.with_headers(Range=f"bytes={self.offset}-") if self.offset else call

    def accept(self, response: httpx.Response) -> None:
        """Looks at the answer's place: a server that ignores Range starts from the first byte again."""
        sent = re.match(r"bytes (\d+)-", response.headers.get("content-range", ""))
        if response.status_code == 206 and sent and int(sent[1]) == self.offset:
            return
        if self.offset:
            self._restart()
        if response.status_code == 206:
            raise ServerUnreachable(f"{self._wanted.url.split('?')[0]} answered another range than was asked for.")

    def write(self, chunk: bytes) -> None:
        """Bytes in the order of the file. Raises StorageFull when the disk is."""
        try:
            self._file.write(chunk)
        except OSError as error:
            raise self._disk(error) from error
        self._hash.update(chunk)
        self.offset += len(chunk)
        if self.offset > (self._wanted.size_bytes if self._wanted.size_bytes is not None else self.offset):
            self._restart()
            raise self._mismatch("is longer than announced")
        self._failures = 0

    def answered(self) -> None:
        """The answer ended: the file is whole unless bytes are missing, which another request will bring."""
        wanted = self._wanted.size_bytes
        if wanted is None or self.offset == wanted:
            self.complete = True
            return
        raise ServerUnreachable(f"{self._wanted.target.name}: {self.offset} of {wanted} bytes came.")

    def failed(self, error: TunesmithError) -> None:
        """Raises the error unless another try makes sense; progress refills the tries."""
        self._failures += 1
        response = response_of(error)
        past_the_end = response is not None and response.status_code == 416
        if past_the_end:
            self._restart()
        if not (past_the_end or worth_a_retry(error)) or self._failures > self._max_failures:
            raise error
        self._asked_s = retry_after_s(error)

    def pause_s(self) -> float:
        """Seconds to wait before the next request."""
        if self._asked_s is not None:
            return self._asked_s
        return min(LONGEST_S, FIRST_S * 2 ** (self._failures - 1)) * random.uniform(0.75, 1.0)

    def finish(self) -> Path:
        """The file in its place. Raises ChecksumMismatch, and drops the bytes, when they are not what was announced."""
        if self._wanted.sha256 and self._hash.hexdigest() != self._wanted.sha256:
            self._restart()
            raise self._mismatch(f"has not the announced sha256 {self._wanted.sha256}")
        try:
            self._file.close()
            self._path.replace(self._wanted.target)
        except OSError as error:
            raise self._disk(error) from error
        return self._wanted.target

    def _resume(self) -> None:
        """Takes up the bytes of an earlier try. Without a checksum they cannot be trusted and are dropped."""
        if self._wanted.sha256 is None:
            self._restart()
            return
        self._file.seek(0)
        while chunk := self._file.read(CHUNK_BYTES):
            self._hash.update(chunk)
            self.offset += len(chunk)
        if self._wanted.size_bytes is not None and self.offset > self._wanted.size_bytes:
            self._restart()
        self.complete = self._wanted.size_bytes is not None and self.offset == self._wanted.size_bytes

    def _restart(self) -> None:
        self._file.seek(0)
        self._file.truncate()
        self._hash = hashlib.sha256()
        self.offset = 0
        self.complete = False

    def _mismatch(self, what: str) -> ChecksumMismatch:
        return ChecksumMismatch(f"The download {self._wanted.target.name} {what}. Fetch it again.")

    def _disk(self, error: OSError) -> StorageFull:
        return StorageFull(f"{self._wanted.target} cannot be written: {error.strerror}. Free some space, or fix it.")
