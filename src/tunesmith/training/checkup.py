"""The data as the run will train on it, looked at before the first step: token lengths with the base's tokenizer, what
is cut, what is shared by training and held-out records, and the first batch with its trained tokens marked.

What was odd line by line is told at upload; here it is told again of the records that are left, since the file may be
one that nobody looked at. Texts of at most LOOKED records are compared and searched, chosen by hash, and the number is
said.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from tunesmith.records.content import compared_text, oddities, texts_of
from tunesmith.records.hints import ODDITIES, repairs_of
from tunesmith.records.labels import label_findings
from tunesmith.records.near_duplicates import Unit, near_duplicates, overlap
from tunesmith.records.personal_data import personal_data_in
from tunesmith.records.secrets import secrets_in
from tunesmith.schemas.datasets import Checkup, Finding, Histogram, MarkedText
from tunesmith.schemas.records import (
    ChatRecord,
    LabelledRecord,
    LabelledSequenceRecord,
    Record,
    SequenceRecord,
)
from tunesmith.training.data import UNTRAINED, TokenRow
from tunesmith.training.encoder_rows import LabelledRow, TextsRow
from tunesmith.training.objective import Row
from tunesmith.training.preference import PairRow
from tunesmith.training.split import Split

if TYPE_CHECKING:
    from tunesmith.training.base_model import Base
    from tunesmith.training.plan import Plan, RowsOf

LOOKED, LOOKED_CHARACTERS = 10_000, 8_000_000
"""Records whose texts are compared and searched: so many, or fewer that hold so many characters."""
WHOLE = 1_000
"""Records too long for max_seq_len that are read once more for their whole length."""
NO_LIMIT = 1 << 20
"""Tokens."""
BINS = 24
SHOWN, SHOWN_CHARACTERS = 8, 4000
"""Records of the first batch that are shown, and characters of each."""
SAME_ANSWER, SAME_ANSWER_FEWEST = 0.5, 20
"""Share of the records with one and the same answer above which it is told, and records from which on."""
LABELS = 100


def check_up(plan: "Plan", split: Split, base: "Base", rows_of: "RowsOf", seed: int) -> Checkup:
    """Counts, lengths and findings, the gravest first; takes a few seconds for 10,000 records."""
    rows, records = plan.rows, split.train
    labels = _label_counts(records)
    found = [
        *_truncated(plan, len(records)),
        *_duplicates(records),
        *_overlaps(split),
        *label_findings(labels, len(records), multi=any(getattr(r, "multi", False) for r in records)),
        *_odd(records),
        *_same_answer(records),
        *_hints(records),
    ]
    gravity = ("error", "warn", "info")
    return Checkup(
        n_train=len(rows),
        n_held_out=plan.n_held_out,
        token_lengths=_histogram(_whole_lengths(plan, split, rows_of)),
        max_seq_len=plan.numbers.max_seq_len,
        n_truncated=sum(row.cut for row in rows),
        trained_token_share=sum(row.trained_tokens for row in rows) / max(1, sum(row.length for row in rows)),
        labels=dict(labels.most_common(LABELS)),
        findings=sorted(found, key=lambda finding: gravity.index(finding.level)),
        first_batch=_first_batch(plan, records, base, seed),
    )


def _label_counts(records: Sequence[Record]) -> Counter[str]:
    labelled = (r for r in records if isinstance(r, LabelledRecord | LabelledSequenceRecord))
    return Counter(label for record in labelled for label in record.labels)


def _truncated(plan: "Plan", n_records: int) -> Iterator[Finding]:
    n, cut = len(plan.rows), sum(row.cut for row in plan.rows)
    if cut:
        yield _finding(
            "truncated",
            cut,
            n,
            f"{_records(cut)} longer than max_seq_len ({plan.numbers.max_seq_len} tokens): what is beyond is not read.",
            "Raise max_seq_len, or split these records.",
        )
    left_out = n_records - n
    if left_out:
        yield _finding(
            "left_out",
            left_out,
            n_records,
            f"{_records(left_out)} left out: no trained token within max_seq_len ({plan.numbers.max_seq_len}).",
            "Raise max_seq_len, or shorten what comes before the answers.",
        )


def _duplicates(records: Sequence[Record]) -> Iterator[Finding]:
    distinct = {record.fingerprint: record for record in records}
    again = len(records) - len(distinct)
    if again:
        yield _finding(
            "exact_duplicates",
            again,
            len(records),
            f"{_records(again)} exactly what another training record is.",
            "Drop them, unless they are meant to count more.",
        )
    looked = _sample(list(distinct.values()))
    near = len(near_duplicates([compared_text(r) for r in looked], unit=_unit(looked)))
    if near:
        yield _finding(
            "near_duplicates",
            near,
            len(looked),
            f"{_records(near)} nearly the same as another training record.{_note(looked, distinct)}",
            "Keep one of each group: repeated records are learned by heart.",
        )


def _overlaps(split: Split) -> Iterator[Finding]:
    """Held-out records that training has seen, exactly (they are not trained on) or nearly."""
    if split.shared:
        yield _finding(
            "train_test_exact_overlap",
            split.shared,
            split.shared + len(split.train),
            f"{_records(split.shared)} in the validation file too and not trained on.",
            "Nothing, if that is meant; else make the validation file of other records.",
            level="info",
        )
    train = _sample(split.train)
    for name, held_out in split.held_out.items():
        test = _sample(held_out)
        pairs = overlap([compared_text(r) for r in train], [compared_text(r) for r in test], unit=_unit(train))
        if pairs:
            # Relatives in the random set are what it is for; the clusters tell whether more than that was learned.
            meant = name == "random" and "clusters" in split.held_out
            yield _finding(
                "train_test_overlap",
                len(pairs),
                len(test),
                f"{_records(len(pairs))} held out ({name.replace('_', ' ')}) and nearly the same as a training record: "
                f"the figures on them flatter.{_note(train, split.train)}",
                "Trust the figures of the clusters more than these."
                if meant
                else "Drop near copies from the file, or give a validation file of its own kind.",
                level="info" if meant else "warn",
            )


def _odd(records: Sequence[Record]) -> Iterator[Finding]:
    looked = _sample(records)
    counts = Counter(code for record in looked for code in set(oddities(record)))
    for code, count in sorted(counts.items()):
        hint = ODDITIES[code]
        text = hint.message.format(n=f"{count:,} {hint.nouns[count != 1]}") + _note(looked, records)
        yield _finding(code, count, len(looked), text, hint.fix)


def _same_answer(records: Sequence[Record]) -> Iterator[Finding]:
    answers = [
        "\n".join(m.content for m in record.messages if m.trained)
        for record in records
        if isinstance(record, ChatRecord)
    ]
    if len(answers) < SAME_ANSWER_FEWEST:
        return
    answer, count = Counter(answers).most_common(1)[0]
    if count >= SAME_ANSWER * len(answers):
        text = f'{_records(count)} answered with the same words: "{answer[:60]}".'
        yield _finding(
            "same_answer", count, len(answers), text, "Add records with other answers, or drop most of these."
        )


def _hints(records: Sequence[Record]) -> Iterator[Finding]:
    """Likely secrets and personal data; only of what kind they are."""
    looked = _sample(records)
    if _unit(looked) == "residues":
        return
    for code, what, search, fix in (
        ("likely_secrets", "secrets", _secret_kinds, "Replace them by placeholders, and revoke those that are real."),
        (
            "personal_data",
            "personal data",
            _personal_kinds,
            "Replace it by placeholders, or be sure that you may use it.",
        ),
    ):
        kinds = [found for found in map(search, looked) if found]
        if kinds:
            listed = ", ".join(f"{kind} in {n}" for kind, n in sorted(Counter(k for f in kinds for k in f).items()))
            text = f"{_records(len(kinds))} likely to hold {what} ({listed}), which a tuned model can repeat."
            yield _finding(code, len(kinds), len(looked), text + _note(looked, records), fix)


def _secret_kinds(record: Record) -> set[str]:
    return {kind for text in texts_of(record) for kind in secrets_in(text)}


def _personal_kinds(record: Record) -> set[str]:
    return {kind for text in texts_of(record) for kind in personal_data_in(text)}


def _whole_lengths(plan: "Plan", split: Split, rows_of: "RowsOf") -> list[int]:
    """Tokens of each training record before anything was cut."""
    cut = {row.fingerprint for row in islice((row for row in plan.rows if row.cut), WHOLE)}
    if not cut or not isinstance(plan.rows[0], TokenRow):
        return [row.length for row in plan.rows]
    again = {record.fingerprint: record for record in split.train if record.fingerprint in cut}
    numbers = plan.numbers.model_copy(update={"max_seq_len": NO_LIMIT})
    whole = {row.fingerprint: row.length for row in rows_of(list(again.values()), numbers)}
    return [whole.get(row.fingerprint, row.length) for row in plan.rows]


def _histogram(lengths: Sequence[int]) -> Histogram | None:
    if not lengths:
        return None
    bins = min(BINS, max(1, max(lengths) - min(lengths)))
    counts, edges = np.histogram(lengths, bins=bins)
    return Histogram(unit="tokens", edges=[round(float(e), 2) for e in edges], counts=[int(c) for c in counts])


def _first_batch(plan: "Plan", records: Sequence[Record], base: "Base", seed: int) -> list[list[MarkedText]]:
    by_fingerprint = {record.fingerprint: record for record in records}
    order = plan.order(plan.rows, plan.numbers.batch_size, seed)
    rows = [plan.rows[i] for i in islice(iter(order), min(SHOWN, plan.numbers.batch_size))]
    return [_at_most(_marked(row, by_fingerprint, base.tokenizer)) for row in rows]


def _marked(row: Row, records: Mapping[str, Record], tokenizer: Any) -> list[MarkedText]:
    """The record as the model reads it, begin and end tokens too; trained pieces carry loss."""
    match row:
        case TokenRow():
            return _pieces(row, tokenizer)
        case PairRow():
            between = MarkedText(text="\n[rejected]\n", trained=False)
            return [*_pieces(row.preferred, tokenizer), between, *_pieces(row.rejected, tokenizer)]
        case LabelledRow():
            labels = ", ".join(getattr(records.get(row.fingerprint), "labels", ())) or "no label"
            return [
                MarkedText(text=_decoded(row.input_ids, tokenizer), trained=False),
                MarkedText(text=f"\n[{labels}]", trained=True),
            ]
        case TextsRow():
            return [MarkedText(text=_decoded(ids, tokenizer) + "\n", trained=True) for ids in row.tokens]
        case _:
            record = records.get(row.fingerprint)
            return [MarkedText(text="\n".join(texts_of(record)) if record else "", trained=True)]


def _pieces(row: TokenRow, tokenizer: Any) -> list[MarkedText]:
    """Runs of tokens that carry loss or do not; the first token of a row never does."""
    found: list[MarkedText] = []
    begin = 0
    trained = [i > 0 and label != UNTRAINED for i, label in enumerate(row.labels)]
    for end in range(1, len(trained) + 1):
        if end == len(trained) or trained[end] != trained[begin]:
            found.append(MarkedText(text=_decoded(row.input_ids[begin:end], tokenizer), trained=trained[begin]))
            begin = end
    return found


def _decoded(ids: Sequence[int], tokenizer: Any) -> str:
    return cast(str, tokenizer.decode(list(ids), skip_special_tokens=False))


def _at_most(pieces: list[MarkedText]) -> list[MarkedText]:
    """The first SHOWN_CHARACTERS of them."""
    room, kept = SHOWN_CHARACTERS, list[MarkedText]()
    for piece in pieces:
        if room <= 0:
            break
        kept.append(piece if len(piece.text) <= room else piece.model_copy(update={"text": piece.text[:room] + "…"}))
        room -= len(piece.text)
    return kept


def _sample(records: Sequence[Record]) -> list[Record]:
    """All, or those that come first by hash, within the bounds of what is looked at."""
    ordered = list(records) if len(records) <= LOOKED else sorted(records, key=lambda r: r.fingerprint)[:LOOKED]
    room, kept = LOOKED_CHARACTERS, list[Record]()
    for record in ordered:
        if room <= 0:
            break
        kept.append(record)
        room -= record.length
    return kept


def _unit(records: Sequence[Record]) -> Unit:
    return "residues" if records and isinstance(records[0], SequenceRecord | LabelledSequenceRecord) else "words"


def _note(looked: Sequence[Any], of: Any) -> str:
    return f" {len(looked):,} of {len(of):,} records were looked at." if len(looked) < len(of) else ""


def _records(n: int) -> str:
    return "1 record is" if n == 1 else f"{n:,} records are"


def _finding(
    code: str, count: int, of: int, message: str, fix: str, *, level: Literal["info", "warn", "error"] = "warn"
) -> Finding:
    share = min(1.0, count / max(1, of))
    return Finding(code=code, level=level, count=count, share=share, message=message, fix=fix, repairs=repairs_of(code))
