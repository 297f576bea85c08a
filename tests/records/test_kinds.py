"""Records of every kind from JSONL lines and table rows: what is read, and what is refused with which words."""

import json

import orjson
import pytest

from tunesmith.records.json_lines import parse_json_line
from tunesmith.records.pieces import Piece
from tunesmith.records.tables import parse_row, read_header
from tunesmith.schemas.errors import RecordInvalid
from tunesmith.schemas.records import (
    ChatRecord,
    LabelledRecord,
    LabelledSequenceRecord,
    Message,
    PreferenceRecord,
    RecordKind,
    SequenceRecord,
    TextsRecord,
)

ASK, ANSWER = {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}
TOOL = {"function": {"parameters": {"z": 1, "a": 2}, "name": "f", "strict": None}, "type": "function"}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
CALLING = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "4"}
USER, GOOD, BAD = Message("user", "q"), Message("assistant", "good", trained=True), Message("assistant", "bad", True)


def parse(record: object):
    return parse_json_line(json.dumps(record).encode(), 7)


def row(header: str, cells: str):
    return parse_row(Piece(3, 0, cells.encode(), len(cells)), read_header(header.encode(), b"\n", "csv"))


def test_a_chat_with_tools_keeps_calls_answers_and_the_order_of_parameters():
    record = parse({"messages": [ASK, CALLING, RESULT, ANSWER], "tools": [TOOL], "parallel_tool_calls": False})
    assert isinstance(record, ChatRecord)
    calling, result = record.messages[1:3]
    assert (calling.content, calling.trained) == ("", True)
    assert orjson.loads(calling.tool_calls or "") == [CALL]
    assert (result.role, result.tool_call_id, result.trained) == ("tool", "c1", False)
    assert record.tools == '[{"type":"function","function":{"name":"f","parameters":{"z":1,"a":2}}}]'


def test_arguments_given_as_an_object_become_text_and_null_tools_are_none():
    call = CALL | {"function": {"name": "f", "arguments": {"x": 1}}}
    record = parse({"messages": [ASK, CALLING | {"tool_calls": [call], "weight": 0}, RESULT, ANSWER], "tools": None})
    assert isinstance(record, ChatRecord)
    assert [m.trained for m in record.messages] == [False, False, False, True]
    assert '"arguments":"{\\"x\\":1}"' in (record.messages[1].tool_calls or "")
    assert record.tools is None
    assert parse({"messages": [ASK, ANSWER | {"tool_calls": None, "weight": None}], "tools": []}).kind == "chat"


OPENAI = {
    "input": {"messages": [ASK], "tools": [TOOL], "parallel_tool_calls": True},
    "preferred_output": [{"role": "assistant", "content": "good"}],
    "non_preferred_output": [{"role": "assistant", "content": "bad"}],
}


@pytest.mark.parametrize(
    "record",
    [
        OPENAI,
        {"prompt": "q", "chosen": "good", "rejected": "bad"},
        {"prompt": [ASK], "chosen": OPENAI["preferred_output"], "rejected": OPENAI["non_preferred_output"]},
        {"chosen": [ASK, *OPENAI["preferred_output"]], "rejected": [ASK, *OPENAI["non_preferred_output"]]},
    ],
)
def test_a_preference_is_a_prompt_with_two_answers_in_every_spelling(record):
    found = parse(record)
    assert isinstance(found, PreferenceRecord)
    assert (found.prompt, found.preferred, found.rejected) == ((USER,), GOOD, BAD)
    assert (found.tools is not None) == ("input" in record)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"text": "t"}, TextsRecord(RecordKind.SENTENCE, ("t",))),
        ({"text": "t", "label": " spam "}, LabelledRecord("t", ("spam",))),
        ({"text": "t", "label": 3}, LabelledRecord("t", ("3",))),
        ({"text": "t", "labels": ["a", "b", "a"]}, LabelledRecord("t", ("a", "b"), multi=True)),
        ({"text": "t", "labels": []}, LabelledRecord("t", (), multi=True)),
        ({"anchor": "a", "positive": "b"}, TextsRecord(RecordKind.PAIR, ("a", "b"))),
        ({"query": "a", "document": "b"}, TextsRecord(RecordKind.PAIR, ("a", "b"))),
        ({"sentence1": "a", "sentence2": "b"}, TextsRecord(RecordKind.PAIR, ("a", "b"))),
        ({"question": "a", "answer": "b", "metadata": 1}, TextsRecord(RecordKind.PAIR, ("a", "b"))),
        ({"anchor": "a", "positive": "b", "negative": "c"}, TextsRecord(RecordKind.TRIPLET, ("a", "b", "c"))),
        (
            {"query": "a", "positive": "b", "negatives": ["c", "d"]},
            TextsRecord(RecordKind.TRIPLET, ("a", "b", "c", "d")),
        ),
        ({"sentence1": "a", "sentence2": "b", "score": 1}, TextsRecord(RecordKind.SCORED_PAIR, ("a", "b"), 1.0)),
        ({"sentence1": "a", "sentence2": "b", "score_5": 4}, TextsRecord(RecordKind.SCORED_PAIR, ("a", "b"), 0.8)),
        ({"sequence": "mk-v*"}, SequenceRecord("line-7", "", "MKV")),
        ({"sequence": "MKV", "id": "p1", "label": "x"}, LabelledSequenceRecord("p1", "MKV", ("x",))),
    ],
)
def test_each_kind_is_told_by_its_keys(record, expected):
    assert parse(record) == expected


