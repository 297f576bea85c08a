"""pydantic's complaints as one sentence that a caller can act on: which parameter, what was expected, what came."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from tunesmith.schemas.errors import Invalid, SpecInvalid

_SOURCES = ("body", "query", "path", "header")
_KINDS = {
    "int": "an integer",
    "float": "a decimal number",
    "string": "a string",
    "bool": "a boolean",
    "list": "an array",
    "dict": "an object",
    "model": "an object",
    "uuid": "a UUID",
    "literal": "one of the named values",
}
_BOUNDS = {
    "greater_than_equal": ("ge", ">=", "below_min", "below minimum value"),
    "greater_than": ("gt", ">", "below_min", "below minimum value"),
    "less_than_equal": ("le", "<=", "above_max", "above maximum value"),
    "less_than": ("lt", "<", "above_max", "above maximum value"),
}


def invalid_from(problems: Sequence[Any], body: Any = None) -> Invalid:
    """The first problem as an error of ours; the branches of a union are told as one.

    `body` is what was validated: with it, names of union branches are told from names of keys.
    """
    found = [_located(cast("dict[str, Any]", problem), body) for problem in problems]
    group = _same_place(found)
    first = group[0]
    kind = first.type
    if kind == "json_invalid":
        return Invalid(
            f"The body is not valid JSON: {first.context.get('error', 'unreadable')}. Send one JSON object.",
            code="invalid_json",
        )
    if not first.param:
        return _whole_body(first)
    if kind == "missing":
        message = f"Missing required parameter: '{first.param}'."
        return SpecInvalid(message, param=first.param, code="missing_required_parameter")
    if kind == "extra_forbidden":
        message = f"Unknown parameter: '{first.param}'. Check its spelling, or leave it out."
        return SpecInvalid(message, param=first.param, code="unknown_parameter")
    return _bad_value(group)


@dataclass(frozen=True)
class _Problem:
    """One complaint of pydantic's at a place of the input; `in_union` when it is about one branch of several."""

    type: str
    param: str
    in_union: bool
    message: str
    value: Any
    context: dict[str, Any]


def _located(problem: dict[str, Any], body: Any) -> _Problem:
    where = [part for i, part in enumerate(problem["loc"]) if not (i == 0 and part in _SOURCES)]
    param, in_union, current = "", False, body
    for part in where:
        if isinstance(part, int):
            param += f"[{part}]"
            current = _inside(current, part)
        elif _is_branch(part, current, body, missing=problem["type"] == "missing"):
            in_union = True
        else:
            param += f".{part}" if param else part
            current = _inside(current, part)
    return _Problem(
        problem["type"], param, in_union, problem.get("msg", ""), problem.get("input"), problem.get("ctx") or {}
    )


def _is_branch(part: str, current: Any, body: Any, *, missing: bool) -> bool:
    if body is None:
        return False
    if isinstance(current, dict):
        return part not in current and not missing
    return True


def _inside(current: Any, part: str | int) -> Any:
    try:
        return current[part]
    except (KeyError, IndexError, TypeError):
        return None


def _same_place(found: list[_Problem]) -> list[_Problem]:
    """The first problem with the other branches of its union; of a branch that fits better, what is wrong inside it."""
    first = found[0]
    if not first.in_union:
        return [first]
    inside = [p for p in found if p.param != first.param and p.param.startswith((first.param + ".", first.param + "["))]
    if inside:
        return [p for p in inside if p.param == inside[0].param]
    return [p for p in found if p.param == first.param]


def _whole_body(problem: _Problem) -> Invalid:
    if problem.type == "missing":
        return Invalid("The request has no body. Send one JSON object.", code="missing_required_parameter")
    if isinstance(problem.value, bytes):
        return Invalid("The body was not read as JSON. Send the header 'Content-Type: application/json'.")
    if problem.type == "value_error":
        return Invalid(problem.message.removeprefix("Value error, "))
    return Invalid(f"Expected the body to be a JSON object, but got {_kind_of(problem.value)}.", code="invalid_type")


def _bad_value(group: list[_Problem]) -> SpecInvalid:
    param, value = group[0].param, group[0].value
    bound = next((p for p in group if p.type in _BOUNDS), None)
    if bound is not None:
        return _out_of_bounds(bound, [p for p in group if p is not bound])
    for problem in group:
        length = _bad_length(problem)
        if length is not None:
            return length
    told = [_expected(p) for p in group]
    expected = " or ".join(dict.fromkeys(text for text in told if text))
    if not expected:
        reason = group[0].message.removeprefix("Value error, ")
        return SpecInvalid(f"Invalid '{param}': {reason}; got {_shown(value)}.", param=param)
    if all(p.type in ("literal_error", "enum") for p in group):
        message = f"Invalid value for '{param}': expected {expected}, but got {_shown(value)} instead."
        return SpecInvalid(message, param=param)
    got = _kind_of(value)
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        got += f" ({_shown(value)})"
    message = f"Invalid type for '{param}': expected {expected}, but got {got} instead."
    return SpecInvalid(message, param=param, code="invalid_type")


def _out_of_bounds(problem: _Problem, others: list[_Problem]) -> SpecInvalid:
    key, sign, side, words = _BOUNDS[problem.type]
    limit = problem.context[key]
    number = "integer" if isinstance(limit, int) else "decimal"
    shown = int(limit) if isinstance(limit, float) and limit.is_integer() else limit
    also = "".join(f" or {text}" for text in map(_expected, others) if text)
    message = (
        f"Invalid '{problem.param}': {number} {words}. Expected a value {sign} {shown}{also}, "
        f"but got {_shown(problem.value)} instead."
    )
    return SpecInvalid(message, param=problem.param, code=f"{number}_{side}_value")


def _bad_length(problem: _Problem) -> SpecInvalid | None:
    """Too short or too long, of a text, an array or an object; None for every other problem."""
    if problem.type not in ("string_too_short", "string_too_long", "too_short", "too_long"):
        return None
    low = problem.type.endswith("short")
    limit: int = problem.context["min_length" if low else "max_length"]
    noun = "a string" if problem.type.startswith("string") else _kind_of(problem.value)
    size = len(problem.value)
    what = noun.split()[-1]
    code = f"{what}_{'below_min' if low else 'above_max'}_{'properties' if what == 'object' else 'length'}"
    if low and size == 0:
        code = f"empty_{what}" if what == "array" else code
    message = (
        f"Invalid '{problem.param}': expected {noun} with {'minimum' if low else 'maximum'} length {limit}, "
        f"but got {noun} with length {size} instead."
    )
    return SpecInvalid(message, param=problem.param, code=code)


def _expected(problem: _Problem) -> str:
    """What the field takes, in words; empty where only pydantic's own sentence says it."""
    if problem.type in ("literal_error", "enum"):
        return str(problem.context.get("expected", ""))
    if problem.type == "string_pattern_mismatch":
        return f"a string that matches {problem.context['pattern']}"
    stem = problem.type.partition("_")[0]
    if problem.type.endswith(("_type", "_parsing", "_from_float")):
        return _KINDS.get(stem, "")
    return ""


def _kind_of(value: Any) -> str:
    if value is None:
        return "null"
    for kind, name in (
        (bool, "a boolean"),
        (int, "an integer"),
        (float, "a decimal number"),
        (str, "a string"),
        (list, "an array"),
        (dict, "an object"),
    ):
        if isinstance(value, kind):
            return name
    return type(value).__name__


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
