"""Clusters of sequences at a threshold of identity, grown one at a time: a large set need not be clustered whole.

A cluster is a connected component: no sequence outside is at or above the threshold to any inside.
"""

from typing import Any, cast

import numpy as np
from scipy.sparse import csr_matrix

from tunesmith.base_models.identity import identity

K = 3
_CODES = {letter: i for i, letter in enumerate("ACDEFGHIKLMNPQRSTVWY")}
_OTHER = len(_CODES)


class Neighbours:
    """Answers which sequences are near to one; alignments are done only where enough 3-mers are shared."""

    def __init__(self, sequences: list[str], threshold: float) -> None:
        self._sequences = sequences
        self._threshold = threshold
        self._kmers = _kmer_matrix(sequences)
        self._lengths = np.array([len(s) for s in sequences])
        self._near: dict[int, set[int]] = {}

    def cluster(self, start: int, *, at_most: int, stop_at: set[int]) -> tuple[set[int], bool]:
        """The cluster of `start` and True; or what was seen of it and False, when it has more than `at_most`
        sequences or reaches into `stop_at` (clusters that were already given up or taken)."""
        found, waiting = {start}, [start]
        while waiting:
            near = self.of(waiting.pop())
            if near & stop_at:
                return found, False
            waiting += sorted(near - found)
            found |= near
            if len(found) > at_most:
                return found, False
        return found, True

    def of(self, i: int) -> set[int]:
        """The other sequences at or above the threshold to sequence i."""
        if i not in self._near:
            self._near[i] = {j for j in self._candidates(i) if self._is_near(i, j)}
        return self._near[i]

    def _candidates(self, i: int) -> list[int]:
        """Those that share enough 3-mers with i to reach the threshold.

        Each residue of the shorter sequence without a partner destroys at most three 3-mers, so at identity t and
        length m at least m - 2 - 3 (1 - t) m survive (Jokinen and Ukkonen 1991); half of that is asked for, since
        gaps destroy some more.
        """
        shared = np.asarray((self._kmers @ self._kmers[i].T).todense()).ravel()
        shorter = np.minimum(self._lengths, self._lengths[i])
        enough = np.maximum(1, ((1 - K * (1 - self._threshold)) * shorter - (K - 1)) / 2)
        chosen = np.flatnonzero(shared >= np.where(shorter < 4 * K, 0, enough))
        return [int(j) for j in chosen if j != i]

    def _is_near(self, i: int, j: int) -> bool:
        known = self._near.get(j)
        if known is not None:
            return i in known
        return identity(self._sequences[i], self._sequences[j]) >= self._threshold


def _kmer_matrix(sequences: list[str]) -> csr_matrix:
    """(sequences, 21^3) int32: 1 where the sequence has the 3-mer."""
    indices: list[Any] = []
    starts = [0]
    for sequence in sequences:
        codes = np.array([_CODES.get(letter, _OTHER) for letter in sequence], dtype=np.int64)
        kmers = np.unique((codes[:-2] * 21 + codes[1:-1]) * 21 + codes[2:]) if len(codes) >= K else codes[:0]
        indices.append(kmers)
        starts.append(starts[-1] + len(kmers))
    flat = np.concatenate(indices) if indices else np.array([], dtype=np.int64)
    data = np.ones(len(flat), dtype=np.int32)
    return cast(csr_matrix, csr_matrix((data, flat, np.array(starts)), shape=(len(sequences), 21**K)))
