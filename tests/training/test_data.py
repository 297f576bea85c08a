"""Records become tokens, with loss on what is to be learned and nothing else."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from transformers import PreTrainedTokenizerFast

from tunesmith.base_models.load import load_tokenizer
from tunesmith.base_models.prompts import PLAIN_TEMPLATE, chat_prompt_ids
from tunesmith.records.fasta import parse_sequence
from tunesmith.records.json_lines import parse_json_line
from tunesmith.schemas.errors import RecordInvalid
from tunesmith.schemas.models import BaseModelEntry, FolderSource
from tunesmith.schemas.records import Message, PreferenceRecord
from tunesmith.schemas.shape import Task
from tunesmith.schemas.training import InputFile
from tunesmith.training.data import UNTRAINED, TokenRow, chat_row, read_records, rows_of, sequence_row


def record(raw: str) -> Any:
    return parse_json_line(raw.encode(), 1)


def trained_text(row: TokenRow, tokenizer: PreTrainedTokenizerFast) -> str:
    return tokenizer.decode([label for label in row.labels if label != UNTRAINED])


def test_loss_is_on_the_answer_and_its_end_of_turn_only(tokenizer: PreTrainedTokenizerFast) -> None:
    row = chat_row(
        record('{"messages":[{"role":"user","content":"a mat"},{"role":"assistant","content":"the cat sat"}]}'),
        tokenizer,
    )
    assert trained_text(row, tokenizer) == "the cat sat<|im_end|>"
    assert row.units == row.trained_tokens == sum(label != UNTRAINED for label in row.labels)
    assert all(label in (UNTRAINED, token) for token, label in zip(row.input_ids, row.labels, strict=True))


def test_a_row_begins_with_the_very_prompt_that_serving_writes(tokenizer: PreTrainedTokenizerFast) -> None:
    row = chat_row(
        record('{"messages":[{"role":"user","content":"a mat"},{"role":"assistant","content":"the cat"}]}'), tokenizer
    )
    prompt = chat_prompt_ids(tokenizer, [{"role": "user", "content": "a mat"}])
    assert row.input_ids[: len(prompt)] == prompt
    assert row.labels[: len(prompt)] == [UNTRAINED] * len(prompt)
    assert row.labels[len(prompt)] != UNTRAINED


def test_each_trained_turn_carries_loss_and_weight_zero_does_not(tokenizer: PreTrainedTokenizerFast) -> None:
    row = chat_row(
        record(
            '{"messages":[{"role":"system","content":"s"},{"role":"user","content":"1"},'
            '{"role":"assistant","content":"first"},{"role":"user","content":"2"},'
            '{"role":"assistant","content":"unwanted","weight":0},{"role":"user","content":"3"},'
            '{"role":"assistant","content":"third"},{"role":"user","content":"bye"}]}'
        ),
        tokenizer,
    )
    assert trained_text(row, tokenizer) == "first<|im_end|>third<|im_end|>"


def test_prompt_and_completion_stand_as_written_and_end_with_the_end_token(tokenizer: PreTrainedTokenizerFast) -> None:
    row = chat_row(record('{"prompt":"the cat","completion":" sat on"}'), tokenizer)
    assert tokenizer.decode(row.input_ids) == "the cat sat on<|im_end|>"
    assert trained_text(row, tokenizer) == " sat on<|im_end|>"


def test_the_plain_template_for_a_base_without_one_trains_an_end(tokenizer: PreTrainedTokenizerFast) -> None:
    plain = copy.deepcopy(tokenizer)
    plain.chat_template = PLAIN_TEMPLATE
    row = chat_row(record('{"instruction":"a mat","output":"the cat"}'), plain)
    assert plain.decode(row.input_ids) == "### User:\na mat\n\n### Assistant:\nthe cat<|im_end|>\n"
    assert trained_text(row, plain) == "the cat<|im_end|>"


def test_a_template_that_writes_no_end_gets_the_end_token(tokenizer: PreTrainedTokenizerFast) -> None:
    bare = copy.deepcopy(tokenizer)
    bare.chat_template = "{% for m in messages %}{{ m['content'] }}\n{% endfor %}"
    row = chat_row(record('{"instruction":"a","output":"the cat"}'), bare)
    assert trained_text(row, bare) == "the cat<|im_end|>"


def test_a_template_that_rewrites_earlier_turns_is_told_with_the_record(tokenizer: PreTrainedTokenizerFast) -> None:
    forgetful = copy.deepcopy(tokenizer)
    forgetful.chat_template = "{% for m in messages %}{{ m['content'] if loop.last else '' }};{% endfor %}"
    two = record(
        '{"messages":[{"role":"user","content":"1"},{"role":"assistant","content":"x"},'
        '{"role":"user","content":"2"},{"role":"assistant","content":"y"}]}'
    )
    with pytest.raises(RecordInvalid, match=r"Record 1: .*rewrites earlier turns"):
        rows_of([two], forgetful, any_entry("text"), 100)


TOOLS_TEMPLATE = (
    "{% if tools %}tools:{% for t in tools %} {{ t.function.name }}{% endfor %}\n{% endif %}"
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}"
    "{% for c in m.tool_calls or [] %}[{{ c.function.name }} {{ c.function.arguments.x }}]{% endfor %}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
USES_TOOLS = (
    '{"messages":[{"role":"user","content":"add"},'
    '{"role":"assistant","tool_calls":[{"id":"1","type":"function",'
    '"function":{"name":"sum","arguments":"{\\"x\\": 2}"}}]},'
    '{"role":"tool","tool_call_id":"1","content":"4"},'
    '{"role":"assistant","content":"unwanted","weight":0},'
    '{"role":"user","content":"so"},{"role":"assistant","content":"four"}],'
    '"tools":[{"type":"function","function":{"name":"sum","parameters":{}}}]}'
)


def test_a_call_of_a_tool_is_trained_and_what_the_tool_says_is_read(tokenizer: PreTrainedTokenizerFast) -> None:
    able = copy.deepcopy(tokenizer)
    able.chat_template = TOOLS_TEMPLATE
    row = chat_row(record(USES_TOOLS), able)
    assert trained_text(row, able) == "[sum 2]<|im_end|>four<|im_end|>"
    text = able.decode(row.input_ids)
    assert text.startswith("tools: sum")
    assert "<|im_start|>tool\n4<|im_end|>" in text


def test_a_template_without_tools_is_told_with_the_record(tokenizer: PreTrainedTokenizerFast) -> None:
    plain = record('{"instruction":"a","output":"the cat"}')
    with pytest.raises(RecordInvalid, match=r"Record 2: The model's chat template does not take tools") as caught:
        rows_of([plain, record(USES_TOOLS)], tokenizer, any_entry("text"), 100)
    assert caught.value.line == 2


def test_a_pair_of_answers_is_no_conversation_and_the_method_for_it_is_told(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    answers = (Message("assistant", "a"), Message("assistant", "b"))
    pair = PreferenceRecord((Message("user", "q"),), *answers)
    with pytest.raises(RecordInvalid, match=r"Record 1: .*method dpo"):
        rows_of([pair], tokenizer, any_entry("text"), 100)


def test_a_sequence_has_loss_on_all_but_its_begin_and_unknown_residues(gpt2: BaseModelEntry) -> None:
    assert isinstance(gpt2.source, FolderSource)
    tokenizer = load_tokenizer(gpt2.source.path)
    row = sequence_row(parse_sequence("id", "ACXY", 1), tokenizer, gpt2)
    assert row.input_ids == [1, 4, 5, 3, 23, 2]
    assert row.labels == [UNTRAINED, 4, 5, UNTRAINED, 23, 2]
    assert (row.units, row.trained_tokens) == (4, 4)


def test_a_long_row_is_cut_at_its_end_and_says_so(gpt2: BaseModelEntry) -> None:
    assert isinstance(gpt2.source, FolderSource)
    tokenizer = load_tokenizer(gpt2.source.path)
    rows = rows_of([parse_sequence("id", "ACDEFGHIKL" * 3, 1)], tokenizer, gpt2, 16)
    assert len(rows[0].input_ids) == len(rows[0].labels) == 16
    assert rows[0].cut
    assert (rows[0].trained_tokens, rows[0].units) == (15, 15)


def test_a_bad_line_is_named_and_blank_lines_are_passed_over(
    write_jsonl: Callable[[list[dict[str, Any]]], InputFile],
) -> None:
    file = write_jsonl([{"prompt": "a", "completion": "b"}])
    with open(file.path, "ab") as f:
        f.write(b"\n{nonsense}\n")
    with pytest.raises(RecordInvalid, match="Line 3") as caught:
        read_records(file, Task.CHAT)
    assert caught.value.line == 3


def test_records_of_another_task_are_refused(fasta_file: InputFile) -> None:
    with pytest.raises(RecordInvalid, match="sequence record, which the task chat does not train on"):
        read_records(fasta_file, Task.CHAT)


def any_entry(prompt_format: str) -> BaseModelEntry:
    return BaseModelEntry.model_validate(
        {
            "key": "any",
            "title": "Any",
            "tasks": ["chat"],
            "source": {"type": "folder", "path": "/nowhere"},
            "licence": "none",
            "parameters": 1,
            "context": 100,
            "architecture": "llama",
            "prompt_format": prompt_format,
            "needs_memory_bytes": 1,
        }
    )