@pytest.mark.parametrize(
    ("header", "cells", "expected"),
    [
        ("text", "t", TextsRecord(RecordKind.SENTENCE, ("t",))),
        ("label,text", "spam,t", LabelledRecord("t", ("spam",))),
        ("text,labels", "t,a | b", LabelledRecord("t", ("a", "b"), multi=True)),
        ("text,labels", "t,", LabelledRecord("t", (), multi=True)),
        ("id,text,label,metadata", "1,t,spam,x", LabelledRecord("t", ("spam",))),
        ("query;document", "a;b", TextsRecord(RecordKind.PAIR, ("a", "b"))),
        ("anchor\tpositive\tnegative", "a\tb\tc", TextsRecord(RecordKind.TRIPLET, ("a", "b", "c"))),
        ("sentence1,sentence2,score_5", "a,b,2.5", TextsRecord(RecordKind.SCORED_PAIR, ("a", "b"), 0.5)),
        ("id,sequence,label", "p1,MKV,x", LabelledSequenceRecord("p1", "MKV", ("x",))),
        ("sequence,label", "MKV,x", LabelledSequenceRecord("line-3", "MKV", ("x",))),
        ("prompt,chosen,rejected", "q,good,bad", PreferenceRecord((USER,), GOOD, BAD)),
    ],
)
def test_a_row_is_the_record_that_a_line_would_be(header, cells, expected):
    assert row(header, cells) == expected


def test_rows_of_prompts_and_instructions_are_chats():
    completion = row("prompt,completion", 'a,"b ""c"""')
    assert completion == parse({"prompt": "a", "completion": 'b "c"'})
    assert row("instruction,input,output", "do,,done") == parse({"instruction": "do", "output": "done"})
    assert row("instruction,input,response", "do,it,done") == parse(
        {"instruction": "do", "input": "it", "response": "done"}
    )


@pytest.mark.parametrize(
    ("record", "param", "said"),
    [
        ({"messages": [ASK | {"tool_calls": [CALL]}, ANSWER]}, "messages[0].tool_calls", "only an assistant"),
        ({"messages": [ASK, CALLING | {"tool_calls": {}}, ANSWER]}, "messages[1].content", "null"),
        ({"messages": [ASK, CALLING | {"tool_calls": "f"}]}, "messages[1].tool_calls", "is text"),
        ({"messages": [ASK, CALLING | {"tool_calls": [{}]}]}, "messages[1].tool_calls[0].function", "missing"),
        ({"messages": [ASK, ANSWER], "tools": {}}, "tools", "an object"),
        ({"messages": [ASK, ANSWER], "tools": [TOOL, TOOL]}, "tools", 'name "f"'),
        ({"messages": [ASK, ANSWER], "tools": [{"type": "web"}]}, "tools[0].type", '"web"'),
        ({"messages": [ASK, ANSWER], "tools": [{"function": {"name": 1}}]}, "tools[0].function.name", "a number"),
        (OPENAI | {"input": "q"}, "input", "is text"),
        (OPENAI | {"input": {"messages": [ASK, ANSWER]}}, "prompt", "ends with an assistant"),
        (OPENAI | {"preferred_output": [ASK]}, "preferred_output", "1 (user)"),
        (OPENAI | {"preferred_output": [ANSWER, ANSWER]}, "preferred_output", "got 2"),
        ({"prompt": "q", "chosen": "a"}, "rejected", "missing"),
        ({"chosen": "a", "rejected": "b"}, "prompt", "missing"),
        ({"prompt": "q", "chosen": " ", "rejected": "b"}, "chosen", "is empty"),
        ({"chosen": [ASK, ANSWER], "rejected": [ANSWER, ANSWER]}, "chosen", "the same conversation"),
        ({"label": "a"}, "text", "missing"),
        ({"text": "t", "labels": "a"}, "labels", 'Use "label"'),
        ({"text": "t", "labels": ["a"] * 101}, "labels", "more than 100"),
        ({"anchor": "a"}, "positive", "missing"),
        ({"anchor": "a", "positive": "b", "negatives": []}, "negatives", "an empty list"),
        ({"anchor": "a", "positive": "b", "negatives": ["c", 1]}, "negatives[1]", "a number"),
        ({"anchor": "a", "positive": "b", "negative": "c", "score": 1}, "score", "Give one"),
        ({"anchor": "a", "positive": "b", "score": True}, "score", "a boolean"),
        ({"anchor": "a", "positive": "b", "score_5": 6}, "score_5", "0 to 5"),
        ({"sequence": "MKV", "label": []}, "label", "an empty list"),
    ],
)
def test_what_is_wrong_is_told_with_line_key_and_trouble(record, param, said):
    with pytest.raises(RecordInvalid, match=r"^Line 7") as refused:
        parse(record)
    assert said in refused.value.message
    assert refused.value.param == param
