"""Counts of labels over a stream of records, in bounded memory."""

from tunesmith.schemas.records import LabelledRecord, LabelledSequenceRecord
from tunesmith.server.datasets.noted import Noted

MOST_LABELS = 10_000
"""Distinct ones that are counted."""
SHOWN_LABELS = 100
MOST_TEXTS = 100_000
"""Texts whose label is remembered."""


class LabelTally:
    """Records by label, and texts that came with two different ones."""

    def __init__(self) -> None:
        self.n_records = 0
        self.multi = False
        self.counts: dict[str, int] = {}
        self.conflicts = Noted()
        self._of_text: dict[int, int] = {}

    @property
    def n_labels(self) -> int:
        """Distinct labels, up to MOST_LABELS."""
        return len(self.counts)

    def add(self, line: int, record: LabelledRecord | LabelledSequenceRecord) -> None:
        self.n_records += 1
        self.multi = record.multi
        for label in record.labels:
            if label in self.counts:
                self.counts[label] += 1
            elif len(self.counts) < MOST_LABELS:
                self.counts[label] = 1
        text, labels = self.keys_of(record)
        known = self._of_text.get(text)
        if known is None and len(self._of_text) < MOST_TEXTS:
            self._of_text[text] = labels
        elif known is not None and known != labels:
            self.conflicts.add(line)

    @staticmethod
    def keys_of(record: LabelledRecord | LabelledSequenceRecord) -> tuple[int, int]:
        """Hashes of the text and of its labels, good within this process."""
        text = record.text if isinstance(record, LabelledRecord) else record.residues
        return hash(text), hash(frozenset(record.labels))

    def most_frequent(self) -> dict[str, int]:
        """The SHOWN_LABELS most frequent, those first."""
        return dict(sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))[:SHOWN_LABELS])
