"""One definition of a record: what is read, what is refused, and the words of each refusal."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.records.fasta import parse_sequence
from tunesmith.records.json_lines import parse_json_line
from tunesmith.records.pieces import MAX_LINE_BYTES
from tunesmith.schemas.errors import RecordInvalid
from tunesmith.schemas.records import Message, RecordKind

USER = {"role": "user", "content": "q"}
ANSWER = {"role": "assistant", "content": "a"}


def parse(record: object, line: int = 7):
    return parse_json_line(json.dumps(record).encode(), line)


def chat(*messages: object, **more: object) -> dict[str, object]:
    return {"messages": list(messages), **more}


def test_a_chat_trains_its_assistant_messages():
    record = parse(chat({"role": "system", "content": "s"}, USER, ANSWER, USER, ANSWER, metadata={"any": 1}))
    assert record.kind is RecordKind.CHAT
    assert record.templated
    assert [(m.role, m.trained) for m in record.messages] == [
        ("system", False), ("user", False), ("assistant", True), ("user", False), ("assistant", True),
    ]  # fmt: skip
    assert record.length == 5


def test_weight_zero_is_read_and_not_trained():
    record = parse(chat(USER, ANSWER | {"weight": 0}, USER, ANSWER | {"weight": 1}))
    assert [m.trained for m in record.messages if m.role == "assistant"] == [False, True]


def test_a_developer_is_a_system_and_text_parts_are_joined():
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    record = parse(chat({"role": "developer", "content": parts}, USER, ANSWER))
    assert record.messages[0] == Message("system", "ab")


def test_prompt_and_completion_are_used_as_they_stand():
    record = parse({"prompt": "", "completion": " yes\n"})
    assert (record.kind, record.templated) == (RecordKind.COMPLETION, False)
    assert record.messages == (Message("user", ""), Message("assistant", " yes\n", trained=True))


@pytest.mark.parametrize("answer", ["output", "response"])
@pytest.mark.parametrize("extra", [None, "", "the input"])
def test_an_instruction_becomes_a_chat(answer, extra):
    record = parse({"instruction": "do", "input": extra, answer: "done", "system": "be brief"})
    assert record.kind is RecordKind.INSTRUCTION
    asked = "do\n\nthe input" if extra else "do"
    assert [m.content for m in record.messages] == ["be brief", asked, "done"]


@pytest.mark.parametrize(
    ("record", "param", "said"),
    [
        (5, None, "expected an object"),
        ([], None, "expected an object"),
        ({}, "messages", "none of the keys"),
        ({"words": "a"}, "messages", "it has: words"),
        ({"messages": "a"}, "messages", "got text"),
        ({"messages": []}, "messages", "an empty list"),
        ({"messages": None}, "messages", "got null"),
        (chat("hi"), "messages[0]", "expected an object"),
        (chat(USER), "messages", "no assistant message"),
        (chat(USER, ANSWER | {"weight": 0}), "messages", "nothing to train on"),
        (chat(USER, {"role": "assistant", "content": " "}), "messages", "nothing to train on"),
        (chat({"role": "bot", "content": "a"}), "messages[0].role", '"bot"'),
        (chat({"content": "a"}), "messages[0].role", "null"),
        (chat(USER, {"role": "assistant", "content": None}), "messages[1].content", "is null"),
        (chat(USER, {"role": "assistant", "content": 5}), "messages[1].content", "a number"),
        (chat(USER, ANSWER | {"weight": 2}), "messages[1].weight", "expected 0 or 1"),
        (chat(USER, ANSWER | {"weight": True}), "messages[1].weight", "expected 0 or 1"),
        (chat(USER, ANSWER | {"weight": []}), "messages[1].weight", "expected 0 or 1"),
        (chat(USER, {"role": "tool", "content": "a"}), "messages[1].tool_call_id", "missing"),
        (chat(USER, {"role": "function", "content": "a"}), "messages[1].function_call", "old form"),
        (chat(USER, ANSWER | {"function_call": {"name": "f"}}), "messages[1].function_call", "old form"),
        (chat({"role": "user", "content": [{"type": "image_url"}]}, ANSWER), "messages[0].content[0]", "images"),
        (chat(USER, ANSWER, functions=[{}]), "functions", 'Write "tools"'),
        (chat({"role": [[]], "content": "a"}), "messages[0].role", "a list"),
        (chat(USER, ANSWER, colour="red"), "colour", "unknown key"),
        ({"prompt": "a"}, "completion", "missing"),
        ({"completion": "a"}, "prompt", "missing"),
        ({"prompt": "a", "completion": ""}, "completion", "empty"),
        ({"prompt": 1, "completion": "a"}, "prompt", "a number"),
        ({"instruction": "a"}, "response", "missing"),
        ({"instruction": "a", "output": None}, "output", "null"),
        ({"instruction": " ", "output": "a"}, "instruction", "empty"),
    ],
)
def test_a_bad_record_names_its_line_its_key_and_the_trouble(record, param, said):
    with pytest.raises(RecordInvalid, match=r"^Line 7") as refused:
        parse(record)
    assert said in refused.value.message
    assert (refused.value.line, refused.value.param) == (7, param)
    assert refused.value.error_code == "invalid_training_file"


@pytest.mark.parametrize(
    "raw",
    [b"{", b"", b"{'a': 1}", b'{"messages": NaN}', b'{"prompt": "\\ud800", "completion": "a"}',
     b'{"prompt": "\xff", "completion": "a"}', b'{"prompt": "a", "completion": "b"} x', b"[" * 5000],
)  # fmt: skip
def test_what_is_no_json_is_refused_with_its_place(raw):
    with pytest.raises(RecordInvalid, match="Line 3 is not valid JSON"):
        parse_json_line(raw, 3)


def test_a_nul_byte_and_a_giant_line_are_refused():
    with pytest.raises(RecordInvalid, match="NUL"):
        parse_json_line(b'{"prompt": "\x00"}', 1)
    with pytest.raises(RecordInvalid, match="bytes long"):
        parse_json_line(b" " * (MAX_LINE_BYTES + 1), 1)


KEYS = st.sampled_from(["messages", "role", "content", "weight", "prompt", "completion", "instruction", "output", "a"])
SCALARS = st.none() | st.booleans() | st.floats() | st.text()


@given(st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner)))
def test_nothing_but_record_invalid_ever_comes_out(data):
    with contextlib.suppress(RecordInvalid):
        parse_json_line(json.dumps(data).encode(), 1)


def test_the_fingerprint_is_of_the_content_and_not_of_its_spelling():
    plain = parse(chat(USER, ANSWER))
    spelled = parse_json_line(
        b' { "messages" : [ {"content": "\\u0071", "role":"user"}, {"weight": 1, "content":"a","role":"assistant"} ] }',
        9,
    )
    assert plain.fingerprint == spelled.fingerprint
    assert plain.fingerprint != parse(chat(USER, ANSWER | {"content": "b"})).fingerprint
    assert plain.fingerprint != parse(chat({"role": "system", "content": "q"}, ANSWER)).fingerprint


def test_a_sequence_is_raised_and_cleaned_by_the_stated_rule():
    record = parse_sequence("sp|P1|X  a protein", " mk-v.l\nAC DE\tbxz*", 4)
    assert (record.id, record.description, record.residues) == ("sp|P1|X", "a protein", "MKVLACDEBXZ")
    assert record.length == 11


@pytest.mark.parametrize(
    ("header", "sequence", "said"),
    [("", "MK", "needs an id"), ("  ", "MK", "needs an id"), ("a", "", "no residues"), ("a", "-*", "no residues"),
     ("a", "MK1", "'1'"), ("a", "M*K", "'*'"), ("a", "MÉ", "'É'")],
)  # fmt: skip
def test_a_bad_sequence_names_its_line(header, sequence, said):
    with pytest.raises(RecordInvalid, match=r"^Line 4") as refused:
        parse_sequence(header, sequence, 4)
    assert said in refused.value.message


def test_two_headers_on_one_sequence_are_one_record():
    assert parse_sequence("a", "MK", 1).fingerprint == parse_sequence("b", "mk", 9).fingerprint
