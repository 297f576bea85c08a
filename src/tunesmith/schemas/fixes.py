"""Fixes: what can be done to the records of a data set, each making a new version and leaving the old one as it was."""

from typing import Annotated, Literal

from pydantic import Field

from tunesmith.schemas.shape import Shape


class DropFaulty(Shape):
    """Leaves out lines that no record can be made of."""

    type: Literal["drop_faulty"] = "drop_faulty"


class DropDuplicates(Shape):
    """Keeps the first of records with the same content; with `near` also of those that differ in a word or two."""

    type: Literal["drop_duplicates"] = "drop_duplicates"
    near: bool = False


class DropFound(Shape):
    """Leaves out the records that a finding concerns."""

    type: Literal["drop_found"] = "drop_found"
    code: Literal[
        "likely_secrets", "personal_data", "very_short", "very_long", "empty_text", "one_character",
        "answer_repeats_prompt", "same_texts", "conflicting_labels", "nucleotides", "rare_labels",
    ]  # fmt: skip


class RenameLabel(Shape):
    """One label under another name: for two spellings of the same."""

    type: Literal["rename_label"] = "rename_label"
    label: str = Field(min_length=1, max_length=512)
    to: str = Field(min_length=1, max_length=512)


class SetColumns(Shape):
    """Says what the columns of a table, or the keys of JSON lines, are: `{"question": "prompt", "answer":
    "completion"}`. Those that are not named stay as they are; a role of "" leaves a column out."""

    type: Literal["set_columns"] = "set_columns"
    roles: dict[str, str] = Field(min_length=1, max_length=64)


Fix = Annotated[DropFaulty | DropDuplicates | DropFound | RenameLabel | SetColumns, Field(discriminator="type")]
