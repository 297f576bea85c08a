"""The check-up at upload: what is found, how it is counted, and that it never repeats what it found."""

import gzip
import json

import pytest

from tunesmith.server.datasets import checkup
from tunesmith.server.datasets.tally import Lengths
from tunesmith.server.datasets.validation import FileCheck


def chat(question: str, answer: str) -> str:
    return json.dumps({"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]})


def look(*lines: str, name: str = "jsonl"):
    check = FileCheck(name)
    check.feed("\n".join(lines).encode())
    return check.finish()


WORDS = [f"word{n}" for n in range(400)]


def long(n: int) -> str:
    return " ".join(WORDS[n * 7 % 300 : n * 7 % 300 + 40])


def test_exact_and_near_duplicates_are_told_apart_and_by_line():
    found = look(*[chat(f"{n} " + long(n), "yes") for n in range(6)], chat("0 " + long(0), "yes"),
                 chat("1 " + long(1) + " more", "yes"))  # fmt: skip
    by_code = {finding.code: finding for finding in found.hints}
    assert (by_code["exact_duplicates"].count, by_code["exact_duplicates"].lines) == (1, [7])
    assert (by_code["near_duplicates"].count, by_code["near_duplicates"].lines) == (1, [8])
    assert by_code["near_duplicates"].share == 1 / 8
    assert found.duplicates == 1


def test_a_system_message_that_all_share_makes_no_duplicates():
    system = {"role": "system", "content": long(3) * 5}
    lines = [
        json.dumps({"messages": [system, {"role": "user", "content": long(n)}, {"role": "assistant", "content": "ok"}]})
        for n in range(9)
    ]
    assert look(*lines).hints == []


def test_only_the_first_records_are_compared_and_the_finding_says_so(monkeypatch):
    monkeypatch.setattr(checkup, "LOOKED", 10)
    found = look(*[chat(f"mail a{n}@b.org", f"answer {n}") for n in range(30)])
    (personal,) = [f for f in found.hints if f.code == "personal_data"]
    assert (personal.count, personal.lines, personal.share) == (10, list(range(1, 11)), 1.0)
    assert "Only the first 10 records were looked at." in personal.message
    assert "e-mail addresses in 10" in personal.message


def test_labels_are_counted_with_the_most_frequent_first():
    rows = [f"text {n},{'a' if n % 4 else 'b'}" for n in range(40)]
    found = look("text,label", *rows, name="csv")
    assert found.labels == {"a": 30, "b": 10}
    assert found.columns == ["text", "label"]
    assert [f.code for f in found.hints] == []


def test_what_concerns_every_record_is_an_error_and_stands_first():
    found = look(*[f">s{n}\n{'A' * (n + 20)}" for n in range(3)], name="fasta")
    assert (found.hints[0].code, found.hints[0].level) == ("one_character", "error")


def test_hints_are_left_out_where_only_faults_count():
    check = FileCheck("csv", "gzip", hints=False)
    check.feed(gzip.compress(b"text,label\na,x\na,x\n"))
    found = check.finish()
    assert (found.hints, found.labels, found.n_labels) == ([], {"x": 2}, 1)


@pytest.mark.parametrize("lengths", [[5], [0, 0], list(range(100, 200)), [1, 10**6], [0, 1, 2, 3], [7] * 50 + [9]])
def test_a_histogram_counts_every_record_once(lengths):
    tally = Lengths()
    for length in lengths:
        tally.add(length)
    edges, counts = tally.histogram()
    assert len(edges) == len(counts) + 1
    assert edges == sorted(set(edges))
    assert sum(counts) == len(lengths)
    assert edges[0] <= min(lengths)
    assert edges[-1] > max(lengths)


def test_the_histogram_of_known_lengths():
    tally = Lengths()
    for length in [1] * 5 + [100] * 3:
        tally.add(length)
    edges, counts = tally.histogram()
    assert (counts[0], counts[-1]) == (5, 3)
    assert edges[0] == 1
