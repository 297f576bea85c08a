"""The line checks: formats told apart, faults numbered, counts right, whatever the chunks are."""

import json
import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.records.pieces import MAX_LINE_BYTES, Entries, Lines
from tunesmith.schemas.errors import Invalid
from tunesmith.schemas.records import RecordKind
from tunesmith.server.datasets.tally import Duplicates, Lengths
from tunesmith.server.datasets.validation import KEPT_FAULTS, FileCheck


def chat(n: object) -> str:
    return json.dumps({"messages": [{"role": "user", "content": f"q{n}"}, {"role": "assistant", "content": f"a{n}"}]})


def check(content: bytes, promised="jsonl", chunk_bytes: int = 10**9):
    file = FileCheck(promised)
    for at in range(0, len(content), chunk_bytes):
        file.feed(content[at : at + chunk_bytes])
    return file.finish()


@pytest.mark.parametrize("chunk_bytes", [1, 7, 1000])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_bom_line_ends_blank_lines_and_chunks_change_nothing(chunk_bytes, ends, bom):
    text = ends.join([chat(1), "", chat("ü"), "   ", '{"messages": 5}', chat(3)])
    found = check(bom + text.encode(), chunk_bytes=chunk_bytes)
    assert (found.kind, found.n_records, found.n_faults) == (RecordKind.CHAT, 3, 1)
    assert found.faults[0].line == 5


FASTA = ">a one\nMKVL\nACDE\n\n;a comment\n>b\nmk-v*\n>c two\nMK1V\n>d\nMKVLACDE"


@pytest.mark.parametrize("chunk_bytes", [1, 5, 1000])
def test_fasta_entries_are_read_over_lines_and_chunks(chunk_bytes):
    for text in (FASTA, FASTA.replace("\n", "\r\n")):
        found = check(text.encode(), "fasta", chunk_bytes)
        assert (found.kind, found.n_records, found.n_faults, found.duplicates) == (RecordKind.SEQUENCE, 3, 1, 1)
        assert found.faults[0].line == 8
        assert "'1'" in found.faults[0].message
        assert (found.length.unit, found.length.minimum, found.length.maximum, found.length.total) == (
            "residues", 3, 8, 19,
        )  # fmt: skip


def test_a_line_of_another_kind_than_the_first_good_one_is_a_fault():
    lines = ['{"prompt": 1}', '{"prompt": "a", "completion": "b"}', chat(1), '{"prompt": "c", "completion": "d"}']
    found = check("\n".join(lines).encode())
    assert (found.kind, found.n_records) == (RecordKind.COMPLETION, 2)
    assert [(f.line, f.code) for f in found.faults] == [(1, "invalid_training_file"), (3, "mixed_kinds")]
    assert "first good record is a completion record" in found.faults[1].message


def test_the_first_hundred_faults_are_kept_and_all_are_counted():
    found = check("\n".join([chat(1), *['{"messages": []}'] * 500]).encode())
    assert (found.n_faults, len(found.faults)) == (500, KEPT_FAULTS)
    assert [f.line for f in found.faults] == list(range(2, KEPT_FAULTS + 2))


def test_duplicates_are_records_whose_content_came_before():
    again = '{"messages":[{"content":"q1","role":"user"},{"content":"a1","role":"assistant"}]}'
    assert check("\n".join([chat(1), chat(2), again, chat(1)]).encode()).duplicates == 2


@pytest.mark.parametrize("ended", [b"", b"\n"])
def test_a_line_too_long_is_a_fault_with_its_length_and_the_rest_is_read(ended):
    long = b'{"prompt": "' + b"x" * MAX_LINE_BYTES + b'", "completion": "y"}'
    short = b'{"prompt": "a", "completion": "b"}\n'
    found = check(short + long + b"\n" + short + long + ended, chunk_bytes=300_000)
    assert (found.n_records, [f.line for f in found.faults]) == (2, [2, 4])
    assert f"{len(long):,} bytes" in found.faults[0].message


