"""gzip unpacked as it streams: in bounded memory, with a limit on its size, and refused where it is not whole.

A file of several members one after another, as bgzip and `cat a.gz b.gz` make, is one text.
"""

import zlib
from collections.abc import Iterator

from tunesmith.records.formats import GZIP_MAGIC, not_readable
from tunesmith.schemas.errors import RecordInvalid, TooLarge

STEP_BYTES = 256 * 1024
"""Unpacked at a time."""
MAX_RATIO = 200
"""Unpacked to packed bytes. Text packs 3 to 20 times smaller, a file of one line over and over up to 1,000 times."""
FREE_BYTES = 64 * 1024**2
"""Unpacked bytes below which the ratio is not looked at."""
_AUTO_GZIP = zlib.MAX_WBITS | 16


class Gunzip:
    """Unpacks chunks in order. Raises RecordInvalid for what is no whole gzip or grows beyond MAX_RATIO, and TooLarge
    beyond `limit_bytes`."""

    def __init__(self, *, limit_bytes: int | None = None) -> None:
        self._limit_bytes = limit_bytes
        self._member = zlib.decompressobj(_AUTO_GZIP)
        self._fresh = True
        """Nothing of this member was read."""
        self._between = b""
        """Bytes behind a member that may begin another."""
        self._n_members = 0
        self._packed_bytes = 0
        self._unpacked_bytes = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The unpacked bytes, in pieces of at most STEP_BYTES."""
        self._packed_bytes += len(chunk)
        while chunk:
            if self._fresh:
                chunk = self._begin(chunk)
                if not chunk:
                    return
            piece = self._step(chunk)
            if piece:
                yield piece
            if self._member.eof:
                chunk = self._member.unused_data
                self._member, self._fresh, self._n_members = zlib.decompressobj(_AUTO_GZIP), True, self._n_members + 1
            else:
                chunk = self._member.unconsumed_tail
                if not chunk and not piece:
                    return

    def finish(self) -> None:
        """Passes when the last member was whole."""
        if self._between or not self._fresh:
            raise not_readable(
                f"The gzip file ends too early, after {self._packed_bytes:,} bytes ({self._unpacked_bytes:,} unpacked)."
                " Pack it again and upload it whole."
            )
        if not self._n_members:
            raise _no_gzip()

    def _begin(self, chunk: bytes) -> bytes:
        """What to unpack next; empty when that is not known yet. Zeros that pad a file are left out."""
        chunk = self._between + chunk
        self._between = b""
        if self._n_members:
            chunk = chunk.lstrip(b"\x00")
        if len(chunk) < len(GZIP_MAGIC) and GZIP_MAGIC.startswith(chunk):
            self._between = chunk
            return b""
        if not chunk.startswith(GZIP_MAGIC):
            if self._n_members:
                raise not_readable("The gzip file goes on with bytes that are no gzip. Pack it again.")
            raise _no_gzip()
        self._fresh = False
        return chunk

    def _step(self, chunk: bytes) -> bytes:
        try:
            piece = self._member.decompress(chunk, STEP_BYTES)
        except zlib.error as e:
            raise not_readable(
                f"The gzip file is damaged within its first {self._packed_bytes:,} bytes ({e}). Pack it again."
            ) from e
        self._unpacked_bytes += len(piece)
        consumed = max(1, self._packed_bytes - len(self._member.unconsumed_tail))
        if self._unpacked_bytes > FREE_BYTES and self._unpacked_bytes > MAX_RATIO * consumed:
            raise not_readable(
                f"The gzip file grows to more than {MAX_RATIO} times its size ({self._unpacked_bytes:,} bytes from "
                f"{consumed:,}). Text never does: upload it unpacked if it is one line over and over."
            )
        if self._limit_bytes is not None and self._unpacked_bytes > self._limit_bytes:
            raise TooLarge(
                f"Unpacked the file is larger than the {self._limit_bytes:,} bytes that are allowed here. Split it, or "
                "ask the server's operator to raise max_file_bytes."
            )
        return piece


def _no_gzip() -> RecordInvalid:
    return not_readable("The file's name ends in .gz, and it is no gzip file. Name it without .gz, or pack it.")
