"""Which records are held out: by hash of the record, never by the seed, so that every job on the same data holds out
the same ones.

Copies of one record always fall on one side. Proteins are held out twice: half at random, which shows how well the
family was learned, and half as whole clusters that no training sequence comes near to, which shows whether anything
more general was.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from tunesmith.schemas.records import Record, SequenceRecord
from tunesmith.training.clusters import Neighbours

SALT = b"tunesmith held-out v1:"
FEWEST = 20
"""With fewer records than this nothing is held out."""
CLUSTER_IDENTITY = 0.7

R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Split:
    """Records to train on, held-out sets by name (`held_out`, or `random` and `clusters`), and a sentence on it."""

    train: list[Record]
    held_out: dict[str, list[Record]]
    note: str


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


def given(train: Sequence[Record], validation: Sequence[Record]) -> Split:
    """The validation file is the held-out set. Training records that stand in it too are not trained on."""
    held_out = _first(_distinct(validation), len(validation))
    kept = _without(train, held_out)
    dropped = len(train) - len(kept)
    left_out = f" {dropped} training records that stand in it too are left out." if dropped else ""
    return Split(kept, {"held_out": held_out}, f"The validation file's {len(held_out)} records are held out.{left_out}")


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


def _distinct(records: Sequence[R]) -> list[R]:
    seen: dict[str, R] = {}
    for record in records:
        seen.setdefault(record.fingerprint, record)
    return list(seen.values())


def _first(records: list[R], n: int) -> list[R]:
    """The n records that come first in the order of their salted hashes."""
    return sorted(records, key=lambda r: hashlib.sha256(SALT + r.fingerprint.encode()).digest())[:n]


def _without(records: Sequence[R], left_out: Sequence[Record]) -> list[R]:
    gone = {r.fingerprint for r in left_out}
    return [r for r in records if r.fingerprint not in gone]