def test_a_fault_never_carries_what_a_database_cannot_store_or_a_whole_line():
    found = check("\n".join([chat(1), json.dumps({"messages": [], "a\x00" + "b" * 10_000: 1})]).encode())
    assert len(found.faults[0].message) <= 500
    assert len(found.faults[0].param or "") <= 200
    assert "\x00" not in found.faults[0].message + (found.faults[0].param or "")


@pytest.mark.parametrize(
    ("content", "promised", "said"),
    [
        (b"", "jsonl", "empty"),
        (b"\xef\xbb\xbf\n \n", "jsonl", "empty"),
        (b";only a comment", "fasta", "empty"),
        (b"PK\x03\x04zip", "jsonl", "a zip archive"),
        (b"PAR1", "jsonl", "Parquet"),
        (b'[{"messages": []}]', "jsonl", "begins with a JSON array"),
        (b"hello", "jsonl", "Line 1, the first, is not valid JSON"),
        (b'\n\n{"messages": [\n', "jsonl", "Line 3, the first, is not valid JSON"),
        (chat(1).encode() + b"\n\xff\xfe", "jsonl", "Line 2 holds bytes that are not UTF-8"),
        (b">a\nMK\nMK\xe9", "fasta", "Line 3 holds bytes that are not UTF-8"),
        (b"MKVL", "fasta", "begins with b'M'"),
        (b'{"messages": []}', "fasta", "name it .jsonl"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(content, promised, said):
    with pytest.raises(Invalid, match=said) as refused:
        check(content, promised)
    assert refused.value.error_code == "invalid_file_format"
    assert refused.value.param == "file"


@pytest.mark.parametrize("line", ["5", '"text"', "null", '{"a": 1}', "{}", '{"messages": null}'])
def test_valid_json_that_is_no_record_is_a_fault_and_no_refusal(line):
    found = check(f"{line}\n{chat(1)}".encode())
    assert (found.n_records, found.n_faults) == (1, 1)


@given(st.binary(max_size=400), st.integers(1, 50))
def test_any_bytes_are_split_into_the_lines_that_python_sees(content, chunk_bytes):
    lines = Lines(offset=1)
    got = [p for at in range(0, len(content), chunk_bytes) for p in lines.feed(content[at : at + chunk_bytes])]
    got += lines.finish()
    wanted = [(n, raw.strip()) for n, raw in enumerate(content.split(b"\n"), start=1) if raw.strip()]
    assert [(p.line, p.content) for p in got] == wanted
    assert all(content[p.offset - 1 : p.offset - 1 + p.size_bytes].strip() == p.content for p in got)


@given(st.binary(max_size=300), st.sampled_from(["jsonl", "fasta"]))
def test_no_bytes_at_all_break_the_checks(content, promised):
    try:
        found = check(content, promised, 13)
    except Invalid:
        return
    assert found.n_records + found.n_faults > 0


def test_an_entry_begins_where_its_header_does():
    entries = Entries()
    pieces = [*entries.feed(FASTA.encode()), *entries.finish()]
    assert [FASTA[p.offset : p.offset + 2] for p in pieces] == [">a", ">b", ">c", ">d"]
    assert [p.line for p in pieces] == [1, 6, 8, 10]


def test_duplicates_count_as_a_set_does_while_the_table_grows():
    counted = Duplicates()
    for n in [*range(20_000), *range(0, 20_000, 7)]:
        counted.add(f"{n * 2654435761 % 2**64:016x}" + "0" * 48)
    assert counted.count == len(range(0, 20_000, 7))


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=300), st.sampled_from([0.5, 0.95]))
def test_quantiles_are_within_one_percent(lengths, share):
    tally = Lengths()
    for length in lengths:
        tally.add(length)
    exact = sorted(lengths)[math.ceil(share * len(lengths)) - 1]
    assert abs(tally.quantile(share) - exact) <= max(1, 0.01 * exact)
    assert (tally.minimum, tally.maximum, tally.total) == (min(lengths), max(lengths), sum(lengths))
    assert tally.count == len(lengths)


def test_the_median_of_real_lengths_is_the_median():
    tally = Lengths()
    for length in range(1, 200):
        tally.add(length)
    assert tally.quantile(0.5) == statistics.median(range(1, 200))
