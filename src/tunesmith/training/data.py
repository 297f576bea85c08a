"""Records from the input files, and the rows of tokens that training sees.

Records are read by `records/read.py`, the same as at upload. A row is input_ids (T,) and labels (T,): labels repeat
the token where it carries loss and are -100 where it does not; the model's shift by one happens in the loss.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

from tunesmith.base_models.errors import PromptUnsupported
from tunesmith.base_models.prompts import render_chat, sequence_training_ids
from tunesmith.records import read
from tunesmith.schemas.errors import RecordInvalid
from tunesmith.schemas.models import BaseModelEntry
from tunesmith.schemas.records import (
    KINDS_OF_TASK,
    ChatRecord,
    Message,
    Record,
    SequenceRecord,
)
from tunesmith.schemas.shape import Task
from tunesmith.schemas.training import InputFile, ResolvedHyperparameters

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from tunesmith.training.base_model import Base
    from tunesmith.training.plan import RowsOf

UNTRAINED = -100
Row = TypeVar("Row")


@dataclass(frozen=True)
class TokenRow:
    """One record as tokens. `units` is what its loss is counted by: residues for proteins, trained tokens for text."""

    input_ids: list[int]
    labels: list[int]
    units: int
    fingerprint: str
    cut: bool = False
    """It was longer than max_seq_len and its end was left out."""

    @property
    def length(self) -> int:
        """Tokens."""
        return len(self.input_ids)

    @property
    def trained_tokens(self) -> int:
        """Tokens that carry loss; the first token of a row cannot."""
        return sum(label != UNTRAINED for label in self.labels[1:])


def read_records(file: InputFile, task: Task) -> list[Record]:
    """All records of the file in order. Raises RecordInvalid at the first bad line, or one of another task."""
    records: list[Record] = []
    for line, record in read.read_records(file.path, file.format, file.compression):
        if record.kind not in KINDS_OF_TASK[task]:
            raise RecordInvalid(
                f"Line {line} is a {record.kind} record, which the task {task} does not train on. "
                "Use a file of the right kind, or another task.",
                line=line,
            )
        records.append(record)
    return records


def token_rows(base: "Base") -> "RowsOf":
    """Makes the rows of a run on this base."""

    def make(records: list[Record], numbers: ResolvedHyperparameters) -> list[TokenRow]:
        return rows_of(records, base.tokenizer, base.entry, numbers.max_seq_len)

    return make


def pad_id(base: "Base") -> int:
    """The token that rows are padded with."""
    return cast(int, base.tokenizer.pad_token_id)


def rows_of(
    records: list[Record], tokenizer: "PreTrainedTokenizerBase", entry: BaseModelEntry, max_seq_len: int
) -> list[TokenRow]:
    """A row for each record, in order. Raises RecordInvalid naming the record that cannot be written as a prompt."""

    def row(record: Record) -> TokenRow:
        if isinstance(record, SequenceRecord):
            return at_most(max_seq_len, sequence_row(record, tokenizer, entry))
        if isinstance(record, ChatRecord):
            return at_most(max_seq_len, chat_row(record, tokenizer))
        raise PromptUnsupported(f"a {record.kind} record has no one text to learn; pairs of answers take method dpo.")

    return each_row(records, row)


def each_row(records: list[Record], row: Callable[[Any], Row]) -> list[Row]:
    """The rows of the records, in order. Raises RecordInvalid naming the record whose row cannot be made."""
    rows: list[Row] = []
    for number, record in enumerate(records, start=1):
        try:
            rows.append(row(record))
        except PromptUnsupported as e:
            raise RecordInvalid(f"Record {number}: {e.message}", line=number) from e
    return rows


def sequence_row(record: SequenceRecord, tokenizer: "PreTrainedTokenizerBase", entry: BaseModelEntry) -> TokenRow:
    """The whole sequence with loss on every token after the first; unknown residues are read, not learned."""
    ids = sequence_training_ids(tokenizer, entry, record.residues)
    unknown = tokenizer.unk_token_id if entry.prompt_format == "residues" else None
    labels = [UNTRAINED, *(UNTRAINED if token == unknown else token for token in ids[1:])]
    return TokenRow(ids, labels, units=len(record.residues), fingerprint=record.fingerprint)


def chat_row(record: ChatRecord, tokenizer: "PreTrainedTokenizerBase") -> TokenRow:
    """The conversation with loss on the trained assistant turns, each with its end-of-turn token."""
    text, spans = _templated(record, tokenizer) if record.templated else _as_it_stands(record)
    ids, labels = _label(tokenizer, text, spans, specials_in_text=record.templated)
    end = cast("int | None", tokenizer.eos_token_id)
    ends_with_a_span = text[spans[-1][1] :].strip() == ""
    if ends_with_a_span and end is not None and not _ends_with_any(labels, {end, *tokenizer.all_special_ids}):
        ids.append(end)
        labels.append(end)
    return TokenRow(ids, labels, units=sum(x != UNTRAINED for x in labels[1:]), fingerprint=record.fingerprint)


def _templated(record: ChatRecord, tokenizer: "PreTrainedTokenizerBase") -> tuple[str, list[tuple[int, int]]]:
    """The text of the template and the character spans to train: from where the assistant's words begin to the
    end-of-turn mark, the white space behind it left out."""
    messages = [_as_openai_has_it(message) for message in record.messages]
    tools = cast("list[dict[str, Any]] | None", json.loads(record.tools) if record.tools else None)
    last = max(i for i, m in enumerate(record.messages) if m.trained)
    text = render_chat(tokenizer, messages[: last + 1], tools=tools, add_generation_prompt=False)
    spans: list[tuple[int, int]] = []
    for i, message in enumerate(record.messages):
        if not message.trained:
            continue
        before = render_chat(tokenizer, messages[:i], tools=tools, add_generation_prompt=True)
        after = render_chat(tokenizer, messages[: i + 1], tools=tools, add_generation_prompt=False)
        start = _common_length(before, after)
        if not text.startswith(after.rstrip()) or not text[start:].strip():
            raise PromptUnsupported(
                "the model's chat template rewrites earlier turns, so they cannot be trained where they stand. "
                "Split the conversation so that each record ends with the one answer to train."
            )
        spans.append((start, len(after.rstrip())))
    return text, spans


def _as_openai_has_it(message: Message) -> dict[str, Any]:
    shown: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        shown["tool_calls"] = json.loads(message.tool_calls)
    if message.tool_call_id:
        shown["tool_call_id"] = message.tool_call_id
    return shown


def _as_it_stands(record: ChatRecord) -> tuple[str, list[tuple[int, int]]]:
    prompt, completion = record.messages[0].content, record.messages[1].content
    return prompt + completion, [(len(prompt), len(prompt) + len(completion))]


def _label(
    tokenizer: "PreTrainedTokenizerBase", text: str, spans: list[tuple[int, int]], *, specials_in_text: bool
) -> tuple[list[int], list[int]]:
    """Tokens of the text, and labels for those that lie in a span (one that straddles its begin is in)."""
    if not tokenizer.is_fast:
        raise PromptUnsupported("the model's tokenizer cannot tell where its tokens stand in the text.")
    encoded = cast(
        "dict[str, Any]", tokenizer(text, add_special_tokens=not specials_in_text, return_offsets_mapping=True)
    )
    ids = cast("list[int]", list(encoded["input_ids"]))
    labels = [UNTRAINED] * len(ids)
    span = iter(spans)
    current = next(span, None)
    for i, (begin, end) in enumerate(cast("list[tuple[int, int]]", encoded["offset_mapping"])):
        while current is not None and begin >= current[1]:
            current = next(span, None)
        if current is not None and end > current[0] and end > begin:
            labels[i] = ids[i]
    return ids, labels


def _ends_with_any(labels: list[int], ends: set[int]) -> bool:
    trained = [label for label in labels if label != UNTRAINED]
    return bool(trained) and trained[-1] in ends


def _common_length(a: str, b: str) -> int:
    n = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        n += 1
    return n


def at_most(max_seq_len: int, row: TokenRow) -> TokenRow:
    """The row's first `max_seq_len` tokens; its units shrink with the labels that are lost."""
    if len(row.input_ids) <= max_seq_len:
        return row
    kept = row.labels[:max_seq_len]
    whole = max(1, row.trained_tokens)
    share = sum(label != UNTRAINED for label in kept[1:]) / whole
    return TokenRow(row.input_ids[:max_seq_len], kept, max(1, round(row.units * share)), row.fingerprint, cut=True)
