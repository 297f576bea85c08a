"""The check-up at upload: what is odd about the good records of a file, as numbers with what to do. None is a fault.

Each record adds to counts in bounded memory. What costs more (near duplicates, secrets, personal data) looks at the
first LOOKED records only and says so. Of a secret only its kind and line are kept.
"""

from collections.abc import Callable, Iterator, Sequence

from tunesmith.records.column_roles import chat_of_pair
from tunesmith.records.content import compared_text, oddities, texts_of
from tunesmith.records.hints import ODDITIES
from tunesmith.records.labels import label_findings
from tunesmith.records.near_duplicates import MOST_CHARACTERS, Unit, near_duplicates
from tunesmith.records.personal_data import personal_data_in
from tunesmith.records.secrets import secrets_in
from tunesmith.records.tables import Table
from tunesmith.schemas.datasets import FileFormat, Finding
from tunesmith.schemas.fixes import SetColumns
from tunesmith.schemas.records import LabelledRecord, LabelledSequenceRecord, Record, SequenceRecord
from tunesmith.server.datasets.far_lengths import FAR, FarLengths
from tunesmith.server.datasets.labels import LabelTally
from tunesmith.server.datasets.noted import Noted, NotedKinds
from tunesmith.server.datasets.tally import Duplicates, Extremes, Lengths

LOOKED = 5_000
"""Records whose text is searched and compared."""
LOOKED_CHARACTERS = 8_000_000
"""The same in characters."""


