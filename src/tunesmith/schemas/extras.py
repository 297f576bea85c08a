"""Parameters of inference requests that are ignored, or refused with the next step."""

from typing import Any, cast

from tunesmith.schemas.errors import Unsupported

IGNORED = frozenset(
    {
        "user", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "store", "metadata",
        "service_tier", "reasoning_effort", "verbosity", "prediction", "web_search_options",
    }
)  # fmt: skip
"""Accepted and ignored, since common clients send them and they change no answer of ours."""
UNSUPPORTED: dict[str, str] = {
    "tools": "Leave it out and describe the tools in the system message.",
    "tool_choice": "Leave it out.",
    "parallel_tool_calls": "Leave it out.",
    "functions": "Leave it out and describe the functions in the system message.",
    "function_call": "Leave it out.",
    "response_format": "Leave it out and ask for the form in the system message.",
    "audio": "Ask for text.",
    "suffix": "Put the text that follows into the prompt, or leave it out.",
}
"""OpenAI has them and this version does not: 400 `unsupported_parameter` with this next step, never silence."""
_CHANGES_NOTHING: dict[str, tuple[Any, ...]] = {
    "tool_choice": ("none", "auto"),
    "function_call": ("none", "auto"),
    "parallel_tool_calls": (True, False),
    "response_format": ({"type": "text"},),
}
"""Values of unsupported parameters that ask for what is done anyway."""


def without_extras(body: Any) -> Any:
    """The body without what is ignored and what is null; null means the default, as OpenAI has it.

    Raises Unsupported for a parameter that this version does not have, unless its value asks for nothing.
    """
    if not isinstance(body, dict):
        return body
    kept: dict[str, Any] = {}
    for key, value in cast("dict[str, Any]", body).items():
        if value is None or key in IGNORED:
            continue
        if key not in UNSUPPORTED:
            kept[key] = value
        elif value not in ([], {}, "") and value not in _CHANGES_NOTHING.get(key, ()):
            raise Unsupported(f"'{key}' is not supported by this version. {UNSUPPORTED[key]}", param=key)
    return kept
