"""Whether labels are balanced enough to learn from."""

from collections.abc import Mapping

from tunesmith.schemas.datasets import Finding
from tunesmith.schemas.fixes import DropFound, Fix, RenameLabel

FEW_RECORDS = 5
"""Of one label: hardly enough to learn it and to test it."""
IMBALANCE = 10.0
"""The largest label against the smallest; beyond, class weights are worth their while."""
SHOWN = 5


def label_findings(counts: Mapping[str, int], n_records: int, *, multi: bool = False) -> list[Finding]:
    """What stands out in the numbers of records by label: one label only, rare ones, imbalance, twins in spelling."""
    if not counts:
        return []
    found = [_one_label(counts, n_records, multi), _rare(counts, n_records, multi), _imbalance(counts, n_records)]
    return [finding for finding in (*found, _twins(counts, n_records)) if finding is not None]


def _one_label(counts: Mapping[str, int], n_records: int, multi: bool) -> Finding | None:
    if len(counts) > 1 or multi:
        return None
    (label,) = counts
    return Finding(
        code="one_label",
        level="error",
        count=n_records,
        share=1.0,
        message=f'Every record has the label "{label}", so there is nothing to tell apart.',
        fix="Add records of at least one other label.",
    )


def _rare(counts: Mapping[str, int], n_records: int, multi: bool) -> Finding | None:
    rare = {label: n for label, n in counts.items() if n < FEW_RECORDS}
    if not rare:
        return None
    count = sum(rare.values())
    return Finding(
        code="rare_labels",
        level="warn",
        count=count,
        share=count / max(1, n_records),
        message=f"{_labels(len(rare))} fewer than {FEW_RECORDS} records: {_shown(rare)}.",
        fix="Add records of these labels, or merge them into others.",
        # Records with several labels are not dropped for one of them: others of theirs would become rare by it.
        repairs=[] if multi or len(counts) - len(rare) < 2 else [DropFound(code="rare_labels")],
    )


def _imbalance(counts: Mapping[str, int], n_records: int) -> Finding | None:
    largest, smallest = max(counts, key=lambda k: counts[k]), min(counts, key=lambda k: counts[k])
    if counts[largest] < IMBALANCE * counts[smallest]:
        return None
    return Finding(
        code="imbalanced_labels",
        level="warn",
        count=counts[largest],
        share=min(1.0, counts[largest] / max(1, n_records)),
        message=f'"{largest}" has {counts[largest]:,} records and "{smallest}" {counts[smallest]:,}, '
        f"{counts[largest] / counts[smallest]:.0f} times as many.",
        fix="Look at macro-F1 rather than accuracy, keep class weights on, and add records of the small labels.",
    )


def _twins(counts: Mapping[str, int], n_records: int) -> Finding | None:
    """Labels that differ in case or spaces alone."""
    spellings: dict[str, list[str]] = {}
    for label in counts:
        spellings.setdefault("".join(label.casefold().split()), []).append(label)
    twins = [sorted(each) for each in spellings.values() if len(each) > 1]
    if not twins:
        return None
    count = sum(counts[label] for each in twins for label in each)
    shown = "; ".join(" and ".join(f'"{label}"' for label in each) for each in twins[:SHOWN])
    return Finding(
        code="similar_labels",
        level="warn",
        count=count,
        share=min(1.0, count / max(1, n_records)),
        message=f"Labels that differ in case or spaces alone count as different ones: {shown}.",
        fix="Spell each label one way.",
        repairs=[fix for each in twins for fix in _as_one(each, counts)],
    )


def _as_one(spellings: list[str], counts: Mapping[str, int]) -> list[Fix]:
    """The others renamed to the most frequent spelling."""
    usual = max(spellings, key=lambda label: counts[label])
    return [RenameLabel(label=label, to=usual) for label in spellings if label != usual]


def _labels(n: int) -> str:
    return "1 label has" if n == 1 else f"{n:,} labels have"


def _shown(counts: Mapping[str, int]) -> str:
    rarest = sorted(counts, key=lambda label: (counts[label], label))[:SHOWN]
    more = f" and {len(counts) - SHOWN:,} more" if len(counts) > SHOWN else ""
    return ", ".join(f'"{label}" ({counts[label]})' for label in rarest) + more
