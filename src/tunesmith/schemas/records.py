"""One definition of a training record, from upload to gradient.

The server's line checks, the training program and the clients all read records through this file, so a line that
passed the upload is a line that trains. A record becomes `Turn`s: text in order, each marked trained or not.
"""

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

import orjson

from tunesmith.schemas.errors import RecordInvalid
from tunesmith.schemas.shape import Task, TrainingMethod

MAX_LINE_BYTES = 8 * 1024 * 1024
ROLES = ("system", "developer", "user", "assistant", "tool", "function")


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

    `tool_calls` is what an assistant asks of tools, as canonical JSON of OpenAI's list; `tool_call_id` names the call
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
    """Canonical JSON of OpenAI's list of tools."""

    @property
    def fingerprint(self) -> str:
        """sha256 of the content, for the held-out split and for duplicates; independent of key order and spaces."""
        return _fingerprint([*_plain(self.messages), *([self.tools] if self.tools else [])])

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
        return _fingerprint([_plain(self.prompt), _plain((self.preferred, self.rejected)), self.tools])

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


def parse_json_line(raw: bytes, line: int) -> ChatRecord:
    """The record on one JSONL line (without its newline).

    `line` counts from 1 and is named in every RecordInvalid, with the key at fault in `param`.
    """
    if len(raw) > MAX_LINE_BYTES:
        raise too_long(len(raw), line)
    data = _load(raw, line)
    if "messages" in data:
        return _chat(data, line)
    if "prompt" in data or "completion" in data:
        return _completion(data, line)
    if "instruction" in data:
        return _instruction(data, line)
    keys = ", ".join(sorted(data)[:6]) or "none"
    raise RecordInvalid(
        f'Line {line} has none of the keys of a training record (it has: {keys}). Use "messages", '
        'or "prompt" and "completion", or "instruction" and "output" (or "response").',
        line=line,
        param="messages",
    )


def too_long(n_bytes: int, line: int) -> RecordInvalid:
    """The error of a record beyond MAX_LINE_BYTES."""
    return RecordInvalid(
        f"Line {line} is {n_bytes:,} bytes long, more than the {MAX_LINE_BYTES:,} that a record may have. "
        "Split or drop it.",
        line=line,
    )


def _load(raw: bytes, line: int) -> dict[str, Any]:
    if b"\x00" in raw:
        raise RecordInvalid(f"Line {line} holds a NUL byte. Save the file as UTF-8 text.", line=line)
    try:
        data = orjson.loads(raw)
    except orjson.JSONDecodeError as e:
        raise RecordInvalid(
            f"Line {line} is not valid JSON ({e.msg} at character {e.pos}). Each line must be one JSON object.",
            line=line,
        ) from e
    if not isinstance(data, dict):
        raise RecordInvalid(
            f"Line {line} is a JSON {_json_type(data)}, expected an object. Each line must be one JSON object.",
            line=line,
        )
    return cast("dict[str, Any]", data)


def _chat(data: dict[str, Any], line: int) -> ChatRecord:
    _only(data, {"messages", "metadata"}, line)
    raw = data["messages"]
    if not isinstance(raw, list) or not raw:
        raise RecordInvalid(
            f'Line {line}: "messages" must be a list with messages in it, got {_json_type(raw)}.',
            line=line,
            param="messages",
        )
    messages = tuple(_message(m, line, f"messages[{i}]") for i, m in enumerate(cast("list[Any]", raw)))
    if not any(m.role == "assistant" for m in messages):
        raise RecordInvalid(
            f"Line {line} has no assistant message, so there is nothing to train on.", line=line, param="messages"
        )
    if not any(m.trained for m in messages):
        raise RecordInvalid(
            f'Line {line}: every assistant message has "weight" 0 or no text, so there is nothing to train on.',
            line=line,
            param="messages",
        )
    return ChatRecord(RecordKind.CHAT, messages)


def _message(raw: Any, line: int, where: str) -> Message:
    if not isinstance(raw, dict):
        raise RecordInvalid(f"Line {line}: {where} is {_json_type(raw)}, expected an object.", line=line, param=where)
    message = cast("dict[str, Any]", raw)
    role = message.get("role")
    if role not in ROLES:
        raise RecordInvalid(
            f"Line {line}: {where}.role is {json.dumps(role)}, expected one of {', '.join(ROLES)}.",
            line=line,
            param=f"{where}.role",
        )
    if message.get("tool_calls") or message.get("function_call") or role in ("tool", "function"):
        raise RecordInvalid(
            f"Line {line}: {where} uses tools, which this version does not train on yet. Drop the record.",
            line=line,
            param=f"{where}.tool_calls",
        )
    weight: Any = message.get("weight", 1)
    if isinstance(weight, bool) or weight not in (0, 1):
        raise RecordInvalid(
            f"Line {line}: {where}.weight is {json.dumps(weight)}, expected 0 or 1.", line=line, param=f"{where}.weight"
        )
    content = _content(message.get("content"), line, f"{where}.content")
    name = "system" if role == "developer" else cast(str, role)
    return Message(name, content, trained=role == "assistant" and weight == 1 and content.strip() != "")


