"""Fixes: what they change and what they leave, byte by byte, and that each repair mends what it was proposed for."""

import gzip
import json
from typing import Any

import pytest
from pydantic import TypeAdapter

from tunesmith.records.formats import format_of
from tunesmith.schemas.errors import SpecInvalid
from tunesmith.schemas.fixes import DropFound, Fix
from tunesmith.server.datasets.fix_stages import stage_of, survey_of
from tunesmith.server.datasets.fixing import refuse_without_records
from tunesmith.server.datasets.rewriting import FixedLines, Rewriting
from tunesmith.server.datasets.validation import FileCheck, Findings

KEY = "AKIA" + "IOSFODNN7EXAMPLE"
WORDS = [f"word{n}" for n in range(400)]


def chat(question: str, answer: str = "yes") -> str:
    return json.dumps({"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]})


def long(n: int) -> str:
    return " ".join(WORDS[n * 7 % 300 : n * 7 % 300 + 40])


def labelled(n: int, label: str = "") -> str:
    return f"text number {n},{label or ('yes' if n % 2 else 'no')}"


CHATS = [chat(f"{n} {long(n)}", f"answer {n}") for n in range(24)]
ROWS = [labelled(n) for n in range(24)]
FASTA = [f">s{n} about {n}\nMKV{'ACDEFGHIKL'[n % 10] * 5}\nMNPQ{'MNPQRSTVWY'[n // 10] * 7}" for n in range(24)]


def check(content: bytes, filename: str) -> Findings:
    """The report's content, as an upload has it."""
    looking = FileCheck(*format_of(filename))
    looking.feed(content)
    return looking.finish()


def fixed(content: bytes, filename: str, *fixes: Any, chunk_bytes: int = 1 << 20) -> bytes:
    """What the fixes make of the content, without a server."""
    wanted = [TypeAdapter(Fix).validate_python(each) for each in fixes]
    surveys: list[Any] = []
    chunks = [content[at : at + chunk_bytes] for at in range(0, len(content), chunk_bytes)]

    def lines() -> FixedLines:
        return FixedLines(*format_of(filename), [stage_of(*each) for each in zip(wanted, surveys, strict=False)])

    for each in wanted:
        survey = survey_of(each)
        if survey is not None:
            reading = lines()
            for line in [*(line for chunk in chunks for line in reading.feed(chunk)), *reading.finish()]:
                survey.see(line)
        surveys.append(survey)
    work = Rewriting(lines())
    return b"".join([*map(work.feed, chunks), work.finish()])


FOUND: dict[str, tuple[str, list[str]]] = {
    "exact_duplicates": ("a.jsonl", [*CHATS, CHATS[3], CHATS[3]]),
    "near_duplicates": ("a.jsonl", [*CHATS, chat(f"5 {long(5)} indeed", "answer 5")]),
    "likely_secrets": ("a.jsonl", [*CHATS, chat(f"use {KEY} please")]),
    "personal_data": ("a.jsonl", [chat("mail ada@lovelace.org"), *CHATS]),
    "empty_text": ("a.jsonl", [*CHATS, chat("  ")]),
    "one_character": ("a.jsonl", [*CHATS, chat("what?", "aaaaaaaa")]),
    "answer_repeats_prompt": ("a.jsonl", [*CHATS, chat("the same", "the same")]),
    "very_long": ("a.jsonl", [*CHATS, chat(" ".join(f"w{n}" for n in range(4000)))]),
    "very_short": ("a.jsonl", [*CHATS, chat("a", "b")]),
    "same_texts": ("a.csv", ["anchor,positive", *(f"a{n},b{n}" for n in range(9)), "alike,alike"]),
    "read_as_pairs": ("a.csv", ["Question,answer", *(f"a{n},b{n}" for n in range(9))]),
    "conflicting_labels": ("a.csv", ["text,label", *ROWS, labelled(3, "no")]),
    "rare_labels": ("a.csv", ["text,label", *ROWS, labelled(99, "maybe")]),
    "similar_labels": (
        "a.csv",
        ["text,label", *ROWS, *(labelled(n, "YES") for n in range(30, 40)), labelled(41, "No")],
    ),
    "nucleotides": ("a.fasta", [*FASTA, f">dna\n{'ACGTTGCAAC' * 4}"]),
}


@pytest.mark.parametrize("chunk_bytes", [50, 1 << 20])
@pytest.mark.parametrize("code", FOUND)
def test_the_repair_of_a_finding_makes_it_disappear(code, chunk_bytes):
    filename, lines = FOUND[code]
    content = ("\n".join(lines) + "\n").encode()
    (finding,) = [found for found in check(content, filename).hints if found.code == code]
    assert finding.repairs
    after = fixed(content, filename, *finding.repairs, chunk_bytes=chunk_bytes)
    report = check(after, filename)
    assert code not in {found.code for found in report.hints}
    assert (report.n_faults, report.n_records > 0) == (0, True)
    with pytest.raises(SpecInvalid):
        fixed(after, filename, *finding.repairs)


def test_every_finding_that_can_be_dropped_is_tested():
    codes = set(DropFound.model_fields["code"].annotation.__args__)  # type: ignore[union-attr]
    assert codes <= set(FOUND)


@pytest.mark.parametrize(
    ("filename", "lines", "fault"),
    [
        ("a.jsonl", CHATS, '{"messages": []}'),
        ("a.jsonl", CHATS, '{"text": "another kind"}'),
        ("a.jsonl", CHATS, "{broken"),
        ("a.jsonl", CHATS, '{"messages": "' + "x" * (9 << 20) + '"}'),
        ("a.csv", ["text,label", *ROWS], "a cell too many, no,no"),
        ("a.csv", ["text,label", *ROWS], 'an "open mark,"no'),
        ("a.fasta", FASTA, ">bad\nMK1V"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_the_repair_of_a_fault_leaves_out_that_line_alone(filename, lines, fault, packed):
    whole = ("\n".join([*lines, fault]) + "\n").encode()
    name = f"{filename}.gz" if packed else filename
    found = check(gzip.compress(whole) if packed else whole, name)
    assert (found.n_faults, [each.type for each in found.faults[0].repairs]) == (1, ["drop_faulty"])
    after = fixed(gzip.compress(whole) if packed else whole, name, *found.faults[0].repairs)
    kept = gzip.decompress(after) if packed else after
    assert kept.decode() == "\n".join(lines) + "\n", "what is kept stays byte for byte"


@pytest.mark.parametrize(
    ("filename", "lines", "roles", "kind"),
    [
        ("a.csv", ["review,sentiment", "good,1", "bad,0"], {"review": "text", "sentiment": "label"}, "classification"),
        ("a.csv", ["question,answer,src", "q,a,x"], {"question": "instruction", "answer": "output", "src": ""},
         "instruction"),
        ("a.csv", [",text,label", "0,a,x"], {"": ""}, "classification"),
        ("a.csv", ["text,label,colour", "a,b,c"], {"colour": ""}, "classification"),
        ("a.tsv", ["Protein\tFamily\tClass", "MKV\tx\ty"], {"Protein": "sequence", "Family": "", "Class": "label"},
         "labelled_sequence"),
        ("a.csv", ["Sentence A;Sentence B;similarity", "a;b;0.5"],
         {"Sentence A": "sentence1", "Sentence B": "sentence2", "similarity": "score"}, "scored_pair"),
        ("a.csv", ['query,pos,neg', '"a, ""b""",c,"d\ne"'],
         {"query": "anchor", "pos": "positive", "neg": "negative"}, "triplet"),
        ("a.csv", ["prompt,response", "p,r"], {"prompt": "instruction", "response": "output"}, "instruction"),
        ("a.csv", ["article,highlights,id", "p,r,1"], {"article": "instruction", "highlights": "output"},
         "instruction"),
        ("a.jsonl", ['{"question": "q", "response": "a"}'], {"question": "instruction", "response": "output"},
         "instruction"),
        ("a.jsonl", ['{"text": "t", "label": 1, "idx": 7}'], {"idx": ""}, "classification"),
        ("a.jsonl", [chat("q")[:-1] + ', "id": 3}'], {"id": ""}, "chat"),
        ("a.jsonl", ['{"conversations": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}'],
         {"conversations": "messages"}, "chat"),
    ],
)  # fmt: skip
def test_unknown_columns_are_taken_in_and_a_guess_mends_them(filename, lines, roles, kind):
    content = ("\n".join(lines) + "\n").encode()
    before = check(content, filename)
    assert (before.n_records, before.n_faults, before.kind) == (0, len(lines) - (filename[-1] != "l"), None)
    (repair,) = before.faults[0].repairs
    assert repair.model_dump() == {"type": "set_columns", "roles": roles}
    after = check(fixed(content, filename, repair), filename)
    assert (after.kind, after.n_faults, after.n_records) == (kind, 0, before.n_faults)


def test_columns_of_no_meaning_are_left_to_a_person():
    content = b"Frage,Antwort\nq,a\nr,b\n"
    found = check(content, "a.csv")
    assert (found.n_faults, len(found.faults), found.faults[0].repairs) == (2, 1, [])
    after = fixed(content, "a.csv", {"type": "set_columns", "roles": {"frage": "instruction", "Antwort": "output"}})
    assert after == b"instruction,output\nq,a\nr,b\n"


def test_a_line_of_another_kind_is_never_a_reason_to_rename_columns():
    lines = ['{"question": "q", "response": "a"}', *CHATS]
    assert [each.type for each in check("\n".join(lines).encode(), "a.jsonl").faults[0].repairs] == ["drop_faulty"]


def test_rows_are_written_anew_only_where_a_column_is_left_out():
    rows = b'"a, ""b""",x,1\n"two\nlines", y ,2\nplain,"z",3\n'
    after = fixed(b"review,label,n\n" + rows, "a.csv", {"type": "set_columns", "roles": {"review": "text", "n": ""}})
    assert after == b'text,label\n"a, ""b""",x\n"two\nlines", y \nplain,z\n'
    roles = {"review": "text", "sentiment": "label"}
    after = fixed(b'review;"sentiment"\n"a, b"; x\n', "a.csv", {"type": "set_columns", "roles": roles})
    assert after == b'text;label\n"a, b"; x\n'


def test_a_label_is_renamed_where_it_stands_and_nowhere_else():
    rows = b'text,labels\none,"a|B, b"\ntwo, a | c \nthree,\nfour,c\n'
    after = fixed(rows, "a.csv", {"type": "rename_label", "label": "a", "to": "c"})
    assert after == b'text,labels\none,"c|B, b"\ntwo,c\nthree,\nfour,c\n'
    lines = b'{"text": "x", "label": 1}\n{"label":"2","text":"y"}\n{"text": "z", "label": "one"}\n'
    after = fixed(lines, "a.jsonl", {"type": "rename_label", "label": "1", "to": "one"})
    assert after == b'{"text":"x","label":"one"}\n' + lines.partition(b"\n")[2]
    assert check(after, "a.jsonl").labels == {"one": 2, "2": 1}


async def test_fixes_are_done_in_their_order_and_told_with_the_version(sets):
    content = "review,sentiment,n\n" + "\n".join(["a,YES,1", "a,yes,2", "b,no,3", "c,,4", "b,no,3"]) + "\n"
    made = await sets.create(content, "a.csv")
    fixes: list[dict[str, Any]] = [
        {"type": "set_columns", "roles": {"review": "text", "sentiment": "label", "n": ""}},
        {"type": "drop_faulty"},
        {"type": "rename_label", "label": "YES", "to": "yes"},
        {"type": "drop_duplicates", "near": False},
    ]
    done = await sets.fix(made, *fixes, note="tidied")
    assert await sets.content(done) == b"text,label\na,yes\nb,no\n"
    assert (done["version"], done["parent_version"], done["fixes"], done["note"]) == (2, 1, fixes, "tidied")
    assert (done["kind"], done["n_records"], done["n_faults"], done["added"]) == ("classification", 2, 0, 2)
    assert done["file"]["filename"] == "a.csv"
    assert (await sets.content(made["newest"])).decode() == content, "the old version stays as it was"


async def test_fixes_start_from_the_version_that_is_named(sets):
    made = await sets.create("\n".join([*CHATS, CHATS[0]]))
    await sets.post(f"/v1/datasets/{made['id']}/versions", file_id=await sets.upload("\n".join(CHATS)))
    refused = await sets.try_fix(made, {"type": "drop_duplicates"})
    assert refused.json()["error"]["code"] == "nothing_to_fix"
    done = await sets.fix(made, {"type": "drop_duplicates"}, from_version=1)
    assert (done["version"], done["parent_version"], done["removed"]) == (3, 1, 1)


FASTA_TEXT = "\n".join(FASTA) + "\n"


@pytest.mark.parametrize(
    ("filename", "content", "fix", "said"),
    [
        ("a.jsonl", "\n".join(CHATS), {"type": "drop_faulty"}, "change nothing"),
        ("a.jsonl", "\n".join(CHATS), {"type": "rename_label", "label": "a", "to": "b"}, "change nothing"),
        ("a.jsonl", "\n".join(CHATS), {"type": "drop_found", "code": "very_long"}, "change nothing"),
        ("a.jsonl", chat("a", "bbbbbb"), {"type": "drop_found", "code": "one_character"}, "leave nothing"),
        ("a.csv", "a,b\n1,2\n", {"type": "drop_faulty"}, "leave nothing"),
        ("a.csv", "a,b\n1,2\n", {"type": "set_columns", "roles": {"c": "text"}}, "no column 'c'. It has: 'a', 'b'"),
        ("a.csv", "a,b\n1,2\n", {"type": "set_columns", "roles": {"a": "colour"}}, "'colour' is no role"),
        ("a.csv", "a,b\n1,2\n", {"type": "set_columns", "roles": {"a": "text"}}, "'text', 'b', and no record"),
        ("a.csv", "a,b\n1,2\n", {"type": "set_columns", "roles": {"a": "text", "b": "text"}}, "given twice"),
        ("a.csv", "text,b\n1,2\n", {"type": "set_columns", "roles": {"b": "text"}}, "Two columns would be 'text'"),
        ("a.jsonl", '{"a": "x"}', {"type": "set_columns", "roles": {"b": "text"}}, "No line has 'b'. There are: 'a'"),
        ("a.jsonl", '{"a": "x", "text": "y"}', {"type": "set_columns", "roles": {"a": "text"}}, "'text' twice"),
        ("a.jsonl", '{"a": 5}', {"type": "set_columns", "roles": {"a": "text"}}, '"text" is a number'),
        ("a.fasta", FASTA_TEXT, {"type": "set_columns", "roles": {"a": "text"}}, "FASTA has no columns"),
        ("a.fasta", FASTA_TEXT, {"type": "rename_label", "label": "a", "to": "b\nc"}, "in one line"),
        ("a.csv", "text,labels\na,x\n", {"type": "rename_label", "label": "x", "to": "a|b"}, "holds '|'"),
        ("a.jsonl", "\n".join([*CHATS, CHATS[0], '{"prompt": "' + "x" * (9 << 20) + '"}']), {"type": "drop_duplicates"},
         "Line 26 is too long"),
    ],
)  # fmt: skip
def test_a_fix_that_cannot_be_or_does_nothing_is_refused(filename, content, fix, said):
    def version() -> None:
        refuse_without_records(check(fixed(content.encode(), filename, fix), filename))

    with pytest.raises(SpecInvalid) as refused:
        version()
    assert refused.value.param == "fixes"
    assert said in refused.value.message


async def test_what_is_refused_leaves_nothing(sets):
    made = await sets.create('{"a": 5}')
    for fix in ({"type": "drop_faulty"}, {"type": "set_columns", "roles": {"a": "text"}}):
        reply = await sets.try_fix(made, fix)
        assert (reply.status_code, reply.json()["error"]["param"]) == (400, "fixes")
    assert await sets.versions(made) == [1]
    blobs = sets.remote.server.data_dir / "blobs"
    assert len([path for path in blobs.rglob("*") if path.is_file()]) == 1


def test_faulty_lines_that_nobody_drops_are_kept_as_they_are():
    lines = [*CHATS, "{broken", CHATS[0], '{"text": "other"}']
    after = fixed("\n".join(lines).encode(), "a.jsonl", {"type": "drop_duplicates"})
    assert after.decode().splitlines() == [*CHATS, "{broken", '{"text": "other"}']


async def test_a_data_set_deleted_meanwhile_gets_no_version_and_no_bytes(sets, monkeypatch):
    from tunesmith.server.datasets import fixing

    made = await sets.create("\n".join([*CHATS, CHATS[0]]))
    finish = fixing.FileCheck.finish
    db, blobs = sets.remote.server.app.state.db, sets.remote.server.app.state.blobs

    def deleting(check: Any) -> Any:
        import psycopg

        with psycopg.connect(db.url.replace("+psycopg", "")) as connection:
            connection.execute("UPDATE datasets SET deleted_at = now()")
        return finish(check)

    monkeypatch.setattr(fixing.FileCheck, "finish", deleting)
    assert (await sets.try_fix(made, {"type": "drop_duplicates"})).status_code == 404
    assert [entry.key async for entry in blobs.entries()] == [made["newest"]["file"]["sha256"]]


def test_what_is_far_from_the_rest_is_dropped_until_nothing_is():
    lengths = [100] * 40 + [2_990] + [4_000] + [90_000]
    content = "\n".join(json.dumps({"text": f"{n:05d}" + "x " * (length // 2 - 2)}) for n, length in enumerate(lengths))
    (before,) = [found for found in check(content.encode(), "a.jsonl").hints if found.code == "very_long"]
    after = check(fixed(content.encode(), "a.jsonl", {"type": "drop_found", "code": "very_long"}), "a.jsonl")
    assert (before.count, after.n_records) == (2, 41)
    assert "very_long" not in {found.code for found in after.hints}


def test_near_copies_are_found_beyond_what_is_compared_pair_by_pair():
    texts = [f"{n} {long(n)} {long(n * 3)} number{n}" for n in range(400)]
    copies = [f"{text} again" for text in texts[::40]]
    content = "\n".join(json.dumps({"text": text}) for text in [*texts, *copies]).encode()
    after = fixed(content, "a.jsonl", {"type": "drop_duplicates", "near": True}).decode().splitlines()
    kept = [json.loads(line)["text"] for line in after]
    assert set(kept).isdisjoint(copies)
    assert "near_duplicates" not in {found.code for found in check("\n".join(after).encode(), "a.jsonl").hints}


@pytest.mark.parametrize("fix", [{"type": "drop_duplicates"}, {"type": "drop_found", "code": "very_long"}])
def test_a_large_file_is_never_held_whole(fix):
    import tracemalloc

    wanted = TypeAdapter(Fix).validate_python(fix)
    survey = survey_of(wanted)
    text = "some words to fill a line with, " * 40
    work = Rewriting(FixedLines("jsonl", None, [stage_of(wanted, survey)]))
    tracemalloc.start()
    for at in range(0, 10_000, 500):
        chunk = "".join(json.dumps({"text": f"{n} {text}"}) + "\n" for n in range(at, at + 500)).encode()
        work.feed(chunk)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(chunk) * 20 > 12_000_000
    assert peak_bytes < 6_000_000
