"""The text of a record of any kind, and what makes a record absurd by itself."""

from collections.abc import Iterator

from tunesmith.schemas.records import (
    ChatRecord,
    LabelledRecord,
    LabelledSequenceRecord,
    Message,
    PreferenceRecord,
    Record,
    SequenceRecord,
    TextsRecord,
)

ONE_CHARACTER_LENGTH = 4
"""From this length on, a text of one character over and over is absurd."""
NUCLEOTIDES_LENGTH = 20
"""From this length on, a sequence of A, C, G, T, U and N alone is no protein."""


def texts_of(record: Record) -> Iterator[str]:
    """Every text of the record, as it was written."""
    if isinstance(record, ChatRecord):
        yield from _contents(record.messages)
    elif isinstance(record, PreferenceRecord):
        yield from _contents((*record.prompt, record.preferred, record.rejected))
    elif isinstance(record, TextsRecord):
        yield from record.texts
    else:
        yield record.text if isinstance(record, LabelledRecord) else record.residues


def compared_text(record: Record) -> str:
    """What tells the record from others: a system message that all share would make them all alike."""
    if isinstance(record, ChatRecord):
        return "\n".join(_contents(tuple(m for m in record.messages if m.role != "system")))
    if isinstance(record, PreferenceRecord):
        return "\n".join(_contents(tuple(m for m in record.prompt if m.role != "system")))
    return "\n".join(texts_of(record))


def oddities(record: Record) -> Iterator[str]:
    """Codes of what is absurd: empty_text, one_character, answer_repeats_prompt, same_texts, nucleotides."""
    if isinstance(record, ChatRecord):
        yield from _of_messages(record)
    elif isinstance(record, PreferenceRecord):
        if _one_character(record.preferred.content):
            yield "one_character"
    elif isinstance(record, SequenceRecord | LabelledSequenceRecord):
        if _one_character(record.residues):
            yield "one_character"
        elif len(record.residues) >= NUCLEOTIDES_LENGTH and not record.residues.strip("ACGTUN"):
            yield "nucleotides"
    else:
        yield from _of_texts((record.text,) if isinstance(record, LabelledRecord) else record.texts)


def _of_messages(record: ChatRecord) -> Iterator[str]:
    before = ""
    for message in record.messages:
        content = message.content
        if message.trained:
            if content and content == before:
                yield "answer_repeats_prompt"
            if _one_character(content):
                yield "one_character"
        elif record.templated and message.role == "user" and (not content or content.isspace()):
            yield "empty_text"
        before = content


def _of_texts(texts: tuple[str, ...]) -> Iterator[str]:
    if any(_one_character(text) for text in texts):
        yield "one_character"
    if len(texts) > 1 and texts[0] in texts[1:]:
        yield "same_texts"


def _one_character(text: str) -> bool:
    if len(text) < ONE_CHARACTER_LENGTH or text[0] != text[-1]:
        return False
    return text.count(text[0]) == len(text)


def _contents(messages: tuple[Message, ...]) -> Iterator[str]:
    for message in messages:
        if message.content:
            yield message.content
        if message.tool_calls:
            yield message.tool_calls
