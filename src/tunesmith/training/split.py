"""Which records are held out: by hash of the record, never by the seed, so that every job on the same data holds out
the same ones.

Copies of one record always fall on one side, and so do records of the same text with another label, or of the same
query with another document. Labelled records are held out label by label. Proteins are held out twice: half at random,
which shows how well the family was learned, and half as whole clusters that no training sequence comes near to, which
shows whether anything more general was.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

from tunesmith.schemas.errors import RecordInvalid
from tunesmith.schemas.records import LabelledRecord, LabelledSequenceRecord, Record, SequenceRecord, TextsRecord
from tunesmith.training.clusters import Neighbours

SALT = b"tunesmith held-out v1:"
FEWEST = 20
"""With fewer records than this nothing is held out."""
CLUSTER_IDENTITY = 0.7
FEWEST_OF_LABEL = 5
"""Records of a label that has fewer are all trained on."""

Labelled = LabelledRecord | LabelledSequenceRecord
R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Split:
    """Records to train on, held-out sets by name (`held_out`, or `random` and `clusters`), and a sentence on it."""

    train: list[Record]
    held_out: dict[str, list[Record]]
    note: str
    shared: int = 0
    """Training records that stand in the validation file too and were left out."""


def hold_out(records: Sequence[Record], share: float) -> Split:
    """Hold out `share` of the distinct records, rounded, at least one; none when there are fewer than 20."""
    too_few = _too_few(records, share)
    if too_few is not None:
        return too_few
    distinct = _distinct(records)
    chosen = _first(distinct, max(1, round(share * len(distinct))))
    note = f"{len(chosen)} of {len(distinct)} distinct records are held out, chosen by their content."
    return Split(_without(records, chosen), {"held_out": chosen}, note)


def hold_out_sequences(records: Sequence[SequenceRecord], share: float) -> Split:
    """Hold out half of `share` as whole clusters at 70 % identity and half at random from the rest."""
    too_few = _too_few(records, share)
    if too_few is not None:
        return too_few
    distinct = _distinct(records)
    wanted = max(2, round(share * len(distinct)))
    clusters = _whole_clusters(distinct, wanted // 2)
    rest = _without(distinct, clusters)
    random = _first(rest, max(1, wanted - wanted // 2))
    held_out: dict[str, list[Record]] = {"random": list(random)}
    if clusters:
        held_out["clusters"] = list(clusters)
    near = (
        f"{len(clusters)} in clusters with no training sequence at or above 70 % identity"
        if clusters
        else "none in clusters, since no small cluster stands apart at 70 % identity"
    )
    note = f"Of {len(distinct)} distinct sequences, {len(random)} are held out at random and {near}."
    return Split(_without(records, [*random, *clusters]), held_out, note)


def hold_out_by_label(records: Sequence[Labelled], share: float) -> Split:
    """Hold out `share` of the distinct texts of every label, rounded, at least one; none of a label with fewer than 5.

    Labels are taken from the rarest on, and what is held out for one counts for all that it carries (iterative
    stratification, Sechidis et al. 2011), so that it serves for one label a record as for several.
    """
    too_few = _too_few(records, share)
    if too_few is not None:
        return too_few
    distinct = _first(_distinct(records, by=_text), len(records))
    counts = Counter(label for record in distinct for label in record.labels)
    rare = sorted(label for label, n in counts.items() if n < FEWEST_OF_LABEL)
    free = [record for record in distinct if not set(record.labels) & set(rare)]
    chosen = _chosen_by_label(free, counts, share)
    note = f"{len(chosen)} of {len(distinct)} distinct records are held out, of each label its share, by their content."
    if rare:
        named = ", ".join(label[:40] for label in rare[:5]) + (", ..." if len(rare) > 5 else "")
        note += f" Nothing is held out of {len(rare)} labels with fewer than {FEWEST_OF_LABEL} records ({named})."
    if not chosen:
        return Split(list(records), {}, note)
    return Split(list(_without(records, chosen, by=_text)), {"held_out": list(chosen)}, note)


def hold_out_texts(records: Sequence[Record], share: float) -> Split:
    """Hold out `share` of the texts that search (the first of each record), with all that belongs to them.

    Protein sequences are held out as `hold_out_sequences` does.
    """
    if all(isinstance(record, SequenceRecord) for record in records):
        return hold_out_sequences(cast("Sequence[SequenceRecord]", records), share)
    texts = cast("Sequence[TextsRecord]", records)
    too_few = _too_few(texts, share)
    if too_few is not None:
        return too_few
    queries = _first(_distinct(texts, by=_query), len(texts), by=_query)
    asked = {_query(record) for record in queries[: max(1, round(share * len(queries)))]}
    held_out = [record for record in _distinct(texts) if _query(record) in asked]
    note = f"{len(held_out)} records of {len(asked)} of {len(queries)} distinct first texts are held out, by content."
    kept = [record for record in texts if _query(record) not in asked]
    return Split(list(kept), {"held_out": list(_first(held_out, len(held_out)))}, note)


def given_labelled(train: Sequence[Labelled], validation: Sequence[Labelled]) -> Split:
    """As `given`, by text alone. Raises RecordInvalid for a label that no training record carries."""
    held_out = _first(_distinct(validation, by=_text), len(validation))
    kept = _without(train, held_out, by=_text)
    unknown = {label for r in held_out for label in r.labels} - {label for r in kept for label in r.labels}
    if unknown:
        raise RecordInvalid(
            f'The validation file has the label "{min(unknown)[:80]}", which no training record carries'
            " that is not in the validation file too. Add training records of it, or leave it out."
        )
    note = f"The validation file's {len(held_out)} distinct texts are held out."
    left_out = len(train) - len(kept)
    return Split(
        list(kept),
        {"held_out": list(held_out)},
        note + (f" {left_out} training records of the same texts are left out." if left_out else ""),
        left_out,
    )


def given(train: Sequence[Record], validation: Sequence[Record]) -> Split:
    """The validation file is the held-out set. Training records that stand in it too are not trained on."""
    held_out = _first(_distinct(validation), len(validation))
    kept = _without(train, held_out)
    dropped = len(train) - len(kept)
    left_out = f" {dropped} training records that stand in it too are left out." if dropped else ""
    note = f"The validation file's {len(held_out)} records are held out.{left_out}"
    return Split(kept, {"held_out": held_out}, note, dropped)


def _chosen_by_label(free: list[Labelled], counts: Counter[str], share: float) -> list[Labelled]:
    """Out of `free`, in its order, what each label lacks; records without a label are one label more."""
    chosen: dict[str, Labelled] = {}
    held: Counter[str] = Counter()
    for label in sorted(counts, key=lambda label: (counts[label], label)):
        wanted = max(1, round(share * counts[label])) - held[label]
        carriers = [record for record in free if label in record.labels and _text(record) not in chosen]
        for record in carriers[: max(0, wanted)]:
            chosen[_text(record)] = record
            held.update(record.labels)
    plain = [record for record in free if not record.labels]
    chosen |= {_text(record): record for record in plain[: round(share * len(plain))]}
    return [record for record in free if _text(record) in chosen]


def _too_few(records: Sequence[Record], share: float) -> Split | None:
    if share == 0:
        return Split(list(records), {}, "Nothing is held out, as asked: the run cannot say whether it got better.")
    if len(_distinct(records)) < FEWEST:
        note = f"Nothing is held out: {len(records)} records are fewer than {FEWEST}. The run cannot say whether it "
        return Split(list(records), {}, note + "got better; add records or a validation file.")
    return None


def _whole_clusters(distinct: list[SequenceRecord], wanted: int) -> list[SequenceRecord]:
    """Whole clusters in hash order, each of which still fits in `wanted` sequences."""
    order = _first(distinct, len(distinct))
    neighbours = Neighbours([r.residues for r in order], CLUSTER_IDENTITY)
    chosen: list[int] = []
    seen: set[int] = set()
    for start in range(len(order)):
        if len(chosen) == wanted:
            break
        if start in seen:
            continue
        cluster, whole = neighbours.cluster(start, at_most=wanted - len(chosen), stop_at=seen)
        seen |= cluster
        if whole:
            chosen += sorted(cluster)
    return [order[i] for i in chosen]


def _fingerprint(record: Record) -> str:
    return record.fingerprint


def _text(record: Labelled) -> str:
    return record.text if isinstance(record, LabelledRecord) else record.residues


def _query(record: TextsRecord) -> str:
    return record.texts[0]


def _distinct(records: Sequence[R], by: Callable[[R], str] = _fingerprint) -> list[R]:
    seen: dict[str, R] = {}
    for record in records:
        seen.setdefault(by(record), record)
    return list(seen.values())


def _first(records: list[R], n: int, by: Callable[[R], str] = _fingerprint) -> list[R]:
    """The n records that come first in the order of their salted hashes."""
    return sorted(records, key=lambda r: hashlib.sha256(SALT + by(r).encode()).digest())[:n]


def _without(records: Sequence[R], left_out: Sequence[R], by: Callable[[R], str] = _fingerprint) -> list[R]:
    gone = {by(r) for r in left_out}
    return [r for r in records if by(r) not in gone]
