"""Texts and protein sequences as an encoder reads them: whole, with the tokenizer's own begin and end."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch

from tunesmith.base_models.prompts import encoder_ids
from tunesmith.schemas.errors import SpecInvalid
from tunesmith.schemas.records import (
    LabelledRecord,
    LabelledSequenceRecord,
    Record,
    RecordKind,
    SequenceRecord,
    TextsRecord,
)
from tunesmith.schemas.shape import Adaptation
from tunesmith.schemas.training import ResolvedHyperparameters, TrainingSpec

if TYPE_CHECKING:
    from tunesmith.training.base_model import Base
    from tunesmith.training.plan import RowsOf


@dataclass(frozen=True)
class LabelledRow:
    """A text as tokens, and the numbers of the classes it carries."""

    input_ids: list[int]
    classes: tuple[int, ...]
    fingerprint: str
    cut: bool = False

    @property
    def length(self) -> int:
        """Tokens."""
        return len(self.input_ids)

    @property
    def trained_tokens(self) -> int:
        """Tokens that are read: the loss is one of records."""
        return self.length


@dataclass(frozen=True)
class TextsRow:
    """The texts of one record as tokens: a text alone, or anchor, positive and negatives, or two with a score.

    `texts` are the same ones as they were written, by which copies are known. `halves` are those of a text alone, each
    as tokens: on held-out texts one half must find the other.
    """

    tokens: tuple[list[int], ...]
    texts: tuple[str, ...]
    fingerprint: str
    score: float | None = None
    halves: tuple[list[int], list[int]] | None = None
    cut: bool = False

    @property
    def length(self) -> int:
        """Tokens of all texts."""
        return sum(len(ids) for ids in self.tokens)

    @property
    def trained_tokens(self) -> int:
        """Tokens that are read; none when one of the texts has none."""
        return self.length if all(self.tokens) else 0


def labelled_rows(base: "Base", labels: Sequence[str]) -> "RowsOf":
    """Makes the rows of a classifier of these labels."""
    number = {label: i for i, label in enumerate(labels)}

    def make(records: list[Record], numbers: ResolvedHyperparameters) -> list[LabelledRow]:
        rows: list[LabelledRow] = []
        for record in cast("list[LabelledRecord | LabelledSequenceRecord]", records):
            ids, cut = _ids(base, text_of(record), numbers.max_seq_len, "")
            rows.append(LabelledRow(ids, tuple(number[each] for each in record.labels), record.fingerprint, cut))
        return rows

    return make


def texts_rows(base: "Base") -> "RowsOf":
    """Makes the rows of an embedding model.

    A pair's first text searches and the others are searched; where both sides are alike (texts alone, scored pairs)
    each is read as one that searches, as E5's authors advise (https://huggingface.co/intfloat/multilingual-e5-base).
    """
    query, passage = base.entry.query_prefix, base.entry.passage_prefix

    def make(records: list[Record], numbers: ResolvedHyperparameters) -> list[TextsRow]:
        return [row(record, numbers.max_seq_len) for record in records]

    def row(record: Record, most: int) -> TextsRow:
        if isinstance(record, SequenceRecord):
            return alone(record.residues, record.fingerprint, most, _residue_halves(record.residues))
        record = cast(TextsRecord, record)
        if record.kind is RecordKind.SENTENCE:
            return alone(record.texts[0], record.fingerprint, most, _word_halves(record.texts[0]))
        second = query if record.kind is RecordKind.SCORED_PAIR else passage
        read = [_ids(base, text, most, query if i == 0 else second) for i, text in enumerate(record.texts)]
        return TextsRow(
            tuple(ids for ids, _ in read),
            record.texts,
            record.fingerprint,
            score=record.score,
            cut=any(cut for _, cut in read),
        )

    def alone(text: str, fingerprint: str, most: int, halves: tuple[str, str]) -> TextsRow:
        ids, cut = _ids(base, text, most, query)
        first, last = (_ids(base, half, most, query)[0] for half in halves)
        return TextsRow((ids,), (text,), fingerprint, halves=(first, last), cut=cut)

    return make


def text_of(record: LabelledRecord | LabelledSequenceRecord) -> str:
    """What a classifier reads of the record."""
    return record.text if isinstance(record, LabelledRecord) else record.residues


def padded(texts: Sequence[list[int]], pad_id: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and attention mask, each (N, T) int64 on the CPU, padded on the right."""
    width = max(len(ids) for ids in texts)
    tokens = torch.full((len(texts), width), pad_id, dtype=torch.int64)
    mask = torch.zeros((len(texts), width), dtype=torch.int64)
    for i, ids in enumerate(texts):
        tokens[i, : len(ids)] = torch.tensor(ids)
        mask[i, : len(ids)] = 1
    return tokens, mask


def refuse_four_bits(spec: TrainingSpec) -> None:
    """Raises SpecInvalid for a four-bit base: encoders are small, and their weights are the least of the memory."""
    if spec.adaptation is Adaptation.QLORA:
        raise SpecInvalid(
            f"qlora is for chat and protein models; {spec.task} runs keep the base as it is. Use lora or full.",
            param="adaptation",
        )


def _ids(base: "Base", text: str, most: int, prefix: str) -> tuple[list[int], bool]:
    """The text's tokens, and whether some had to be cut."""
    tokenizer: Any = base.tokenizer
    return encoder_ids(tokenizer, base.entry, prefix + text, most)


def _word_halves(text: str) -> tuple[str, str]:
    """A text of one word is cut within it; one of a single letter is both of its halves."""
    words = text.split()
    if len(words) < 2:
        return _residue_halves(text.strip())
    middle = (len(words) + 1) // 2
    return " ".join(words[:middle]), " ".join(words[middle:])


def _residue_halves(text: str) -> tuple[str, str]:
    middle = (len(text) + 1) // 2
    return text[:middle], text[middle:] or text