class RecordCheckup:
    """Takes each good record; `conclude` writes `findings`."""

    def __init__(self, *, hints: bool) -> None:
        """Without `hints` only labels and lengths are counted."""
        self.lengths = Lengths()
        self.findings: list[Finding] = []
        self._hints = hints
        self._seen = Duplicates()
        self._again = Noted()
        self._labels = LabelTally()
        self._longest, self._shortest = Extremes(), Extremes()
        self._odd: dict[str, Noted] = {}
        self._secrets, self._personal = NotedKinds(), NotedKinds()
        self._texts: list[str] = []
        self._lines: list[int] = []
        self._unit: Unit = "words"
        self._n_looked = 0
        self._looked_characters = 0

    @property
    def duplicates(self) -> int:
        """Records whose content came before."""
        return self._seen.count

    @property
    def labels(self) -> dict[str, int] | None:
        """Records by label, the most frequent; None of a kind without labels."""
        return self._labels.most_frequent() if self._labels.n_records else None

    @property
    def n_labels(self) -> int:
        """Distinct labels."""
        return self._labels.n_labels

    @property
    def multi_label(self) -> bool:
        """A record may have several."""
        return self._labels.multi

    def add(self, line: int, record: Record) -> None:
        """Counts the record."""
        length = record.length
        self.lengths.add(length)
        if isinstance(record, LabelledRecord | LabelledSequenceRecord):
            self._labels.add(line, record)
        again = self._seen.add(record.fingerprint)
        if not self._hints:
            return
        if again:
            self._again.add(line)
        self._longest.add(length, line)
        self._shortest.add(-length, line)
        for code in oddities(record):
            self._odd.setdefault(code, Noted()).add(line)
        if self._n_looked < LOOKED and self._looked_characters < LOOKED_CHARACTERS:
            self._look(line, record, again)

    def _look(self, line: int, record: Record, again: bool) -> None:
        self._n_looked += 1
        protein = isinstance(record, SequenceRecord | LabelledSequenceRecord)
        if not again:
            self._unit = "residues" if protein else "words"
            self._texts.append(compared_text(record)[:MOST_CHARACTERS])
            self._lines.append(line)
        whole = "\n".join(texts_of(record))
        self._looked_characters += len(whole)
        if not protein:
            self._secrets.add(line, set(secrets_in(whole)))
            self._personal.add(line, set(personal_data_in(whole)))

    def conclude(self, file_format: FileFormat, table: Table | None, names: Sequence[str] = ()) -> None:
        """Writes the findings, the gravest first. Blocking: comparing texts takes up to some seconds. `names` are those
        of a pair's columns or keys."""
        if not self._hints or not self.lengths.count:
            return
        found = [*self._of_labels(), *self._repeated(), *self._hinted(), *self._odd_ones(), *self._far_lengths()]
        if table is not None:
            found += _of_table(table, file_format, self.lengths.count)
        found += _of_pairs(names, self.lengths.count)
        order = ("error", "warn", "info")
        self.findings = sorted(found, key=lambda finding: order.index(finding.level))
        self._texts, self._lines = [], []

    def _of_labels(self) -> Iterator[Finding]:
        tally = self._labels
        if not tally.n_records:
            return
        yield from label_findings(tally.counts, tally.n_records, multi=tally.multi)
        if tally.conflicts.count:
            yield tally.conflicts.finding(
                "conflicting_labels",
                "{n} the text of another with another label.",
                ("record has", "records have"),
                "Decide on one label for each text, or upload it with labels where several are right.",
                tally.n_records,
            )

    def _repeated(self) -> Iterator[Finding]:
        if self._again.count:
            yield self._again.finding(
                "exact_duplicates",
                "{n} what another has before, exactly.",
                ("record says", "records say"),
                "Drop them, unless they are meant to count more. Copies are never split between training and test.",
                self.lengths.count,
            )
        pairs = near_duplicates(self._texts, unit=self._unit)
        if not pairs:
            return
        near = Noted()
        for _, j in pairs:
            near.add(self._lines[j])
        yield near.finding(
            "near_duplicates",
            f"{{n}} nearly the same as one before: at least 80 % of its {self._unit} in their order.{self._note()}",
            ("record is", "records are"),
            "Keep one of each group, or see to it that a group is not split between training and test.",
            self._n_looked,
        )

    def _hinted(self) -> Iterator[Finding]:
        for code, hinted, what in (
            ("likely_secrets", self._secrets, "what looks like a secret"),
            ("personal_data", self._personal, "what looks like personal data"),
        ):
            if hinted.all.count:
                message = f"{{n}} {what} ({hinted.listed()}).{self._note()}"
                yield hinted.all.finding(code, message, ("record holds", "records hold"), _HINTED[code], self._n_looked)

    def _odd_ones(self) -> Iterator[Finding]:
        for code, noted in self._odd.items():
            hint, n = ODDITIES[code], self.lengths.count
            yield noted.finding(code, hint.message, hint.nouns, hint.fix, n, level=_level(noted, n))

    def _far_lengths(self) -> Iterator[Finding]:
        n, median, far = self.lengths.count, self.lengths.quantile(0.5), FarLengths(self.lengths)
        above, below = far.limit(longer=True), far.limit(longer=False)
        sides: tuple[tuple[str, int, Callable[[], list[int]], str, str], ...] = (
            ("very_long", self.lengths.count_above(above), lambda: self._longest.lines_above(above),
             f"more than {FAR} times as long as", "Split them, or raise max_seq_len: what is beyond it is cut off."),
            ("very_short", self.lengths.count_below(below), lambda: self._shortest.lines_above(-below),
             f"more than {FAR} times shorter than", "Look whether they are cut off or empty of sense."),
        )  # fmt: skip
        for code, count, lines, what, fix in sides:
            if count:
                noted = Noted(count, lines())
                unit = "residues" if self._unit == "residues" else "characters"
                message = f"{{n}} {what} the median of {median:,} {unit}."
                yield noted.finding(code, message, ("record is", "records are"), fix, n)

    def _note(self) -> str:
        if self._n_looked >= self.lengths.count:
            return ""
        return f" Only the first {self._n_looked:,} records were looked at."


def _level(noted: Noted, n_records: int) -> str:
    """What concerns every record is more than a hint."""
    return "error" if noted.count == n_records else "warn"


def _of_table(table: Table, file_format: FileFormat, n_records: int) -> Iterator[Finding]:
    if (word := table.separated_by(file_format)) is not None:
        yield _other_separator(word, n_records)


def _of_pairs(names: Sequence[str], n_records: int) -> Iterator[Finding]:
    roles = chat_of_pair(names)
    if roles is not None:
        yield Finding(
            code="read_as_pairs",
            level="info",
            count=n_records,
            share=1.0,
            message="Questions and answers were read as pairs, which teach a model to find the answer to a question.",
            fix="To teach a chat model to write the answers, take the question for an instruction and the answer for "
            "its output.",
            repairs=[SetColumns(roles=roles)],
        )


def _other_separator(word: str, n_records: int) -> Finding:
    return Finding(
        code="other_separator",
        level="info",
        count=n_records,
        share=1.0,
        message=f"The columns are separated by {word}, and were read so.",
        fix="Nothing, if the columns are right. A decimal comma is not read as a number.",
    )


_HINTED = {
    "likely_secrets": "Replace them by placeholders, and revoke those that are real: a tuned model can repeat them.",
    "personal_data": "Replace it by placeholders, or see to it that you may train on it: a tuned model can repeat it.",
}
