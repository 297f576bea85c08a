"""Chat records: OpenAI's messages, with tools, and each assistant message's `weight`."""

from typing import Any, cast

from tunesmith.records.fields import Data, fault, json_type, only, shown
from tunesmith.records.tools import calls_of, check_answers, tools_of
from tunesmith.schemas.errors import RecordInvalid
from tunesmith.schemas.records import ChatRecord, Message, RecordKind

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_KEYS = {"messages", "tools", "parallel_tool_calls"}


def chat(data: Data, line: int) -> ChatRecord:
    """The record of a conversation. `parallel_tool_calls` is accepted; it says nothing about tokens."""
    if len(data) > 1:
        _only_ours(data, line)
    found = messages(data["messages"], line, "messages")
    if "assistant" not in [m.role for m in found]:
        raise RecordInvalid(
            f"Line {line} has no assistant message, so there is nothing to train on.", line=line, param="messages"
        )
    if True not in [m.trained for m in found]:
        raise fault(
            line,
            'every assistant message has "weight" 0 or no text, so there is nothing to train on.',
            "messages",
        )
    return ChatRecord(RecordKind.CHAT, found, tools=tools_of(data, line) if "tools" in data else None)


def messages(raw: Any, line: int, where: str) -> tuple[Message, ...]:
    """The messages of a list that must not be empty. `where` names it in faults."""
    if not isinstance(raw, list) or not raw:
        raise fault(line, f'"{where}" must be a list with messages in it, got {json_type(raw)}.', where)
    found = tuple([_message(m, line, f"{where}[{i}]") for i, m in enumerate(cast("list[Any]", raw))])
    if "tool" in [m.role for m in found]:
        check_answers(found, line, where)
    return found


def _message(raw: Any, line: int, where: str) -> Message:
    if not isinstance(raw, dict):
        raise fault(line, f"{where} is {json_type(raw)}, expected an object.", where)
    message = cast("dict[str, Any]", raw)
    role = message.get("role")
    if role not in ROLES:
        raise fault(line, f"{where}.role is {shown(role)}, expected one of {', '.join(ROLES)}.", f"{where}.role")
    if role == "function" or message.get("function_call"):
        raise fault(
            line,
            f"{where} calls functions in OpenAI's old form. Write tool_calls, and a message of the role tool.",
            f"{where}.function_call",
        )
    calls = calls_of(message, cast(str, role), line, where) if message.get("tool_calls") else None
    content = "" if calls and message.get("content") is None else _content(message.get("content"), line, where)
    if role == "tool":
        return Message("tool", content, tool_call_id=_call_id(message, line, where))
    trained = role == "assistant" and _weight(message, line, where) == 1 and (calls is not None or not _blank(content))
    return Message("system" if role == "developer" else cast(str, role), content, trained, calls)


def _weight(message: dict[str, Any], line: int, where: str) -> int:
    weight: Any = message.get("weight")
    if weight is None:
        return 1
    if isinstance(weight, bool) or weight not in (0, 1):
        raise fault(line, f"{where}.weight is {shown(weight)}, expected 0 or 1.", f"{where}.weight")
    return int(weight)


def _blank(content: str) -> bool:
    return not content or content.isspace()


def _call_id(message: dict[str, Any], line: int, where: str) -> str:
    call_id = message.get("tool_call_id")
    if not isinstance(call_id, str) or not call_id:
        what = "missing" if "tool_call_id" not in message else json_type(call_id)
        raise fault(
            line, f"{where}.tool_call_id is {what}, expected the id of the tool call it answers.",
            f"{where}.tool_call_id",
        )  # fmt: skip
    return call_id


def _content(raw: Any, line: int, where: str) -> str:
    if isinstance(raw, str):
        return raw
    where += ".content"
    if isinstance(raw, list):
        return "".join([_part(part, line, f"{where}[{i}]") for i, part in enumerate(cast("list[Any]", raw))])
    raise fault(line, f"{where} is {json_type(raw)}, expected text or a list of text parts.", where)


def _part(raw: Any, line: int, where: str) -> str:
    if isinstance(raw, dict):
        part = cast("dict[str, Any]", raw)
        if part.get("type") == "text" and isinstance(part.get("text"), str):
            return cast(str, part["text"])
    raise fault(line, f'{where} must be {{"type": "text", "text": ...}}; images and audio cannot be trained on.', where)


def _only_ours(data: Data, line: int) -> None:
    if "functions" in data:
        raise fault(line, '"functions" is OpenAI\'s old form of "tools". Write "tools".', "functions")
    only(data, _KEYS, line)
