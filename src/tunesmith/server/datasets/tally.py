"""Counts over a stream of records in bounded memory: duplicates by fingerprint, and lengths."""

from array import array

SMALLEST_TABLE = 1 << 12
LARGEST_TABLE = 1 << 21
"""Slots of 8 bytes: 16 MiB at most."""
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

    def add(self, fingerprint: str) -> None:
        """`fingerprint` is hexadecimal."""
        key = int(fingerprint[:16], 16) or 1
        slots = self._slots
        mask = len(slots) - 1
        at = key & mask
        while slots[at]:
            if slots[at] == key:
                self.count += 1
                return
            at = (at + 1) & mask
        if self._used < len(slots) * 3 // 4:
            slots[at] = key
            self._used += 1
        elif len(slots) < LARGEST_TABLE:
            self._grow()
            self.add(fingerprint)

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
        shift = max(0, length.bit_length() - EXACT_BITS)
        bucket = length >> shift << shift
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
