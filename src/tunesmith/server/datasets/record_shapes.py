"""A record of any kind as the preview shows it."""

from collections.abc import Sequence
from typing import Any

import orjson

from tunesmith.schemas.datasets import FileRecord, RecordMessage
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


def shape_record(cursor: str, line: int, record: Record) -> FileRecord:
    """The record under its cursor, with the fields of its kind."""
    return FileRecord(id=cursor, line=line, kind=record.kind, **_fields(record))


def _fields(record: Record) -> dict[str, Any]:
    match record:
        case ChatRecord():
            return {"messages": _messages(record.messages), "tools": _parsed(record.tools)}
        case PreferenceRecord():
            return {
                "messages": _messages(record.prompt),
                "preferred": _message(record.preferred),
                "rejected": _message(record.rejected),
                "tools": _parsed(record.tools),
            }
        case LabelledRecord():
            return {"text": record.text, "labels": list(record.labels)}
        case TextsRecord():
            return {"texts": list(record.texts), "score": record.score}
        case SequenceRecord():
            return {"name": record.id, "description": record.description, "sequence": record.residues}
        case LabelledSequenceRecord():
            return {"name": record.id, "sequence": record.residues, "labels": list(record.labels)}


def _messages(messages: Sequence[Message]) -> list[RecordMessage]:
    return [_message(message) for message in messages]


def _message(message: Message) -> RecordMessage:
    return RecordMessage(
        role=message.role,
        content=message.content,
        trained=message.trained,
        tool_calls=_parsed(message.tool_calls),
        tool_call_id=message.tool_call_id,
    )


def _parsed(listed: str | None) -> list[dict[str, Any]] | None:
    return orjson.loads(listed) if listed is not None else None
