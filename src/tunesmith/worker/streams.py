"""Numbered items of one stream, kept on disk until the job ends, so that an outage of any length costs no memory."""

from pathlib import Path

MARK_EVERY = 64


class StreamFile:
    """Append-only lines numbered from 0; memory holds one offset for every 64 of them."""

    def __init__(self, path: Path, *, max_bytes: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w+b")
        self._max_bytes = max_bytes
        self._size_bytes = 0
        self._marks: list[int] = []
        self.length = 0
        """The number that the next item gets."""
        self.dropped = 0
        """Items that found no room."""

    def append(self, line: bytes) -> bool:
        """Keeps one item, which must hold no newline; False when the buffer is full."""
        if self._size_bytes + len(line) + 1 > self._max_bytes:
            self.dropped += 1
            return False
        if self.length % MARK_EVERY == 0:
            self._marks.append(self._size_bytes)
        self._file.seek(self._size_bytes)
        self._file.write(line + b"\n")
        self._size_bytes += len(line) + 1
        self.length += 1
        return True

    def read(self, first: int, *, limit: int, max_bytes: int) -> list[bytes]:
        """Items from number `first` on, at most `limit` of them and `max_bytes` in all."""
        if first >= self.length or limit < 1:
            return []
        self._file.flush()
        self._file.seek(self._marks[first // MARK_EVERY])
        for _ in range(first % MARK_EVERY):
            self._file.readline()
        found: list[bytes] = []
        total = 0
        for _ in range(min(limit, self.length - first)):
            line = self._file.readline().rstrip(b"\n")
            total += len(line)
            if total > max_bytes:
                break
            found.append(line)
        return found

    def close(self) -> None:
        """Closes the file; the run's folder takes it away."""
        self._file.close()