def _content(raw: Any, line: int, where: str) -> str:
    if isinstance(raw, str):
        return raw
    if isinstance(raw, list):
        return "".join(_part(part, line, f"{where}[{i}]") for i, part in enumerate(cast("list[Any]", raw)))
    raise RecordInvalid(
        f"Line {line}: {where} is {_json_type(raw)}, expected text or a list of text parts.", line=line, param=where
    )


def _part(raw: Any, line: int, where: str) -> str:
    if isinstance(raw, dict):
        part = cast("dict[str, Any]", raw)
        if part.get("type") == "text" and isinstance(part.get("text"), str):
            return cast(str, part["text"])
    raise RecordInvalid(
        f'Line {line}: {where} must be {{"type": "text", "text": ...}}; images and audio cannot be trained on.',
        line=line,
        param=where,
    )


def _completion(data: dict[str, Any], line: int) -> ChatRecord:
    _only(data, {"prompt", "completion", "metadata"}, line)
    prompt = _text(data, "prompt", line, may_be_empty=True)
    completion = _text(data, "completion", line)
    return ChatRecord(
        RecordKind.COMPLETION,
        (Message("user", prompt), Message("assistant", completion, trained=True)),
        templated=False,
    )


def _instruction(data: dict[str, Any], line: int) -> ChatRecord:
    _only(data, {"instruction", "input", "output", "response", "system", "metadata"}, line)
    instruction = _text(data, "instruction", line)
    extra = _text(data, "input", line, may_be_empty=True) if data.get("input") is not None else ""
    answer = _text(data, "output" if "output" in data else "response", line)
    messages = [Message("user", f"{instruction}\n\n{extra}" if extra else instruction)]
    if data.get("system"):
        messages.insert(0, Message("system", _text(data, "system", line)))
    messages.append(Message("assistant", answer, trained=True))
    return ChatRecord(RecordKind.INSTRUCTION, tuple(messages))


def _text(data: dict[str, Any], key: str, line: int, *, may_be_empty: bool = False) -> str:
    value = data.get(key)
    if not isinstance(value, str):
        what = "missing" if key not in data else _json_type(value)
        raise RecordInvalid(f'Line {line}: "{key}" is {what}, expected text.', line=line, param=key)
    if not value.strip() and not may_be_empty:
        raise RecordInvalid(f'Line {line}: "{key}" is empty.', line=line, param=key)
    return value


def _only(data: dict[str, Any], known: set[str], line: int) -> None:
    for key in data:
        if key in ("tools", "functions", "parallel_tool_calls"):
            raise RecordInvalid(
                f'Line {line}: "{key}" is not trained on in this version yet. Drop the key or the record.',
                line=line,
                param=key,
            )
        if key not in known:
            raise RecordInvalid(
                f'Line {line}: unknown key "{key}"; a record of this kind may have {", ".join(sorted(known))}.',
                line=line,
                param=key,
            )


def _json_type(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "a boolean", int: "a number", float: "a number"}
    if value == []:
        return "an empty list"
    return "null" if value is None else names.get(cast("type[Any]", type(value)), "a value")


RESIDUES = frozenset("ACDEFGHIKLMNPQRSTVWY")
AMBIGUOUS = frozenset("BJOUXZ")


def parse_sequence(header: str, sequence: str, line: int) -> SequenceRecord:
    """The record of one FASTA entry; `header` without its ">", `line` the header's line number from 1.

    The stated rule for residues: lower case is raised, white space, gaps (- and .) and one stop (*) at the end are
    removed, the ambiguous letters B J O U X Z stay and are read as unknown by the model; anything else is an error.
    """
    name, _, description = header.strip().partition(" ")
    if not name:
        raise RecordInvalid(f'Line {line}: a FASTA header needs an id after ">".', line=line, param="header")
    residues = "".join(sequence.split()).upper().replace("-", "").replace(".", "").removesuffix("*")
    if not residues:
        raise RecordInvalid(f"Line {line}: {name[:60]} has no residues.", line=line, param="sequence")
    bad = sorted(set(residues) - RESIDUES - AMBIGUOUS)
    if bad:
        raise RecordInvalid(
            f"Line {line}: {name[:60]} holds {', '.join(repr(b) for b in bad[:5])}, which are not residues. "
            "Protein letters are ACDEFGHIKLMNPQRSTVWY and the ambiguous B, J, O, U, X, Z.",
            line=line,
            param="sequence",
        )
    return SequenceRecord(name, description.strip(), residues)
