"""Prompt with completion, instruction with output, and a prompt with two answers of which one is preferred."""

from typing import Any, cast

from tunesmith.records.conversations import messages
from tunesmith.records.fields import Data, fault, json_type, only, text
from tunesmith.records.tools import tools_of
from tunesmith.schemas.records import ChatRecord, Message, PreferenceRecord, RecordKind

PREFERENCE_KEYS = frozenset({"preferred_output", "non_preferred_output", "chosen", "rejected"})
"""One of these tells a preference."""


def completion(data: Data, line: int) -> ChatRecord:
    """Text as it stands, without a chat template: a prompt, which may be empty, and what follows it."""
    only(data, {"prompt", "completion"}, line)
    prompt = text(data, "prompt", line, may_be_empty=True)
    answer = text(data, "completion", line)
    return ChatRecord(
        RecordKind.COMPLETION,
        (Message("user", prompt), Message("assistant", answer, trained=True)),
        templated=False,
    )


def instruction(data: Data, line: int) -> ChatRecord:
    """A chat of one turn; `input` follows the instruction after a blank line."""
    only(data, {"instruction", "input", "output", "response", "system"}, line)
    asked = text(data, "instruction", line)
    extra = text(data, "input", line, may_be_empty=True) if data.get("input") is not None else ""
    answer = text(data, "output" if "output" in data else "response", line)
    found = [Message("user", f"{asked}\n\n{extra}" if extra else asked)]
    if data.get("system"):
        found.insert(0, Message("system", text(data, "system", line)))
    found.append(Message("assistant", answer, trained=True))
    return ChatRecord(RecordKind.INSTRUCTION, tuple(found))


def preference(data: Data, line: int) -> PreferenceRecord:
    """OpenAI's form (input, preferred_output, non_preferred_output) or trl's (prompt, chosen, rejected).

    Without a prompt, `chosen` and `rejected` are whole conversations, and the prompt is what they begin with alike.
    """
    if "preferred_output" in data or "non_preferred_output" in data:
        found = _openai(data, line)
    elif "prompt" not in data and isinstance(data.get("chosen"), list) and isinstance(data.get("rejected"), list):
        found = _without_prompt(data, line)
    else:
        found = _trl(data, line)
    if found.prompt[-1].role == "assistant":
        raise fault(line, "the prompt ends with an assistant message, and the answers to compare follow it.", "prompt")
    if found.preferred == found.rejected:
        raise fault(line, "both answers are the same, so there is nothing to prefer.", "rejected")
    return found


def _openai(data: Data, line: int) -> PreferenceRecord:
    only(data, {"input", "preferred_output", "non_preferred_output"}, line)
    given = data.get("input")
    if not isinstance(given, dict):
        what = "missing" if "input" not in data else json_type(given)
        raise fault(line, f'"input" is {what}, expected an object with "messages".', "input")
    asked = cast("dict[str, Any]", given)
    only(asked, {"messages", "tools", "parallel_tool_calls"}, line)
    return PreferenceRecord(
        messages(asked.get("messages"), line, "input.messages"),
        _answer(data.get("preferred_output"), line, "preferred_output"),
        _answer(data.get("non_preferred_output"), line, "non_preferred_output"),
        tools=tools_of(asked, line) if "tools" in asked else None,
    )


def _trl(data: Data, line: int) -> PreferenceRecord:
    only(data, {"prompt", "chosen", "rejected", "tools"}, line)
    prompt: Any = data.get("prompt")
    if not isinstance(prompt, list):
        prompt = [{"role": "user", "content": text(data, "prompt", line)}]
    return PreferenceRecord(
        messages(prompt, line, "prompt"),
        _answer(data.get("chosen"), line, "chosen"),
        _answer(data.get("rejected"), line, "rejected"),
        tools=tools_of(data, line) if "tools" in data else None,
    )


def _without_prompt(data: Data, line: int) -> PreferenceRecord:
    only(data, {"chosen", "rejected", "tools"}, line)
    chosen, rejected = data["chosen"], data["rejected"]
    if len(chosen) != len(rejected) or len(chosen) < 2 or chosen[:-1] != rejected[:-1]:
        raise fault(
            line,
            '"chosen" and "rejected" must be the same conversation up to the last message. Or give the conversation '
            'as "prompt", and one answer in each.',
            "chosen",
        )
    return PreferenceRecord(
        messages(chosen[:-1], line, "chosen"),
        _answer(chosen[-1:], line, "chosen"),
        _answer(rejected[-1:], line, "rejected"),
        tools=tools_of(data, line) if "tools" in data else None,
    )


def _answer(raw: Any, line: int, where: str) -> Message:
    """The one assistant message that `raw` is: text, or a list with it."""
    if isinstance(raw, str):
        raw = [{"role": "assistant", "content": raw}]
    if not isinstance(raw, list):
        what = "missing" if raw is None else json_type(raw)
        raise fault(line, f'"{where}" is {what}, expected text or a list with one assistant message.', where)
    found = messages(cast("list[Any]", raw), line, where)
    if len(found) != 1 or found[0].role != "assistant":
        roles = ", ".join(m.role for m in found[:5])
        raise fault(line, f'"{where}" must be one assistant message, got {len(found)} ({roles}).', where)
    answer = found[0]
    if not answer.content.strip() and answer.tool_calls is None:
        raise fault(line, f'"{where}" is empty.', where)
    return Message(answer.role, answer.content, trained=True, tool_calls=answer.tool_calls)
