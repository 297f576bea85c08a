"""What a training record is, of each kind, and which kinds train a task. `tunesmith/records/` reads them.

A chat record is text in order, each message marked trained or not.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from tunesmith.schemas.shape import Task, TrainingMethod


class RecordKind(StrEnum):
    """What a file's records are; told at upload from the first good record."""

    CHAT = "chat"
    COMPLETION = "completion"
    INSTRUCTION = "instruction"
    PREFERENCE = "preference"
    CLASSIFICATION = "classification"
    SENTENCE = "sentence"
    PAIR = "pair"
    TRIPLET = "triplet"
    SCORED_PAIR = "scored_pair"
    SEQUENCE = "sequence"
    LABELLED_SEQUENCE = "labelled_sequence"


KINDS_OF_TASK: dict[Task, tuple[RecordKind, ...]] = {
    Task.CHAT: (RecordKind.CHAT, RecordKind.COMPLETION, RecordKind.INSTRUCTION, RecordKind.PREFERENCE),
    Task.PROTEIN: (RecordKind.SEQUENCE,),
    Task.CLASSIFICATION: (RecordKind.CLASSIFICATION, RecordKind.LABELLED_SEQUENCE),
    Task.EMBEDDING: (
        RecordKind.SENTENCE,
        RecordKind.PAIR,
        RecordKind.TRIPLET,
        RecordKind.SCORED_PAIR,
        RecordKind.SEQUENCE,
    ),
}


def kinds_of(task: Task, method: TrainingMethod = TrainingMethod.SUPERVISED) -> tuple[RecordKind, ...]:
    """The kinds of record that the task trains on by the method."""
    if method is TrainingMethod.DPO:
        return (RecordKind.PREFERENCE,)
    return tuple(kind for kind in KINDS_OF_TASK[task] if kind is not RecordKind.PREFERENCE)


def tasks_of(kind: RecordKind) -> list[Task]:
    """The tasks that a kind of record can train, the usual one first."""
    return [task for task, kinds in KINDS_OF_TASK.items() if kind in kinds]


@dataclass(frozen=True)
class Message:
    """One message of a chat record; `trained` says whether its tokens carry loss.

    `tool_calls` is what an assistant asks of tools, as JSON of OpenAI's list; `tool_call_id` names the call
    that a tool's message answers.
    """

    role: str
    content: str
    trained: bool = False
    tool_calls: str | None = None
    tool_call_id: str | None = None


@dataclass(frozen=True)
class ChatRecord:
    """A conversation. Prompt/completion and instruction records become one, so that training knows one shape.

    `templated` is False for prompt/completion: its text is used as it stands, without the model's chat template.
    """

    kind: RecordKind
    messages: tuple[Message, ...]
    templated: bool = True
    tools: str | None = None
    """JSON of OpenAI's list of tools; the order of keys inside their parameters is the file's, since models read it."""

    @property
    def fingerprint(self) -> str:
        """sha256 of the content, for the held-out split and for duplicates; independent of key order and spaces."""
        return _fingerprint([*_plain(self.messages), *([_sorted(self.tools)] if self.tools else [])])

    @property
    def length(self) -> int:
        """Characters of all messages."""
        return sum(len(m.content) for m in self.messages)


@dataclass(frozen=True)
class PreferenceRecord:
    """A prompt with an answer that is preferred and one that is not, for DPO. `prompt` ends before the answer."""

    prompt: tuple[Message, ...]
    preferred: Message
    rejected: Message
    tools: str | None = None
    kind: RecordKind = RecordKind.PREFERENCE

    @property
    def fingerprint(self) -> str:
        """sha256 of prompt and both answers."""
        return _fingerprint([_plain(self.prompt), _plain((self.preferred, self.rejected)), _sorted(self.tools)])

    @property
    def length(self) -> int:
        """Characters of prompt and both answers."""
        return sum(len(m.content) for m in (*self.prompt, self.preferred, self.rejected))


@dataclass(frozen=True)
class LabelledRecord:
    """A text with its label; with none, one or several where the file is `multi`-label."""

    text: str
    labels: tuple[str, ...]
    multi: bool = False
    kind: RecordKind = RecordKind.CLASSIFICATION

    @property
    def fingerprint(self) -> str:
        """sha256 of text and labels."""
        return _fingerprint([self.text, sorted(self.labels)])

    @property
    def length(self) -> int:
        """Characters."""
        return len(self.text)


@dataclass(frozen=True)
class TextsRecord:
    """Texts for an embedding model: a sentence alone, a pair that belongs together, a triplet (anchor, positive,
    negatives), or two texts with a `score` of how alike they are, 0-1."""

    kind: RecordKind
    texts: tuple[str, ...]
    score: float | None = None

    @property
    def fingerprint(self) -> str:
        """sha256 of the texts in order, and the score."""
        return _fingerprint([*self.texts, self.score])

    @property
    def length(self) -> int:
        """Characters of all texts."""
        return sum(len(text) for text in self.texts)


@dataclass(frozen=True)
class SequenceRecord:
    """A protein sequence: upper-case residues, and the id from its FASTA header."""

    id: str
    description: str
    residues: str
    kind: RecordKind = RecordKind.SEQUENCE

    @property
    def fingerprint(self) -> str:
        """sha256 of the residues: two headers on one sequence are one record."""
        return hashlib.sha256(self.residues.encode()).hexdigest()

    @property
    def length(self) -> int:
        """Residues."""
        return len(self.residues)


@dataclass(frozen=True)
class LabelledSequenceRecord:
    """A protein sequence with its label, for a classifier of sequences."""

    id: str
    residues: str
    labels: tuple[str, ...]
    multi: bool = False
    kind: RecordKind = RecordKind.LABELLED_SEQUENCE

    @property
    def fingerprint(self) -> str:
        """sha256 of residues and labels."""
        return _fingerprint([self.residues, sorted(self.labels)])

    @property
    def length(self) -> int:
        """Residues."""
        return len(self.residues)


Record = ChatRecord | PreferenceRecord | LabelledRecord | TextsRecord | SequenceRecord | LabelledSequenceRecord


def _fingerprint(content: list[Any]) -> str:
    return hashlib.sha256(orjson.dumps(content)).hexdigest()


def _plain(messages: tuple[Message, ...]) -> list[list[str]]:
    """Role and content of each, and of tools what there is: a conversation without tools keeps its fingerprint."""
    return [[p for p in (m.role, m.content, m.tool_calls, m.tool_call_id) if p is not None] for m in messages]


def _sorted(tools: str | None) -> Any:
    """The tools with their keys in order, so that a fingerprint does not depend on it."""
    return orjson.dumps(orjson.loads(tools), option=orjson.OPT_SORT_KEYS).decode() if tools else None
