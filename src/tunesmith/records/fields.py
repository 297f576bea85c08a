"""Fields of one record, taken with their type; what is wrong is told with the line and the key."""

import math
from typing import Any, cast

from tunesmith.schemas.errors import RecordInvalid

Data = dict[str, Any]
SHOWN_CHARACTERS = 40
METADATA = "metadata"
"""A key that every kind of record may have; training does not look at it."""


def fault(line: int, message: str, param: str | None = None, code: str | None = None) -> RecordInvalid:
    """The fault of a line; the message is put behind its number."""
    return RecordInvalid(f"Line {line}: {message}", line=line, param=param, code=code)


def text(data: Data, key: str, line: int, *, may_be_empty: bool = False) -> str:
    """The text under the key. Raises RecordInvalid when it is missing, no text, or blank."""
    value = data.get(key)
    if not isinstance(value, str):
        what = "missing" if key not in data else json_type(value)
        raise fault(line, f'"{key}" is {what}, expected text.', key)
    if not value.strip() and not may_be_empty:
        raise fault(line, f'"{key}" is empty.', key)
    return value


def number(data: Data, key: str, line: int) -> float:
    """The finite number under the key. Raises RecordInvalid."""
    value = data[key]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise fault(line, f'"{key}" is {json_type(value)}, expected a number.', key)
    if not math.isfinite(value):
        raise fault(line, f'"{key}" is {value}, expected a finite number.', key)
    return float(value)


def only(data: Data, known: set[str], line: int) -> None:
    """Passes when the record has no other keys than these and `metadata`. Raises RecordInvalid naming the first."""
    for key in data:
        if key not in known and key != METADATA:
            shown = ", ".join(sorted({*known, METADATA}))
            raise fault(line, f'unknown key "{key}"; a record of this kind may have {shown}.', key)


def json_type(value: Any) -> str:
    """What kind of JSON value it is, with its article."""
    names = {dict: "an object", list: "a list", str: "text", bool: "a boolean", int: "a number", float: "a number"}
    if value == []:
        return "an empty list"
    return "null" if value is None else names.get(cast("type[Any]", type(value)), "a value")


def shown(value: Any) -> str:
    """The value as JSON where it is short, else its type: what a user sent may be long, and nested without end."""
    if isinstance(value, str):
        return f'"{value[:SHOWN_CHARACTERS]}"' + ("..." if len(value) > SHOWN_CHARACTERS else "")
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else json_type(value)
