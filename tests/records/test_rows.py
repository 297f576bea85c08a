"""Rows of tables against Python's csv module over the whole text, whatever the chunks; gzip against gzip."""

import contextlib
import csv
import gzip
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.records.read import read_records
from tunesmith.records.rows import Rows
from tunesmith.records.tables import parse_row
from tunesmith.records.unpacking import STEP_BYTES, Gunzip
from tunesmith.schemas.errors import RecordInvalid, TooLarge

CELLS = st.text(st.sampled_from('ab ",\n\r;'), max_size=8).map(lambda text: f"x{text}")


def split(content: bytes, chunk_bytes: int):
    rows = Rows("csv")
    pieces = [p for at in range(0, len(content), chunk_bytes) for p in rows.feed(content[at : at + chunk_bytes])]
    return rows, [*pieces, *rows.finish()]


@given(
    st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8),
    st.sampled_from(["\n", "\r\n"]),
    st.integers(1, 30),
    st.booleans(),
)
def test_what_the_csv_module_writes_is_read_back_from_any_chunks(written, line_end, chunk_bytes, every_cell_quoted):
    text = io.StringIO(newline="")
    if not every_cell_quoted:  # a bare carriage return alone makes older versions of the module quote no cell
        written = [(prompt.replace("\r", ""), completion.replace("\r", "")) for prompt, completion in written]
    quoting = csv.QUOTE_ALL if every_cell_quoted else csv.QUOTE_MINIMAL
    csv.writer(text, lineterminator=line_end, quoting=quoting).writerows([("prompt", "completion"), *written])
    content = text.getvalue().encode()
    rows, pieces = split(content, chunk_bytes)
    records = [parse_row(piece, rows.table) for piece in pieces]
    assert [tuple(m.content for m in record.messages) for record in records] == written
    assert [piece.line for piece in pieces] == [content[: piece.offset].count(b"\n") + 1 for piece in pieces]
    assert sum(piece.size_bytes for piece in pieces) + pieces[0].offset == len(content)
    for piece in pieces:
        resumed = Rows("csv", table=rows.table, line=piece.line, offset=piece.offset)
        assert [*resumed.feed(content[piece.offset :]), *resumed.finish()][0] == piece


@given(st.binary(max_size=200), st.sampled_from(["jsonl", "csv", "tsv", "fasta"]), st.booleans())
def test_no_bytes_bring_out_anything_but_record_invalid(tmp_path_factory, content, file_format, packed):
    path = tmp_path_factory.getbasetemp() / "any-bytes"
    header = b"text,label\n" if file_format == "csv" else b""
    path.write_bytes(gzip.compress(header + content) if packed else header + content)
    with contextlib.suppress(RecordInvalid):
        assert len(list(read_records(path, file_format, "gzip" if packed else None))) > 0


@pytest.mark.parametrize("chunk_bytes", [1, 7, 1000])
def test_members_one_after_another_are_one_text(chunk_bytes):
    packed = gzip.compress(b"one") + gzip.compress(b"") + gzip.compress(b"two") + bytes(9)
    unpacking = Gunzip()
    found = [p for at in range(0, len(packed), chunk_bytes) for p in unpacking.feed(packed[at : at + chunk_bytes])]
    unpacking.finish()
    assert b"".join(found) == b"onetwo"


def test_a_small_gzip_is_unpacked_in_small_steps_and_no_further_than_allowed():
    unpacking = Gunzip(limit_bytes=3 * STEP_BYTES)
    pieces: list[bytes] = []
    with pytest.raises(TooLarge):
        pieces.extend(unpacking.feed(gzip.compress(bytes(10**7))))
    assert sum(map(len, pieces)) <= 3 * STEP_BYTES
    assert max(map(len, pieces)) <= STEP_BYTES
