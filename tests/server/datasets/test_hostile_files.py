"""Broken and hostile files through the real upload: each gets a precise answer, nothing breaks, and training agrees.

What the server accepts, training reads to the same count; what it faults, training refuses at the same line.
"""

import gzip
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tunesmith.schemas.errors import RecordInvalid
from tunesmith.schemas.records import RecordKind, kinds_of, tasks_of
from tunesmith.schemas.shape import Task
from tunesmith.schemas.training import InputFile
from tunesmith.server.datasets import service
from tunesmith.server.datasets.tables import FileRow
from tunesmith.training.data import read_records


def chat(n: object = 1, **more: object) -> bytes:
    messages = [{"role": "user", "content": f"question {n}"}, {"role": "assistant", "content": f"answer {n}"}]
    return json.dumps({"messages": messages, **more}).encode() + b"\n"


def jsonl(*records: object) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def bomb(n_bytes: int) -> bytes:
    """A line that never ends, packed a thousand times smaller."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = packer.compress(b'{"prompt": "')
    for _ in range(n_bytes >> 20):
        packed += packer.compress(b"a" * (1 << 20))
    return packed + packer.flush()


CHATS = b"".join(chat(n) for n in range(12))
PACKED = gzip.compress(CHATS)
ROWS = b"".join(b"text %d,%s\n" % (n, b"yes" if n % 2 else b"no") for n in range(12))
TABLE = b"text,label\n" + ROWS
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
ASK, ANSWER = {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}
KEY = "AKIA" + "IOSFODNN7EXAMPLE"


@dataclass(frozen=True)
class Case:
    """A file and what is said to it: a refusal (`status` 400), faults by line, findings, or what a job says."""

    filename: str
    content: bytes | Callable[[], bytes]
    said: str | tuple[str, ...] = ()
    status: int = 200
    line: int | None = None
    n_records: int | None = None
    finding: str | None = None
    job: str | None = None


def refused(filename: str, content: bytes | Callable[[], bytes], *said: str) -> Case:
    return Case(filename, content, said, status=400)


def faulty(filename: str, content: bytes | Callable[[], bytes], line: int, *said: str) -> Case:
    return Case(filename, content, said, line=line)


def fine(filename: str, content: bytes | Callable[[], bytes], n_records: int, **more: str) -> Case:
    return Case(filename, content, n_records=n_records, **more)


CASES = {
    # What is no training file at all
    "empty": refused("a.jsonl", b"", "empty"),
    "blank lines only": refused("a.jsonl", b" \n\r\n\t\n", "empty"),
    "only a BOM": refused("a.csv", b"\xef\xbb\xbf", "empty"),
    "a name of no format": refused("a.txt", CHATS, "Must be .jsonl, or .csv", "'a.txt'"),
    "a packed name of no format": refused("a.txt.gz", PACKED, "'a.txt.gz'"),
    "a zip by its name": refused("a.jsonl.zip", b"PK\x03\x04", "Unpack it first"),
    "a zip named jsonl": refused("a.jsonl", b"PK\x03\x04" + bytes(600), "a zip archive"),
    "an Excel workbook named csv": refused("a.csv", b"PK\x03\x04" + bytes(600), "Excel"),
    "a Parquet file named csv": refused("a.csv", b"PAR1" + bytes(600), "a Parquet file"),
    "gzip named jsonl": refused("a.jsonl", PACKED, "gzip-compressed", "name it .jsonl.gz"),
    "UTF-16 with a mark": refused("a.jsonl", CHATS.decode().encode("utf-16"), "UTF-16"),
    "UTF-16 without a mark": refused("a.jsonl", CHATS.decode().encode("utf-16-le"), "begins with NUL bytes"),
    "UTF-16 as Excel writes CSV": refused("a.csv", TABLE.decode().encode("utf-16"), "UTF-16"),
    "NULs at the begin": refused("a.fasta", bytes(100), "begins with NUL bytes"),
    "Latin-1 among UTF-8 lines": refused("a.jsonl", CHATS + "é\n".encode("latin-1"), "Line 13", "not UTF-8"),
    "Latin-1 among rows": refused("a.csv", TABLE + b'caf\xe9,"no"\n', "Line 14", "not UTF-8"),
    "Latin-1 in the header": refused("a.csv", b"t\xe9xt,label\na,b\n", "Line 1", "not UTF-8"),
    "Latin-1 in a sequence": refused("a.fa", b">a\nMK\n>b\nM\xe9\n", "Line 4", "not UTF-8"),
    "a JSON array": refused("a.jsonl", b"[\n" + CHATS + b"]", "begins with a JSON array"),
    "pretty-printed JSON": refused("a.jsonl", json.dumps({"a": 1}, indent=2).encode(), "Line 1", "not valid JSON"),
    "JSON nested without end": refused("a.jsonl", b'{"a":' * 100_000, "Line 1", "not valid JSON"),
    "CSV named jsonl": refused("a.jsonl", TABLE, "Line 1, the first, is not valid JSON"),
    "JSONL named csv": refused("a.csv", CHATS, "name it .jsonl"),
    "FASTA named jsonl": refused("a.jsonl", b">a\nMKV\n", "name it .fasta"),
    "FASTA named tsv": refused("a.tsv", b">a\nMKV\n", "name it .fasta"),
    "JSONL named fasta": refused("a.fasta", CHATS, "name it .jsonl"),
    "residues without a header": refused("a.fasta", b"MKVL\n", "begins with b'M'"),
    # Tables that cannot be read
    "duplicate headers": refused("a.csv", b"text,label,Text\na,b,c\n", 'the column "text" twice'),
    "a header and nothing else": refused("a.csv", b"text,label\n", "a header and no rows"),
    "a blank first line": refused("a.csv", b"\n" + TABLE, "Line 1 is blank"),
    "Latin-1 under unknown columns": refused("a.csv", b"review,stars\nx,1\ncaf\xe9,2\n", "Line 3", "not UTF-8"),
    "an open quotation mark in the header": refused("a.csv", b'text,"label\n' + ROWS, "Line 1", "never closed"),
    "a header of 100 kB": refused("a.csv", b"x" * 100_000, "Line 1 is longer than"),
    # gzip
    "gzip cut off": refused("a.jsonl.gz", PACKED[:-12], "ends too early"),
    "gzip of its first byte": refused("a.jsonl.gz", PACKED[:1], "ends too early"),
    "gzip with a wrong checksum": refused("a.jsonl.gz", PACKED[:-8] + b"\0" * 8, "damaged"),
    "gzip with a flipped bit": refused("a.jsonl.gz", PACKED[:40] + b"\xff\xff\xff\xff" + PACKED[44:], "damaged"),
    "no gzip named so": refused("a.jsonl.gz", CHATS, "it is no gzip file"),
    "rubbish behind gzip": refused("a.jsonl.gz", PACKED + b"rubbish", "bytes that are no gzip"),
    "gzip in gzip": refused("a.jsonl.gz", gzip.compress(PACKED), "gzip-compressed"),
    "an empty gzip": refused("a.jsonl.gz", gzip.compress(b""), "empty"),
    "a gzip bomb": refused("a.jsonl.gz", lambda: bomb(200 << 20), "more than 200 times its size"),
    # Tables of which nothing is read until somebody says what their columns are
    "wrong columns": faulty("a.csv", b"review,stars\nx,1\n", 1, "'review', 'stars'", "one of: text,label"),
    "a column too many": faulty("a.csv", b"text,label,colour\na,b,c\n", 1, "'text', 'label', 'colour'"),
    "no header": faulty("a.csv", ROWS, 1, "names the columns 'text 0', 'no'"),
    "row numbers without a name": faulty("a.csv", b",text,label\n0,a,b\n", 1, "Column 1 has no name"),
    # Lines at fault
    "a NUL in a line": faulty("a.jsonl", CHATS + b'{"prompt": "\x00"}\n', 13, "NUL"),
    "a NUL in a row": faulty("a.csv", TABLE + b"a\x00,no\n", 14, "NUL"),
    "a line of 50 MB": faulty(
        "a.jsonl", lambda: CHATS + b'{"prompt": "' + b"x" * 50_000_000 + b'"}\n' + chat(), 13, "50,000,014 bytes long"
    ),
    "a cell of 50 MB": faulty(
        "a.csv", lambda: TABLE + b'"' + (b'x""' * 33_333 + b"\n") * 500 + b'",no\nlast,no\n', 14, "50,000,006 bytes"
    ),
    "an entry too long": faulty(
        "a.fasta", lambda: b">a\nMKV\n>b\n" + (b"MKVLACDE" * 10_000 + b"\n") * 105, 3, "bytes long, more than the"
    ),
    "deep JSON in a line": faulty("a.jsonl", CHATS + nested(100_000).encode() + b"\n", 13, "not valid JSON"),
    "a deep role": faulty(
        "a.jsonl", CHATS + b'{"messages": [{"role": %s}]}\n' % nested(900).encode(), 13, "role is a list"
    ),
    "deep parameters of a tool": faulty(
        "a.jsonl",
        CHATS + chat(tools=[TOOL])[:-1].replace(b'"object"', nested(600).encode()) + b"\n", 13, "nested too deeply",
    ),
    "a lone surrogate": faulty("a.jsonl", CHATS + b'{"prompt": "\\ud800", "completion": "a"}\n', 13, "surrogate"),
    "a chat without an answer": faulty("a.jsonl", CHATS + jsonl({"messages": [ASK]}), 13, "no assistant message"),
    "an unknown key": faulty("a.jsonl", CHATS + chat(colour="red"), 13, 'unknown key "colour"'),
    "two kinds in one file": faulty("a.jsonl", CHATS + jsonl({"text": "a"}), 13, "a sentence record"),
    "an answer to no call": faulty(
        "a.jsonl", CHATS + jsonl({"messages": [ASK, {"role": "tool", "content": "x", "tool_call_id": "c9"}, ANSWER]}),
        13, 'messages[1].tool_call_id is "c9"',
    ),
    "arguments that are no JSON": faulty(
        "a.jsonl",
        CHATS + chat(tools=[TOOL]) + jsonl({"messages": [ASK, {"role": "assistant", "tool_calls": [
            CALL | {"function": {"name": "f", "arguments": "{x"}}]}]}),
        14, "arguments is not valid JSON",
    ),
    "two answers that are the same": faulty(
        "a.jsonl", jsonl({"prompt": "q", "chosen": "a", "rejected": "a"}), 1, "both answers are the same"
    ),
    "a label that is a fraction": faulty("a.jsonl", jsonl({"text": "a", "label": 0.5}), 1, "fraction"),
    "a label that is a boolean": faulty("a.jsonl", jsonl({"text": "a", "label": True}), 1, "is a boolean"),
    "a label that is null": faulty("a.jsonl", jsonl({"text": "a", "label": None}), 1, "is null"),
    "a label that is huge": faulty("a.jsonl", jsonl({"text": "a", "label": 10**60}), 1, '"label" is a number'),
    "a label with a NUL": faulty("a.jsonl", jsonl({"text": "a", "label": "b\x00"}), 1, "control character"),
    "a label as long as a text": faulty("a.csv", b"text,label\na," + b"b" * 999 + b"\n", 2, "999 characters"),
    "an empty label": faulty("a.csv", TABLE + b"a, \n", 14, '"label" is empty'),
    "an empty text": faulty("a.csv", TABLE + b",no\n", 14, '"text" is empty'),
    "label and labels": faulty("a.jsonl", jsonl({"text": "a", "label": "b"}, {"text": "a", "labels": []}), 2, "labels"),
    "a score that is NaN": faulty("a.jsonl", jsonl({"sentence1": "a", "sentence2": "b", "score": 1}) +
        b'{"sentence1": "a", "sentence2": "b", "score": NaN}\n', 2, "not valid JSON"),
    "a score that is infinite": faulty("a.csv", b"sentence1,sentence2,score\na,b,1\na,c,inf\n", 3, "finite number"),
    "a score out of range": faulty("a.csv", b"sentence1,sentence2,score\na,b,4.2\n", 2, "0 to 1", "score_5"),
    "a score with a comma": faulty("a.csv", b'sentence1;sentence2;score\na;b;0,8\n', 2, "Write a point"),
    "a score that is text": faulty("a.jsonl", jsonl({"query": "a", "document": "b", "score": "1"}), 1, "is text"),
    "a row with a cell too many": faulty("a.csv", TABLE + b"one, two,no\n", 14, "3 cells", "2 columns"),
    "a row with a cell too few": faulty("a.tsv", TABLE.replace(b",", b"\t") + b"one\n", 14, "1 cell "),
    "an open quotation mark at the end": faulty("a.csv", TABLE + b'"one,no\ntwo,no\n', 14, "never closed"),
    "text behind a closing mark": faulty("a.csv", TABLE + b'"one" two,no\n', 14, "follows a closing quotation mark"),
    "a bare carriage return in a row": faulty("a.csv", TABLE + b'on\re,"no"\n', 14, "bare carriage return"),
    "headers without residues": faulty("a.fasta", b">a\n>b\n>c\n", 1, "a has no residues"),
    "a header without an id": faulty("a.fasta", b">a\nMKV\n>\nMKV\n", 3, "needs an id"),
    "digits among residues": faulty("a.fasta", b">a\nMKV\n>b\n1 MKV 60\n", 3, "'0', '1', '6'"),
    "a stop inside a sequence": faulty("a.fasta", b">a\nMK*V\n", 1, "'*'"),
    "FASTA with bare carriage returns": faulty("a.fasta", b">a\rMKV\r>b\rMKV\r", 1, "bare carriage return"),
    # Odd, and right
    "a BOM and CR LF": fine("a.jsonl", b"\xef\xbb\xbf" + CHATS.replace(b"\n", b"\r\n"), 12),
    "a table with a BOM and CR LF": fine("a.csv", b"\xef\xbb\xbf" + TABLE.replace(b"\n", b"\r\n"), 12),
    "a table with bare carriage returns": fine("a.csv", TABLE.replace(b"\n", b"\r"), 12),
    "columns in capitals and an id": fine("a.csv", b"ID, Text,LABEL\n" + b"1,a,x\n2,b,y\n" * 5, 10),
    "line breaks and marks in cells": fine("a.csv", TABLE + b'"a ""b""\r\n\nc, d",no\n5" disk,no\n', 14),
    "semicolons": fine("a.csv", TABLE.replace(b",", b";"), 12, finding="other_separator"),
    "several gzip members, padded": fine("a.jsonl.gz", PACKED + PACKED + bytes(512), 24, finding="exact_duplicates"),
    "whole numbers as labels": fine("a.jsonl", jsonl(*({"text": f"t{n}", "label": n % 2} for n in range(9))), 9),
    "none, one and two labels": fine("a.csv", b"text,labels\na,\nb,x\nc, x | y\n", 3),
    "a table of one label only": fine(
        "a.csv", b"text,label\n" + b"".join(b"t%d,yes\n" % n for n in range(9)), 9,
        finding="one_label", job="the label 'yes' alone",
    ),
    "one residue over and over": fine("a.fa", b">a\nAAAAAAAA\n", 1, finding="one_character"),
    "DNA instead of a protein": fine("a.faa", b">a\n" + b"ACGTTGCAAC" * 9 + b"\n", 1, finding="nucleotides"),
    "an answer that is its prompt": fine("a.csv", b"prompt,completion\nthe same,the same\n", 1,
        finding="answer_repeats_prompt", job="has 1 examples"),
    "one text with two labels": fine("a.csv", TABLE + b"text 1,no\n", 13, finding="conflicting_labels"),
    "a secret": fine("a.jsonl", CHATS + chat(f"use {KEY} please"), 13, finding="likely_secrets"),
    "an address": fine("a.jsonl", CHATS + chat("mail ada@lovelace.org"), 13, finding="personal_data"),
    "a text too long by far": fine("a.jsonl", CHATS + b"".join(map(chat, range(12, 24))) + chat("x y " * 3000), 25,
        finding="very_long"),
}  # fmt: skip


def test_there_are_fifty_and_more():
    assert len(CASES) >= 100


@pytest.mark.parametrize("name", CASES)
async def test_each_gets_a_precise_answer_and_training_agrees(server, tmp_path, name):
    case = CASES[name]
    content = case.content if isinstance(case.content, bytes) else case.content()
    reply = await server.http.post(
        "/v1/files",
        files=[("purpose", (None, "fine-tune")), ("file", (case.filename, content))],
        headers=server.bearer(),
        timeout=60,
    )
    assert reply.status_code == case.status, reply.text
    assert (await server.http.get("/readyz")).status_code == 200
    said = (case.said,) if isinstance(case.said, str) else case.said
    if case.status == 400:
        error = reply.json()["error"]
        assert (error["code"], error["param"], error["type"]) == (
            "invalid_file_format",
            "file",
            "invalid_request_error",
        )
        assert all(words in error["message"] for words in said), error["message"]
        assert not [p for p in (server.data_dir / "blobs").rglob("*") if p.is_file()]
        return
    file = reply.json()
    got = await server.http.get(f"/v1/files/{file['id']}/report", headers=server.bearer())
    report = got.json()
    assert KEY not in got.text
    assert "lovelace" not in got.text
    stored = (await server.http.get(f"/v1/files/{file['id']}/content", headers=server.bearer())).content
    assert stored == content
    if case.line is None:
        assert (report["n_faults"], report["n_records"]) == (0, case.n_records), report["faults"]
    else:
        assert report["faults"][0]["line"] == case.line, report["faults"]
        assert all(words in report["faults"][0]["message"] for words in said), report["faults"]
    if case.finding is not None:
        found = next((f for f in report["findings"] if f["code"] == case.finding), None)
        assert found is not None, report["findings"]
        assert found["lines"] or case.finding in ("other_separator", "one_label")
    records = await server.http.get(f"/v1/files/{file['id']}/records?limit=100", headers=server.bearer())
    assert records.status_code == 200
    page = records.json()
    assert page["has_more"] or len(page["data"]) == report["n_records"] + report["n_faults"]
    await _job_and_training_agree(server, file, report, case, tmp_path / "sent", content)


async def _job_and_training_agree(server, file, report, case, path, content) -> None:
    kind = RecordKind(report["kind"]) if report["kind"] else RecordKind.CHAT
    task = tasks_of(kind)[0]
    async with server.app.state.db.session() as session:
        row = await session.get_one(FileRow, file["id"])
    fault = await service.check_for_task(server.app.state.blobs, row, task, [*kinds_of(task), RecordKind.PREFERENCE])
    path.write_bytes(content)
    training = InputFile(path=str(path), format=row.format, compression=row.compression, sha256=row.sha256)
    if case.line is not None:
        assert fault.code == "invalid_training_file"
        assert report["faults"][0]["message"][:100] in fault.message
        with pytest.raises(RecordInvalid) as refused:
            read_records(training, task)
        assert refused.value.line == case.line
        return
    assert (case.job or "") in (fault.message if fault else "")
    assert len(read_records(training, task)) == report["n_records"]


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.status == 400])
def test_what_the_server_refuses_training_refuses_as_an_invalid_record(tmp_path, name):
    case = CASES[name]
    path = tmp_path / "data"
    path.write_bytes(case.content if isinstance(case.content, bytes) else case.content())
    stem, _, suffix = case.filename.removesuffix(".gz").rpartition(".")
    if not stem or suffix not in ("jsonl", "csv", "tsv", "fasta", "fa"):
        pytest.skip("a name that is refused never comes to a job")
    file_format = "fasta" if suffix == "fa" else suffix
    compression = "gzip" if case.filename.endswith(".gz") else None
    with pytest.raises(RecordInvalid):
        read_records(InputFile(path=str(path), format=file_format, compression=compression, sha256="0" * 64), Task.CHAT)


async def test_a_gzip_that_unpacks_beyond_the_limit_gets_413_and_leaves_nothing(make_server):
    async with make_server(max_file_bytes=100_000) as server:
        content = gzip.compress(b"".join(chat(n) for n in range(2000)))
        assert len(content) < 100_000
        for parts in ([("purpose", (None, "fine-tune"))], []):
            form = [*parts, ("file", ("a.jsonl.gz", content)), *([] if parts else [("purpose", (None, "fine-tune"))])]
            reply = await server.http.post("/v1/files", files=form, headers=server.bearer())
            assert (reply.status_code, reply.json()["error"]["code"]) == (413, "too_large"), reply.text
            assert "Unpacked" in reply.json()["error"]["message"]
        assert not [p for p in (server.data_dir / "blobs").rglob("*") if p.is_file()]


@pytest.mark.parametrize("filename", ["a.jsonl.gz", "a.csv", "a.csv.gz", "a.tsv", "a.fasta.gz"])
@pytest.mark.parametrize("limit", [1, 5])
async def test_every_record_of_a_table_or_gzip_is_on_one_page(server, filename, limit):
    plain = {
        "a.jsonl.gz": CHATS, "a.csv.gz": b"\xef\xbb\xbf" + TABLE.replace(b"text 5", b'"two\nlines"'), "a.csv": TABLE,
        "a.tsv": TABLE.replace(b",", b"\t"), "a.fasta.gz": b"".join(b">s%d\nMKV\n" % n for n in range(12)),
    }[filename]  # fmt: skip
    content = gzip.compress(plain) if filename.endswith(".gz") else plain
    made = await server.http.post(
        "/v1/files", files={"file": (filename, content)}, data={"purpose": "fine-tune"}, headers=server.bearer()
    )
    found, after = [], ""
    while True:
        url = f"/v1/files/{made.json()['id']}/records?limit={limit}{after}"
        page = (await server.http.get(url, headers=server.bearer())).json()
        found += page["data"]
        if not page["has_more"]:
            break
        after = f"&after={page['last_id']}"
    assert len(found) == len({r["id"] for r in found}) == 12
    assert all(r["fault"] is None for r in found)
    assert [r["line"] for r in found] == sorted(r["line"] for r in found)
    if "csv" in filename or "tsv" in filename:
        assert [r["text"] for r in found[-2:]] == ["text 10", "text 11"]
        assert found[-1]["labels"] == ["yes"]
