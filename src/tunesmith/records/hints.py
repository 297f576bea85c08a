"""What is said of records that are odd by themselves, and what mends what was found: one table for upload and run."""

from dataclasses import dataclass

from tunesmith.schemas.fixes import DropDuplicates, DropFound, Fix


@dataclass(frozen=True)
class Hint:
    """The sentence of a finding: `{n}` in it becomes the count with the first noun for one, the second for more."""

    message: str
    nouns: tuple[str, str]
    fix: str


ODDITIES = {
    "empty_text": Hint(
        "{n} a user message without text.",
        ("record has", "records have"),
        "Drop them, or use prompt and completion where there is nothing to ask.",
    ),
    "one_character": Hint(
        "{n} a text that is one character over and over.",
        ("record has", "records have"),
        "Drop them: they teach nothing.",
    ),
    "answer_repeats_prompt": Hint(
        "{n} an answer that is its prompt, word for word.",
        ("record has", "records have"),
        "Look whether a column was taken twice; drop them if so.",
    ),
    "same_texts": Hint(
        "{n} the same text twice.",
        ("record has", "records have"),
        "Drop them: a text is always near to itself.",
    ),
    "nucleotides": Hint(
        "{n} made of A, C, G, T, U and N alone, as DNA and RNA are.",
        ("sequence is", "sequences are"),
        "Translate them into proteins first.",
    ),
}
"""By the codes of content.oddities."""
_DROPPED = (
    *ODDITIES, "likely_secrets", "personal_data", "very_short", "very_long", "conflicting_labels",
)  # fmt: skip


def repairs_of(code: str) -> list[Fix]:
    """What POST /v1/datasets/{id}/versions can do about a finding of this code: together they make it disappear. Those
    that depend on the data (which label, which column) are their finder's."""
    if code == "exact_duplicates":
        return [DropDuplicates()]
    if code == "near_duplicates":
        return [DropDuplicates(near=True)]
    return [DropFound.model_validate({"code": code})] if code in _DROPPED else []
