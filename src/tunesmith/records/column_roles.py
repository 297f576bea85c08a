"""What the columns of a table, or the keys of JSON lines, could be: guessed by their names, never taken so unasked.

A guess is a proposal: `SetColumns` of the fixes makes a new file of it, which then is read like any other.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tunesmith.records.fields import METADATA
from tunesmith.records.instructions import PREFERENCE_KEYS
from tunesmith.records.tables import COLUMNS, IGNORED

TABLE_ROLES = frozenset(column for needed, more in COLUMNS for column in needed | more) | IGNORED
"""What a column of a table may be."""
JSON_ROLES = TABLE_ROLES | PREFERENCE_KEYS | {"messages", "tools", "parallel_tool_calls", "negatives"}
"""What a key of a JSON line may be."""
_TEXT = (
    "text review sentence content comment message body tweet post description utterance headline title news passage "
    "document reviewtext review_text text_content"
)
_LABEL = (
    "label category class sentiment intent topic tag target emotion stars rating polarity class_label label_text "
    "label_name category_name type y"
)
_LABELS = "labels categories tags topics intents emotions classes"
_ASKED = "instruction question prompt input query user human request user_message user_input problem"
_ANSWER = (
    "output answer response completion reply assistant bot gpt solution assistant_message model_output target answers"
)
_LONG, _SHORT = "article document text dialogue passage body", "summary highlights abstract tldr"
_SEQUENCE = "sequence seq protein residues aa_sequence amino_acid_sequence protein_sequence primary aa"
_FIRST = "sentence1 sentence_1 sentence_a sentencea text1 text_1 text_a premise question1 query1"
_SECOND = "sentence2 sentence_2 sentence_b sentenceb text2 text_2 text_b hypothesis question2 query2"


@dataclass(frozen=True)
class _Pattern:
    """A set of roles, each with the names that stand for it, the likeliest first; `more` may be missing."""

    needed: dict[str, str]
    more: dict[str, str]


_PATTERNS = (
    _Pattern({"messages": "messages conversations conversation"}, {"tools": "tools"}),
    _Pattern(
        {"prompt": _ASKED, "chosen": "chosen preferred accepted better winner", "rejected": "rejected worse loser"}, {}
    ),
    _Pattern({"sentence1": _FIRST, "sentence2": _SECOND}, {"score": "score similarity label_score"}),
    _Pattern({"anchor": "anchor query search", "positive": "positive pos relevant document"},
             {"negative": "negative neg hard_negative irrelevant"}),
    _Pattern({"instruction": _ASKED, "output": _ANSWER}, {"input": "input context", "system": "system system_prompt"}),
    _Pattern({"instruction": _LONG, "output": _SHORT}, {}),
    _Pattern({"sequence": _SEQUENCE, "label": _LABEL}, {"id": "id"}),
    _Pattern({"sequence": _SEQUENCE}, {"id": "id"}),
    _Pattern({"text": _TEXT, "label": _LABEL}, {}),
    _Pattern({"text": _TEXT, "labels": _LABELS}, {}),
    _Pattern({"text": _TEXT}, {}),
)  # fmt: skip
_CHAT_OF_PAIR = {"question": "instruction", "answer": "output"}


def guess(names: Sequence[str], *, table: bool) -> dict[str, str] | None:
    """The role of each name that does not have its own name for a role: "" for those to leave out. None when the
    names say nothing, or nothing would change.

    The set of roles that most names fill is taken; of two, the one that stands first in the list above.
    """
    taken = max((_filled(pattern, names) for pattern in _PATTERNS), key=len)
    if not taken:
        return None
    left_alone = IGNORED if table else {METADATA}
    found = {
        name: taken.get(name, "")
        for name in names
        if taken.get(name) != (_plain(name) if table else name) and (name in taken or _plain(name) not in left_alone)
    }
    return found or None


def chat_of_pair(names: Iterable[str]) -> dict[str, str] | None:
    """Roles that make a chat of a pair named question and answer; None of other names."""
    found = {name: _CHAT_OF_PAIR[_plain(name)] for name in names if _plain(name) in _CHAT_OF_PAIR}
    return found if len(found) == len(_CHAT_OF_PAIR) else None


def renamed(data: Mapping[str, Any], roles: Mapping[str, str]) -> dict[str, Any]:
    """The object with its keys under their roles, without those of the role "". Raises ValueError naming a role that
    two keys would have."""
    found: dict[str, Any] = {}
    for key, value in data.items():
        role = roles.get(key, key)
        if role and role in found:
            raise ValueError(role)
        if role:
            found[role] = value
    return found


def _filled(pattern: _Pattern, names: Sequence[str]) -> dict[str, str]:
    """Names with their roles by the pattern; empty when one that is needed has no name."""
    found: dict[str, str] = {}
    for role, known in (*pattern.needed.items(), *pattern.more.items()):
        name = _first(known.split(), [name for name in names if name not in found])
        if name is not None:
            found[name] = role
        elif role in pattern.needed:
            return {}
    return found


def _first(known: Sequence[str], names: Sequence[str]) -> str | None:
    """The name that is the likeliest of the known ones."""
    by_plain = {_plain(name): name for name in reversed(names)}
    return next((by_plain[each] for each in known if each in by_plain), None)


def _plain(name: str) -> str:
    """In lower case, with one underscore between words."""
    return re.sub(r"[\s_.-]+", "_", name.strip().lower())
