"""Texts and protein sequences with labels."""

from typing import Any, cast

from tunesmith.records.fasta import residues_of
from tunesmith.records.fields import Data, fault, json_type, only, text
from tunesmith.schemas.records import LabelledRecord, LabelledSequenceRecord, SequenceRecord

MAX_LABEL_CHARACTERS = 200
MAX_LABELS = 100
"""Of one record."""


def labelled_text(data: Data, line: int) -> LabelledRecord:
    """A text with its `label`, or with `labels` where a text may have several or none."""
    only(data, {"text", "label", "labels"}, line)
    multi, labels = _labels(data, line)
    return LabelledRecord(text(data, "text", line), labels, multi)


def sequence(data: Data, line: int) -> SequenceRecord | LabelledSequenceRecord:
    """A protein sequence, with a label or several where there are any. Without an `id` it is named by its line."""
    only(data, {"sequence", "label", "labels", "id"}, line)
    name = text(data, "id", line) if data.get("id") not in (None, "") else f"line-{line}"
    residues = residues_of(name, text(data, "sequence", line), line)
    if "label" not in data and "labels" not in data:
        return SequenceRecord(name, "", residues)
    multi, labels = _labels(data, line)
    return LabelledSequenceRecord(name, residues, labels, multi)


def _labels(data: Data, line: int) -> tuple[bool, tuple[str, ...]]:
    """Whether the record is multi-label, and its labels, each once."""
    if "labels" not in data:
        return False, (_label(data.get("label"), line, "label"),)
    if "label" in data:
        raise fault(line, 'both "label" and "labels" are there. Give "label" for one, "labels" for a list.', "labels")
    raw = data["labels"]
    if not isinstance(raw, list):
        raise fault(line, f'"labels" is {json_type(raw)}, expected a list of labels. Use "label" for one.', "labels")
    if len(cast("list[Any]", raw)) > MAX_LABELS:
        raise fault(line, f'"labels" holds {len(cast("list[Any]", raw)):,}, more than {MAX_LABELS}.', "labels")
    labels = [_label(each, line, f"labels[{i}]") for i, each in enumerate(cast("list[Any]", raw))]
    return True, tuple(dict.fromkeys(labels))


def _label(raw: Any, line: int, where: str) -> str:
    """A label is text, or a whole number, which is taken as its digits; white space around it is dropped."""
    if isinstance(raw, int) and not isinstance(raw, bool):
        return str(raw)
    if not isinstance(raw, str):
        what = "a number with a fraction" if isinstance(raw, float) else json_type(raw)
        raise fault(line, f'"{where}" is {what}, expected text or a whole number.', where)
    label = raw.strip()
    if not label:
        raise fault(line, f'"{where}" is empty.', where)
    if len(label) > MAX_LABEL_CHARACTERS:
        raise fault(
            line, f'"{where}" has {len(label):,} characters, more than the {MAX_LABEL_CHARACTERS} of a label.', where
        )
    if any(c < " " or c == "\x7f" for c in label):
        raise fault(line, f'"{where}" holds a control character, such as a line break.', where)
    return label
