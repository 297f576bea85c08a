"""Stages that leave lines out: faulty ones, copies, and what a finding concerns."""

from tunesmith.records.content import compared_text, oddities, texts_of
from tunesmith.records.labels import FEW_RECORDS
from tunesmith.records.near_duplicates import MOST_CHARACTERS, Apart
from tunesmith.records.personal_data import personal_data_in
from tunesmith.records.secrets import secrets_in
from tunesmith.schemas.records import LabelledRecord, LabelledSequenceRecord, Record, SequenceRecord
from tunesmith.server.datasets.far_lengths import FarLengths
from tunesmith.server.datasets.labels import MOST_TEXTS, LabelTally
from tunesmith.server.datasets.stages import Line, Plain
from tunesmith.server.datasets.tally import Duplicates


class Faulty(Plain):
    def take(self, line: Line) -> Line | None:
        return line if line.record is not None else None


class Repeated(Plain):
    """Keeps the first of equal ones; with `near` also of those that are nearly the same."""

    def __init__(self, *, near: bool) -> None:
        self._near = near
        self._seen = Duplicates()
        self._apart: Apart | None = None

    def take(self, line: Line) -> Line | None:
        record = line.record
        if record is None:
            return line
        if self._seen.add(record.fingerprint):
            return None
        if self._near:
            if self._apart is None:
                protein = isinstance(record, SequenceRecord | LabelledSequenceRecord)
                self._apart = Apart("residues" if protein else "words")
            if not self._apart.add(compared_text(record)[:MOST_CHARACTERS]):
                return None
        return line


class Odd(Plain):
    """Leaves out what is odd by itself."""

    def __init__(self, code: str) -> None:
        self._code = code

    def take(self, line: Line) -> Line | None:
        return line if line.record is None or not self._concerns(line.record) else None

    def _concerns(self, record: Record) -> bool:
        if self._code not in ("likely_secrets", "personal_data"):
            return self._code in oddities(record)
        if isinstance(record, SequenceRecord | LabelledSequenceRecord):
            return False
        whole = "\n".join(texts_of(record))
        return bool(secrets_in(whole) if self._code == "likely_secrets" else personal_data_in(whole))


class Conflicting(Plain):
    """Leaves out a text that came before with another label; the first label stands."""

    def __init__(self) -> None:
        self._of_text: dict[int, int] = {}

    def take(self, line: Line) -> Line | None:
        record = line.record
        if not isinstance(record, LabelledRecord | LabelledSequenceRecord):
            return line
        text, labels = LabelTally.keys_of(record)
        known = self._of_text.get(text)
        if known is None and len(self._of_text) < MOST_TEXTS:
            self._of_text[text] = labels
        return line if known is None or known == labels else None


class FarSurvey:
    """The lengths of the good records."""

    def __init__(self) -> None:
        self.far = FarLengths()

    def see(self, line: Line) -> None:
        if line.record is not None:
            self.far.add(line.record.length)


class TooFar(Plain):
    def __init__(self, far: FarLengths, *, longer: bool) -> None:
        self._within = far.within(longer=longer)

    def take(self, line: Line) -> Line | None:
        return line if line.record is None or self._within(line.record.length) else None


class LabelSurvey:
    """The labels of the good records."""

    def __init__(self) -> None:
        self.tally = LabelTally()

    def see(self, line: Line) -> None:
        if isinstance(line.record, LabelledRecord | LabelledSequenceRecord):
            self.tally.add(line.piece.line, line.record)


class RareLabels(Plain):
    def __init__(self, tally: LabelTally) -> None:
        self._rare = {label for label, n in tally.counts.items() if n < FEW_RECORDS}

    def take(self, line: Line) -> Line | None:
        record = line.record
        if not isinstance(record, LabelledRecord | LabelledSequenceRecord):
            return line
        return line if self._rare.isdisjoint(record.labels) else None
