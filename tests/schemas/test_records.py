"""Kinds of records: which task trains which, and by what a record is known again."""

from tunesmith.schemas.records import (
    KINDS_OF_TASK,
    ChatRecord,
    LabelledRecord,
    Message,
    RecordKind,
    TextsRecord,
    kinds_of,
    tasks_of,
)
from tunesmith.schemas.shape import Task, TrainingMethod


def test_every_kind_trains_a_task():
    assert {kind for kinds in KINDS_OF_TASK.values() for kind in kinds} == set(RecordKind)
    assert tasks_of(RecordKind.SEQUENCE) == [Task.PROTEIN, Task.EMBEDDING]
    assert tasks_of(RecordKind.COMPLETION) == [Task.CHAT]
    assert kinds_of(Task.CHAT, TrainingMethod.DPO) == (RecordKind.PREFERENCE,)
    assert RecordKind.PREFERENCE not in kinds_of(Task.CHAT)


def test_the_order_of_keys_in_tools_makes_no_other_record():
    asked = (Message("user", "q"), Message("assistant", "a", trained=True))
    one, other, third = '[{"a":1,"b":{"c":2,"d":3}}]', '[{"b":{"d":3,"c":2},"a":1}]', '[{"a":1}]'
    fingerprints = [ChatRecord(RecordKind.CHAT, asked, tools=tools).fingerprint for tools in (one, other, third, None)]
    assert fingerprints[0] == fingerprints[1]
    assert len(set(fingerprints)) == 3


def test_the_order_of_labels_makes_no_other_record_and_of_texts_it_does():
    assert LabelledRecord("t", ("a", "b")).fingerprint == LabelledRecord("t", ("b", "a")).fingerprint
    pairs = [TextsRecord(RecordKind.PAIR, texts).fingerprint for texts in (("a", "b"), ("b", "a"))]
    assert pairs[0] != pairs[1]
