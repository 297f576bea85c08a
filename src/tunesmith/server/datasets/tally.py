"""Counts over a stream of records in bounded memory: duplicates by fingerprint, and lengths."""

from array import array
from bisect import bisect_right
from heapq import heappush, heapreplace
from math import inf

SMALLEST_TABLE = 1 << 12
LARGEST_TABLE = 1 << 21
"""Slots of 8 bytes: 16 MiB at most."""
BARS = 24
"""Of a histogram, at most."""
EXACT_BITS = 8
"""Lengths below 2 to this power are counted one by one; above, buckets are at most 1/128 wide."""


class Duplicates:
    """Counts fingerprints that came before, by 64 bits of each, in an open table with linear steps.

    Exact until about 1.5 million distinct records; the table is then full, and later ones are only compared with those.
    """

    def __init__(self) -> None:
        self.count = 0
        self._slots = array("Q", bytes(8 * SMALLEST_TABLE))
        self._used = 0

    def add(self, fingerprint: str) -> bool:
        """Whether it came before. `fingerprint` is hexadecimal."""
        key = int(fingerprint[:16], 16) or 1
        slots = self._slots
        mask = len(slots) - 1
        at = key & mask
        while slots[at]:
            if slots[at] == key:
                self.count += 1
                return True
            at = (at + 1) & mask
        if self._used < len(slots) * 3 // 4:
            slots[at] = key
            self._used += 1
        elif len(slots) < LARGEST_TABLE:
            self._grow()
            return self.add(fingerprint)
        return False

    def _grow(self) -> None:
        old, self._slots = self._slots, array("Q", bytes(8 * 2 * len(self._slots)))
        mask = len(self._slots) - 1
        for key in old:
            if key:
                at = key & mask
                while self._slots[at]:
                    at = (at + 1) & mask
                self._slots[at] = key


class Lengths:
    """Minimum, maximum and total, exact; quantiles to within 1 % by buckets that widen with the length."""

    def __init__(self) -> None:
        self.count = 0
        self.total = 0
        self.minimum = 0
        self.maximum = 0
        self._buckets: dict[int, int] = {}

    def add(self, length: int) -> None:
        self.minimum = min(self.minimum, length) if self.count else length
        self.maximum = max(self.maximum, length)
        self.count += 1
        self.total += length
        bucket = bucket_of(length)
        self._buckets[bucket] = self._buckets.get(bucket, 0) + 1

    def quantile(self, share: float) -> int:
        """The smallest length that at least `share` of the records do not exceed; 0 of none."""
        wanted = share * self.count
        seen = 0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            if seen >= wanted:
                width = 1 << max(0, bucket.bit_length() - EXACT_BITS)
                return max(self.minimum, min(self.maximum, bucket + width // 2))
        return self.maximum

    def count_above(self, length: float) -> int:
        """How many are longer, counted by buckets."""
        return sum(count for bucket, count in self._buckets.items() if bucket > length)

    def count_below(self, length: float) -> int:
        """How many are shorter, counted by buckets."""
        return sum(count for bucket, count in self._buckets.items() if bucket < length)

    def leave_out(self, *, above: float = inf, below: float = -inf) -> None:
        """Forgets those that are longer or shorter, counted by buckets; minimum and maximum are then bounds."""
        for bucket in [bucket for bucket in self._buckets if bucket > above or bucket < below]:
            self.count -= self._buckets.pop(bucket)
        if self._buckets:
            largest = max(self._buckets)
            self.minimum = max(self.minimum, min(self._buckets))
            self.maximum = min(self.maximum, largest + (1 << max(0, largest.bit_length() - EXACT_BITS)) - 1)

    def histogram(self) -> tuple[list[float], list[int]]:
        """Edges and the counts between them, the edges in equal ratios; a length at an edge counts above it."""
        low, high = max(1, self.minimum), self.maximum + 1
        ratio = (high / low) ** (1 / BARS)
        edges = [min(self.minimum, low), *sorted({round(low * ratio**at) for at in range(1, BARS)} - {low, high}), high]
        counts = [0] * (len(edges) - 1)
        for bucket, count in self._buckets.items():
            middle = bucket + (1 << max(0, bucket.bit_length() - EXACT_BITS)) // 2
            at = bisect_right(edges, max(self.minimum, min(self.maximum, middle))) - 1
            counts[at] += count
        return [float(edge) for edge in edges], counts


def bucket_of(length: int) -> int:
    """The smallest length that is counted together with this one."""
    shift = max(0, length.bit_length() - EXACT_BITS)
    return length >> shift << shift


class Extremes:
    """The records with the largest values, at most `most` of them: (value, line)."""

    def __init__(self, most: int = 20) -> None:
        self._most = most
        self._heap: list[tuple[int, int]] = []

    def add(self, value: int, line: int) -> None:
        if len(self._heap) < self._most:
            heappush(self._heap, (value, -line))
        elif value > self._heap[0][0]:
            heapreplace(self._heap, (value, -line))

    def lines_above(self, value: float) -> list[int]:
        """Lines of those beyond the value, in order."""
        return sorted(-line for found, line in self._heap if found > value)
