"""Tools of a chat record and the calls of them, kept as JSON in one spelling.

The order of keys inside a tool's parameters stays as it was written: models read it.
"""

from collections.abc import Sequence
from typing import Any, cast

import orjson

from tunesmith.records.fields import Data, fault, json_type, shown
from tunesmith.schemas.records import Message


def tools_of(data: Data, line: int) -> str | None:
    """OpenAI's list of tools under "tools"; None of null and of an empty list."""
    raw = data["tools"]
    if raw is None or raw == []:
        return None
    if not isinstance(raw, list):
        raise fault(line, f'"tools" is {json_type(raw)}, expected a list of tools.', "tools")
    tools = [_tool(tool, line, f"tools[{i}]") for i, tool in enumerate(cast("list[Any]", raw))]
    names = [tool["function"]["name"] for tool in tools]
    for name in names:
        if names.count(name) > 1:
            raise fault(line, f"two tools have the name {shown(name)}.", "tools")
    return _json(tools, line, "tools")


def calls_of(message: dict[str, Any], role: str, line: int, where: str) -> str:
    """The tool calls of an assistant message."""
    where += ".tool_calls"
    if role != "assistant":
        raise fault(line, f"{where}: only an assistant message calls tools, this one is of the role {role}.", where)
    raw = message["tool_calls"]
    if not isinstance(raw, list):
        raise fault(line, f"{where} is {json_type(raw)}, expected a list of tool calls.", where)
    return _json([_call(call, line, f"{where}[{i}]") for i, call in enumerate(cast("list[Any]", raw))], line, where)


def check_answers(messages: Sequence[Message], line: int, where: str) -> None:
    """Passes when each tool message answers a call that stands before it. Raises RecordInvalid."""
    asked: set[str] = set()
    for i, message in enumerate(messages):
        if message.tool_calls is not None:
            asked |= {call["id"] for call in orjson.loads(message.tool_calls)}
        elif message.tool_call_id is not None and message.tool_call_id not in asked:
            raise fault(
                line,
                f"{where}[{i}].tool_call_id is {shown(message.tool_call_id)}, and no tool call before it has that id.",
                f"{where}[{i}].tool_call_id",
            )


def _tool(raw: Any, line: int, where: str) -> dict[str, Any]:
    function = _function(raw, line, where)
    parameters = function.get("parameters")
    if parameters is not None and not isinstance(parameters, dict):
        raise fault(
            line, f"{where}.function.parameters is {json_type(parameters)}, expected an object: a JSON schema.",
            f"{where}.function.parameters",
        )  # fmt: skip
    first = {key: function[key] for key in ("name", "description", "parameters") if function.get(key) is not None}
    rest = {key: value for key, value in function.items() if key not in first and value is not None}
    return {"type": "function", "function": first | rest}


def _call(raw: Any, line: int, where: str) -> dict[str, Any]:
    function = _function(raw, line, where)
    call_id = raw.get("id")
    if not isinstance(call_id, str) or not call_id:
        what = "missing" if "id" not in raw else json_type(call_id)
        raise fault(line, f"{where}.id is {what}, expected text.", f"{where}.id")
    arguments = _arguments(function, line, f"{where}.function.arguments")
    return {"id": call_id, "type": "function", "function": {"name": function["name"], "arguments": arguments}}


def _arguments(function: dict[str, Any], line: int, where: str) -> str:
    """The arguments as the text of a JSON object; an object is taken too, as some data sets have it."""
    arguments = function.get("arguments")
    if isinstance(arguments, dict):
        return _json(arguments, line, where)
    if not isinstance(arguments, str):
        what = "missing" if "arguments" not in function else json_type(arguments)
        raise fault(line, f"{where} is {what}, expected JSON as text.", where)
    try:
        parsed = orjson.loads(arguments)
    except orjson.JSONDecodeError as e:
        raise fault(line, f"{where} is not valid JSON ({e.msg} at character {e.pos}).", where) from e
    if not isinstance(parsed, dict):
        raise fault(line, f"{where} holds {json_type(parsed)}, expected an object.", where)
    return arguments


def _function(raw: Any, line: int, where: str) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise fault(line, f"{where} is {json_type(raw)}, expected an object.", where)
    outer = cast("dict[str, Any]", raw)
    if outer.get("type", "function") != "function":
        raise fault(line, f'{where}.type is {shown(outer["type"])}, expected "function".', f"{where}.type")
    function = outer.get("function")
    if not isinstance(function, dict):
        what = "missing" if "function" not in outer else json_type(function)
        raise fault(line, f"{where}.function is {what}, expected an object.", f"{where}.function")
    named = cast("dict[str, Any]", function)
    if not isinstance(named.get("name"), str) or not named["name"]:
        what = "missing" if "name" not in named else json_type(named["name"])
        raise fault(line, f"{where}.function.name is {what}, expected text.", f"{where}.function.name")
    return named


def _json(value: Any, line: int, where: str) -> str:
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError as e:
        raise fault(line, f"{where} is nested too deeply ({e}).", where) from e
