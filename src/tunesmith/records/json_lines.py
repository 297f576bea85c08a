"""A line of JSONL as a record; what kind it is, its keys tell."""

from typing import Any, cast

import orjson

from tunesmith.records.conversations import chat
from tunesmith.records.fields import Data, json_type
from tunesmith.records.instructions import PREFERENCE_KEYS, completion, instruction, preference
from tunesmith.records.labelled import labelled_text, sequence
from tunesmith.records.pieces import MAX_LINE_BYTES, too_long
from tunesmith.records.texts import PAIR_KEYS, sentence, texts
from tunesmith.schemas.errors import RecordInvalid
from tunesmith.schemas.records import Record


def parse_json_line(raw: bytes, line: int) -> Record:
    """The record on one JSONL line (without its newline).

    `line` counts from 1 and is named in every RecordInvalid, with the key at fault in `param`.
    """
    if len(raw) > MAX_LINE_BYTES:
        raise too_long(len(raw), line)
    return record_of(_load(raw, line), line)


def record_of(data: Data, line: int) -> Record:
    """The record of an object, from JSON or from a table's row. Raises RecordInvalid."""
    if "messages" in data:
        return chat(data, line)
    if not PREFERENCE_KEYS.isdisjoint(data):
        return preference(data, line)
    if "prompt" in data or "completion" in data:
        return completion(data, line)
    if "instruction" in data:
        return instruction(data, line)
    if "sequence" in data:
        return sequence(data, line)
    if "label" in data or "labels" in data:
        return labelled_text(data, line)
    if "text" in data:
        return sentence(data, line)
    if not PAIR_KEYS.isdisjoint(data):
        return texts(data, line)
    keys = ", ".join(sorted(data)[:6]) or "none"
    raise RecordInvalid(
        f'Line {line} has none of the keys of a training record (it has: {keys}). Use "messages", '
        'or "prompt" and "completion", or "instruction" and "output" (or "response"), or "prompt", "chosen" and '
        '"rejected", or "text" with or without "label", or "anchor" and "positive", or "sequence".',
        line=line,
        param="messages",
    )


def _load(raw: bytes, line: int) -> Data:
    if b"\x00" in raw:
        raise RecordInvalid(f"Line {line} holds a NUL byte. Save the file as UTF-8 text.", line=line)
    try:
        data: Any = orjson.loads(raw)
    except orjson.JSONDecodeError as e:
        raise RecordInvalid(
            f"Line {line} is not valid JSON ({e.msg} at character {e.pos}). Each line must be one JSON object.",
            line=line,
        ) from e
    if not isinstance(data, dict):
        raise RecordInvalid(
            f"Line {line} holds {json_type(data)}, expected an object. Each line must be one JSON object.",
            line=line,
        )
    return cast("Data", data)
