"""Prompts of training and serving are one piece of code; here is what it writes."""

import copy
from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from tunesmith.base_models.catalog import load_catalog
from tunesmith.base_models.errors import PromptUnsupported
from tunesmith.base_models.fetch import local_folder
from tunesmith.base_models.load import load_tokenizer
from tunesmith.base_models.prompts import (
    chat_prompt_ids,
    render_chat,
    sequence_end_id,
    sequence_from_ids,
    sequence_prompt_ids,
    sequence_training_ids,
)

MINI = load_catalog().get("protein-mini")
PROTGPT2 = load_catalog().get("protgpt2")
LONG = "MKV" * 50


@pytest.fixture(scope="module")
def mini() -> PreTrainedTokenizerBase:
    return load_tokenizer(local_folder(MINI, Path("unused")))


@pytest.fixture(scope="module")
def fasta() -> PreTrainedTokenizerBase:
    """A byte-level tokenizer with ProtGPT2's one special token at 0."""
    vocabulary = {"<|endoftext|>": 0} | {c: i for i, c in enumerate(pre_tokenizers.ByteLevel.alphabet(), start=1)}
    backend = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    end = "<|endoftext|>"
    return PreTrainedTokenizerFast(tokenizer_object=backend, bos_token=end, eos_token=end, unk_token=end)


def test_residues_stand_between_begin_and_end(mini: PreTrainedTokenizerBase) -> None:
    assert sequence_training_ids(mini, MINI, "ACY") == [1, 4, 5, 23, 2]
    assert sequence_prompt_ids(mini, MINI, "AC") == [1, 4, 5]
    assert sequence_prompt_ids(mini, MINI, "") == [1]


def test_a_sequence_comes_back_up_to_its_end(mini: PreTrainedTokenizerBase) -> None:
    assert sequence_from_ids(mini, MINI, [1, 4, 5, 3, 23, 2, 4, 4]) == "ACXY"
    assert sequence_from_ids(mini, MINI, sequence_training_ids(mini, MINI, LONG)) == LONG


def test_protgpt2_reads_lines_of_sixty_between_its_end_tokens(fasta: PreTrainedTokenizerBase) -> None:
    ids = sequence_training_ids(fasta, PROTGPT2, LONG)
    lines = "\n".join([LONG[:60], LONG[60:120], LONG[120:]])
    assert fasta.decode(ids) == f"<|endoftext|>\n{lines}\n<|endoftext|>"
    assert ids[0] == ids[-1] == sequence_end_id(fasta, PROTGPT2) == 0
    assert sequence_from_ids(fasta, PROTGPT2, ids) == LONG
    assert sequence_prompt_ids(fasta, PROTGPT2, "") == [0]
    assert sequence_training_ids(fasta, PROTGPT2, "MKV")[:5] == sequence_prompt_ids(fasta, PROTGPT2, "MKV")


def test_messages_for_a_model_without_a_template_say_what_to_do(mini: PreTrainedTokenizerBase) -> None:
    with pytest.raises(PromptUnsupported, match="/v1/completions"):
        chat_prompt_ids(mini, [{"role": "user", "content": "hi"}])


TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "The weather in a place.",
            "parameters": {"type": "object", "properties": {"place": {"type": "string"}}},
        },
    }
]
ASKED = [
    {"role": "user", "content": "Rain in Ulm?"},
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"place": "Ulm"}'}}
        ],
    },
    {"role": "tool", "content": "dry", "tool_call_id": "c1"},
]
WITH_TOOLS = (
    "{% if tools %}<tools>{% for t in tools %}{{ t.function | tojson }}{% endfor %}</tools>{% endif %}"
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}"
    "{% for c in m.tool_calls or [] %}<call>{{ c.function.name }} {{ c.function.arguments | tojson }}</call>"
    "{% endfor %}"
    "</{{ m.role }}>{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
)
WITHOUT = "{% for m in messages %}<{{ m.role }}>{{ m.content }}</{{ m.role }}>{% endfor %}"


def templated(base: PreTrainedTokenizerBase, template: str) -> PreTrainedTokenizerBase:
    made = copy.deepcopy(base)
    made.chat_template = template
    return made


def test_tools_and_their_calls_are_written_by_the_template_with_arguments_as_objects(
    fasta: PreTrainedTokenizerBase,
) -> None:
    text = render_chat(templated(fasta, WITH_TOOLS), ASKED, tools=TOOLS, add_generation_prompt=True)
    assert text.startswith('<tools>{"name": "weather", "description"')
    assert '<call>weather {"place": "Ulm"}</call></assistant><tool>dry</tool><assistant>' in text
    assert '\\"' not in text


def test_arguments_that_are_no_json_object_stay_as_they_were_written(fasta: PreTrainedTokenizerBase) -> None:
    said = [{"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f", "arguments": "{Ulm"}}]}]
    text = render_chat(templated(fasta, WITH_TOOLS), said, add_generation_prompt=False)
    assert '<call>f "{Ulm"</call>' in text


def test_a_template_that_passes_over_tools_is_told(fasta: PreTrainedTokenizerBase) -> None:
    silent = templated(fasta, WITHOUT)
    with pytest.raises(PromptUnsupported, match="does not take tools"):
        render_chat(silent, ASKED[:1], tools=TOOLS, add_generation_prompt=True)
    with pytest.raises(PromptUnsupported, match="does not write the tool calls of message 1"):
        render_chat(silent, ASKED, add_generation_prompt=True)
    assert render_chat(silent, ASKED[:1], add_generation_prompt=True) == "<user>Rain in Ulm?</user>"


def test_a_template_that_refuses_the_messages_is_told_with_its_own_words(fasta: PreTrainedTokenizerBase) -> None:
    strict = templated(fasta, "{{ raise_exception('roles must alternate') }}")
    with pytest.raises(PromptUnsupported, match="roles must alternate"):
        render_chat(strict, ASKED[:1], add_generation_prompt=True)
