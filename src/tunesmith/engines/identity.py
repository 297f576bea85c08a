"""How near a new sequence is to what the model was trained on: says whether it invents or remembers."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from Bio.SeqIO.FastaIO import SimpleFastaParser

from tunesmith.base_models.identity import identity

K = 4
"""Residues of the words that the prefilter counts."""
CANDIDATES = 24
"""Training sequences that are aligned, those with most words in common."""
TRAINING_FILE = "training_sequences.fasta"


@dataclass(frozen=True)
class Nearest:
    """The nearest training sequence. `identity` as base_models.identity defines it: equal pairs of the global alignment
    divided by the length of the shorter sequence, the same figure that the held-out clusters are made by."""

    id: str
    identity: float


class TrainingSequences:
    """The sequences a model was trained on, with an index of their words of K residues."""

    def __init__(self, sequences: list[tuple[str, str]]) -> None:
        self._sequences = sequences
        self._index: defaultdict[str, list[int]] = defaultdict(list)
        for number, (_, residues) in enumerate(sequences):
            for word in _words(residues):
                self._index[word].append(number)

    def nearest(self, residues: str) -> Nearest | None:
        """The best of the aligned candidates; None without residues or training sequences.

        Only the CANDIDATES sequences that share most words are aligned, all of them when there are no more; a sequence
        nearer than the answer would have to share fewer words, which near ones do not.
        """
        if not residues or not self._sequences:
            return None
        found = [
            Nearest(self._sequences[i][0], identity(residues, self._sequences[i][1])) for i in self._near(residues)
        ]
        return max(found, key=lambda n: n.identity)

    def _near(self, residues: str) -> list[int]:
        if len(self._sequences) <= CANDIDATES:
            return list(range(len(self._sequences)))
        shared = Counter(number for word in _words(residues) for number in self._index.get(word, ()))
        near = [number for number, _ in shared.most_common(CANDIDATES)]
        if near:
            return near
        by_length = sorted(range(len(self._sequences)), key=lambda i: abs(len(self._sequences[i][1]) - len(residues)))
        return by_length[:CANDIDATES]


@lru_cache(maxsize=8)
def training_sequences(path: Path) -> TrainingSequences:
    """The index of a FASTA file; the last eight are kept."""
    with path.open(encoding="utf-8") as f:
        return TrainingSequences(
            [(title.split()[0] if title else "", body.upper()) for title, body in SimpleFastaParser(f)]
        )


def _words(residues: str) -> set[str]:
    return {residues[i : i + K] for i in range(len(residues) - K + 1)}
