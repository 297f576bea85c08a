"""Texts that are nearly the same: at least `threshold` of their shingles shared (Jaccard), in one list or between two.

Shingles are three words in a row, or five residues of a protein. Candidates come from MinHash with locality-sensitive
hashing (Broder 1997; datasketch) and each is then compared exactly, so every pair in the answer is true; one close to
the threshold may be missed. Short lists are compared pair by pair. The answer is the same in every process.
"""

import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Literal, cast
from zlib import crc32

Unit = Literal["words", "residues"]
WORDS, RESIDUES = 3, 5
MOST_CHARACTERS = 20_000
"""Of each text; what follows is not compared."""
MOST_CANDIDATES = 64
"""Compared with one text: a file of thousands that are all somewhat alike is looked through in linear time."""
FEW_PAIRS = 8_000
"""Up to so many pairs all are compared: importing numpy and scipy would take longer."""
PERMUTATIONS = 64
MISSED = 0.001
"""Chance that a pair right at the threshold is no candidate; one compared in vain costs less than one missed."""
_WORD = re.compile(r"\w+")


def near_duplicates(texts: Sequence[str], threshold: float = 0.8, *, unit: Unit = "words") -> list[tuple[int, int]]:
    """Pairs (i, j), i < j: text j is nearly the same as text i, which resembles none before it.

    Each j comes once, in order, so the length of the answer is how many texts could be dropped. Equal texts count.
    """
    shingles = [_shingles(text, unit) for text in texts]
    few = len(texts) * (len(texts) - 1) // 2 <= FEW_PAIRS
    index = _AllPairs() if few else _Sketches(threshold)
    found: list[tuple[int, int]] = []
    for j, ours in enumerate(shingles):
        first = _first_alike(ours, shingles, index.candidates(ours), threshold)
        if first is None:
            index.add(j, ours)
        else:
            found.append((first, j))
    return found


def overlap(
    left: Sequence[str], right: Sequence[str], threshold: float = 0.8, *, unit: Unit = "words"
) -> list[tuple[int, int]]:
    """Pairs (i, j): right[j] is nearly the same as left[i], such as test records and training records.

    Each j comes once, in order, with the first i that was found.
    """
    shingles = [_shingles(text, unit) for text in left]
    index = _AllPairs() if len(left) * len(right) <= FEW_PAIRS else _Sketches(threshold)
    for i in {ours: i for i, ours in reversed(list(enumerate(shingles)))}.values():
        index.add(i, shingles[i])
    found: list[tuple[int, int]] = []
    for j, text in enumerate(right):
        theirs = _shingles(text, unit)
        first = _first_alike(theirs, shingles, index.candidates(theirs), threshold)
        if first is not None:
            found.append((first, j))
    return found


class Apart:
    """Texts that came one by one and of which none is nearly the same as one before, up to `most`.

    Those beyond are compared with these and not kept. Memory: 4 bytes for each shingle and some kilobytes for each
    text.
    """

    def __init__(
        self, unit: Unit, threshold: float = 0.8, *, most: int = 20_000, most_characters: int = 32_000_000
    ) -> None:
        self._unit: Unit = unit
        self._threshold = threshold
        self._most, self._most_characters = most, most_characters
        self._few: list[frozenset[int]] = []
        """All of them, while there are as few as `near_duplicates` would compare pair by pair."""
        self._kept: list[array[int]] = []
        self._sketches: _Sketches | None = None
        self._characters = 0

    def add(self, text: str) -> bool:
        """Whether the text is like none before; it is kept then, while there is room."""
        ours = _shingles(text, self._unit)
        if not ours:
            return True
        if any(_alike(known, ours, self._threshold) for known in self._candidates(ours)):
            return False
        if len(self._kept) < self._most and self._characters < self._most_characters:
            self._keep(ours)
            self._characters += len(text)
        return True

    def _candidates(self, ours: frozenset[int]) -> Iterator[frozenset[int]]:
        if self._sketches is None:
            return iter(self._few)
        return (frozenset(self._kept[i]) for i in self._sketches.candidates(ours))

    def _keep(self, ours: frozenset[int]) -> None:
        self._kept.append(array("I", ours))
        if self._sketches is not None:
            self._sketches.add(len(self._kept) - 1, ours)
            return
        self._few.append(ours)
        n = len(self._few)
        if n * (n - 1) // 2 > FEW_PAIRS:
            self._sketches = _Sketches(self._threshold)
            for i, known in enumerate(self._few):
                self._sketches.add(i, known)
            self._few = []


def _shingles(text: str, unit: Unit) -> frozenset[int]:
    """32-bit hashes of the shingles; of a text shorter than one, of all it has."""
    text = text[:MOST_CHARACTERS]
    if unit == "residues":
        raw = text.encode()
        return frozenset(crc32(raw[at : at + RESIDUES]) for at in range(max(1, len(raw) - RESIDUES + 1)) if raw)
    words = _WORD.findall(text.casefold())
    if len(words) < WORDS:
        return frozenset({crc32(" ".join(words).encode())}) if words else frozenset()
    return frozenset(crc32(" ".join(words[at : at + WORDS]).encode()) for at in range(len(words) - WORDS + 1))


def _first_alike(
    ours: frozenset[int], shingles: list[frozenset[int]], candidates: Iterable[int], threshold: float
) -> int | None:
    return next((i for i in candidates if _alike(shingles[i], ours, threshold)), None)


def _alike(a: frozenset[int], b: frozenset[int], threshold: float) -> bool:
    if not a or not b or min(len(a), len(b)) < threshold * max(len(a), len(b)):
        return False
    shared = len(a & b)
    return shared >= threshold * (len(a) + len(b) - shared)


class _AllPairs:
    """Every text is a candidate."""

    def __init__(self) -> None:
        self._known: list[int] = []

    def candidates(self, shingles: frozenset[int]) -> Iterator[int]:
        return iter(self._known if shingles else ())

    def add(self, at: int, shingles: frozenset[int]) -> None:
        if shingles:
            self._known.append(at)


class _Sketches:
    """Texts whose MinHash falls into a bucket with the asked one's."""

    def __init__(self, threshold: float) -> None:
        from datasketch import MinHash, MinHashLSH

        self._index = MinHashLSH(num_perm=PERMUTATIONS, params=_bands(threshold))
        self._blank = MinHash(num_perm=PERMUTATIONS, hashfunc=int)
        self._last: tuple[frozenset[int], Any] | None = None

    def candidates(self, shingles: frozenset[int]) -> Iterator[int]:
        found = sorted(cast("list[int]", self._index.query(self._sketch(shingles)))) if shingles else []
        return islice(found, MOST_CANDIDATES)

    def add(self, at: int, shingles: frozenset[int]) -> None:
        if shingles:
            self._index.insert(at, self._sketch(shingles))

    def _sketch(self, shingles: frozenset[int]) -> Any:
        """The last one is kept: a text is asked for and then added."""
        if self._last is None or self._last[0] is not shingles:
            sketch = self._blank.copy()
            sketch.update_batch(shingles)
            self._last = shingles, sketch
        return self._last[1]


def _bands(threshold: float) -> tuple[int, int]:
    """Bands and rows in each: the most rows, so the fewest candidates, with which at most MISSED are missed."""
    for rows in range(8, 1, -1):
        bands = PERMUTATIONS // rows
        if (1 - threshold**rows) ** bands <= MISSED:
            return bands, rows
    return PERMUTATIONS, 1
