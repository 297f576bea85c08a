"""Lengths that are absurd beside the others: many times the median, or a small part of it."""

from collections.abc import Callable
from math import inf

from tunesmith.server.datasets.tally import Lengths, bucket_of

FAR = 30
"""Times the median, or a part of it, that makes a length absurd."""
FAR_SHARE = 0.05
"""A share of such lengths above which they are no exception."""
FAR_RECORDS = 20
"""Records from which on a median says something."""


class FarLengths:
    """The lengths of a file's records, and which of them are far from the others."""

    def __init__(self, lengths: Lengths | None = None) -> None:
        self.lengths = lengths or Lengths()

    def add(self, length: int) -> None:
        self.lengths.add(length)

    def limit(self, *, longer: bool) -> float:
        """The length beyond which one is far: above it for `longer`, else below it. Infinite when none is, or too
        many to be exceptions."""
        lengths = self.lengths
        median = lengths.quantile(0.5)
        limit = median * FAR if longer else median / FAR
        count = lengths.count_above(limit) if longer else lengths.count_below(limit)
        if lengths.count < FAR_RECORDS or not 0 < count <= max(1, FAR_SHARE * lengths.count):
            return inf if longer else -inf
        return limit

    def within(self, *, longer: bool) -> Callable[[int], bool]:
        """Whether a length stays when those that are far are left out, until none is far from those that stay."""
        strictest = inf if longer else -inf
        while abs(limit := self.limit(longer=longer)) != inf:
            strictest = min(strictest, limit) if longer else max(strictest, limit)
            self.lengths.leave_out(**({"above": limit} if longer else {"below": limit}))
        return lambda length: bucket_of(length) <= strictest if longer else bucket_of(length) >= strictest
