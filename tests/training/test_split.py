"""What is held out depends on the records alone, and no copy or near relative slips through."""

import itertools
import random
from collections import Counter
from typing import cast

import pytest

from tunesmith.base_models.identity import identity
from tunesmith.schemas.errors import RecordInvalid
from tunesmith.schemas.records import (
    ChatRecord,
    LabelledRecord,
    Message,
    RecordKind,
    SequenceRecord,
    TextsRecord,
)
from tunesmith.training.clusters import Neighbours
from tunesmith.training.split import (
    given,
    given_labelled,
    hold_out,
    hold_out_by_label,
    hold_out_sequences,
    hold_out_texts,
)

RESIDUES = "ACDEFGHIKLMNPQRSTVWY"


def chats(n: int) -> list[ChatRecord]:
    return [
        ChatRecord(RecordKind.CHAT, (Message("user", str(i)), Message("assistant", f"a{i}", trained=True)))
        for i in range(n)
    ]


def families(n: int, members: int, share: float, seed: int = 0) -> list[SequenceRecord]:
    rng = random.Random(seed)
    found: list[SequenceRecord] = []
    for family in range(n):
        parent = rng.choices(RESIDUES, k=rng.randint(50, 120))
        for member in range(members):
            residues = "".join(rng.choice(RESIDUES) if rng.random() < share else c for c in parent)
            found.append(SequenceRecord(f"f{family}m{member}", "", residues))
    return found


def test_the_share_is_exact_and_nothing_is_lost() -> None:
    split = hold_out(chats(203), 0.1)
    assert len(split.held_out["held_out"]) == 20
    assert len(split.train) == 183
    assert {r.fingerprint for r in split.train}.isdisjoint(r.fingerprint for r in split.held_out["held_out"])


def test_the_order_of_the_records_changes_nothing() -> None:
    records = chats(100)
    shuffled = random.Random(3).sample(records, 100)
    names = [{r.fingerprint for r in hold_out(x, 0.2).held_out["held_out"]} for x in (records, shuffled)]
    assert names[0] == names[1]


def test_copies_of_a_record_are_all_on_one_side() -> None:
    split = hold_out(chats(50) * 3, 0.2)
    assert len(split.held_out["held_out"]) == 10
    assert len(split.train) == 120


def test_under_twenty_records_nothing_is_held_out_and_it_is_said() -> None:
    split = hold_out(chats(19), 0.5)
    assert (len(split.train), split.held_out) == (19, {})
    assert "fewer than 20" in split.note
    assert hold_out(chats(20), 0.1).held_out["held_out"]


def test_a_share_of_zero_is_taken_at_its_word() -> None:
    assert hold_out(chats(100), 0).held_out == {}


def test_records_of_the_validation_file_are_not_trained_on() -> None:
    records = chats(30)
    split = given(records, records[:4])
    assert len(split.train) == 26
    assert len(split.held_out["held_out"]) == 4
    assert "4 training records that stand in it too are left out" in split.note


def test_no_training_sequence_is_near_to_a_held_out_cluster() -> None:
    records = families(15, 4, share=0.12)
    split = hold_out_sequences(records, 0.3)
    clusters, at_random = split.held_out["clusters"], split.held_out["random"]
    assert len(clusters) + len(at_random) <= 18
    assert len(at_random) == 9
    assert clusters
    for kept, left_out in itertools.product(split.train, clusters):
        assert isinstance(kept, SequenceRecord)
        assert isinstance(left_out, SequenceRecord)
        assert identity(kept.residues, left_out.residues) < 0.7


def test_one_large_family_leaves_no_clusters_and_says_so() -> None:
    split = hold_out_sequences(families(1, 40, share=0.05), 0.2)
    assert list(split.held_out) == ["random"]
    assert "no small cluster stands apart" in split.note


def test_the_kmer_filter_misses_no_neighbour_that_plain_alignment_finds() -> None:
    sequences = [r.residues for share in (0.05, 0.15, 0.25) for r in families(4, 5, share, seed=int(share * 100))]
    # insertions and fragments, which destroy more 3-mers than substitutions do
    sequences += [s[:20] + "GG" + s[20:] for s in sequences[:6]] + [s[10:45] for s in sequences[:6]]
    neighbours = Neighbours(sequences, 0.7)
    for i, a in enumerate(sequences):
        plain = {j for j, b in enumerate(sequences) if j != i and identity(a, b) >= 0.7}
        assert neighbours.of(i) == plain


def labelled(counts: dict[str, int]) -> list[LabelledRecord]:
    return [LabelledRecord(f"{label} {i}", (label,)) for label, n in counts.items() for i in range(n)]


def test_each_label_gives_its_share() -> None:
    split = hold_out_by_label(labelled({"many": 200, "some": 50, "few": 8}), 0.1)
    held_out = cast("list[LabelledRecord]", split.held_out["held_out"])
    assert Counter(r.labels[0] for r in held_out) == {"many": 20, "some": 5, "few": 1}
    assert len(split.train) == 258 - 26


def test_a_label_with_too_few_records_is_trained_on_whole_and_told() -> None:
    split = hold_out_by_label(labelled({"many": 60, "rare": 4}), 0.25)
    assert all("rare" not in cast(LabelledRecord, r).labels for r in split.held_out["held_out"])
    assert "1 labels with fewer than 5 records (rare)" in split.note


def test_a_text_with_two_labels_stays_on_one_side() -> None:
    records = [*labelled({"a": 40, "b": 40}), *(LabelledRecord(f"a {i}", ("b",)) for i in range(40))]
    split = hold_out_by_label(records, 0.25)
    asked = {cast(LabelledRecord, r).text for r in split.held_out["held_out"]}
    assert asked.isdisjoint(cast(LabelledRecord, r).text for r in split.train)


def test_several_labels_are_each_held_out_by_their_share() -> None:
    rng = random.Random(8)
    records = [
        LabelledRecord(str(i), tuple(n for n, p in (("a", 0.7), ("b", 0.3), ("c", 0.1)) if rng.random() < p), True)
        for i in range(400)
    ]
    split = hold_out_by_label(records, 0.2)
    whole = Counter(label for r in records for label in r.labels)
    held_out = Counter(label for r in cast("list[LabelledRecord]", split.held_out["held_out"]) for label in r.labels)
    for label in "abc":
        assert held_out[label] == pytest.approx(0.2 * whole[label], rel=0.25)


def test_neither_order_nor_seed_changes_what_is_held_out_by_label() -> None:
    records = labelled({"a": 40, "b": 40})
    shuffled = random.Random(1).sample(records, len(records))
    first, second = (hold_out_by_label(each, 0.1).held_out["held_out"] for each in (records, shuffled))
    assert {r.fingerprint for r in first} == {r.fingerprint for r in second}


def test_labels_of_the_validation_file_must_be_known() -> None:
    with pytest.raises(RecordInvalid, match='"new", which no training record carries'):
        given_labelled(labelled({"a": 5, "b": 5}), [LabelledRecord("x", ("new",))])


def test_a_query_is_held_out_with_all_its_documents() -> None:
    records = [TextsRecord(RecordKind.PAIR, (f"q{i % 50}", f"d{i}")) for i in range(150)]
    split = hold_out_texts(records, 0.1)
    held_out = {cast(TextsRecord, r).texts[0] for r in split.held_out["held_out"]}
    assert len(held_out) == 5
    assert len(split.held_out["held_out"]) == 15
    assert held_out.isdisjoint(cast(TextsRecord, r).texts[0] for r in split.train)
