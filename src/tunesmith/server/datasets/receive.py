"""Taking in one upload: the form as it arrives, its bytes to the store and past the line checks on the same pass."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from tunesmith.records.formats import format_of
from tunesmith.schemas.datasets import UPLOAD_PURPOSES
from tunesmith.schemas.errors import Invalid, SpecInvalid, TooLarge, Unsupported
from tunesmith.server.datasets.formats import wrong_name
from tunesmith.server.datasets.multipart import FormField, FormFile, FormStream
from tunesmith.server.datasets.validation import FileCheck, Findings
from tunesmith.server.db import Database
from tunesmith.server.storage import uses
from tunesmith.server.storage.blobs import BlobStore, Stored

BATCH_LIMIT_BYTES = 200 * 1000**2
LATE_BYTES = 64 * 1024**2
"""Read on after a file that is too large, so that its client hears why; who sends more finds the connection closed."""
EXPIRES_MIN_S, EXPIRES_MAX_S = 3600, 2_592_000
FIELDS = frozenset({"purpose", "expires_after[anchor]", "expires_after[seconds]"})


@dataclass(frozen=True)
class Received:
    """An upload that is whole and acceptable; its bytes are a blob that no row holds yet."""

    filename: str
    purpose: str
    stored: Stored
    findings: Findings | None
    """Of a training file."""
    expires_after_s: int | None


@dataclass(frozen=True)
class _Taken:
    """The file part, read to its end."""

    filename: str
    stored: Stored
    findings: Findings | None
    refusal: Invalid | TooLarge | None
    """Why it cannot be a training file; it may still be of another purpose."""


async def receive(form: FormStream, db: Database, blobs: BlobStore, *, limit_bytes: int) -> Received:
    """The upload. Raises Invalid (also as the clients of OpenAI know it) or TooLarge; then nothing of it is kept."""
    try:
        return await _receive(form, db, blobs, limit_bytes)
    except Invalid:
        await form.drain(limit_bytes)
        raise
    except TooLarge:
        await form.drain(LATE_BYTES)
        raise


async def receive_content(blobs: BlobStore, filename: str, content: bytes) -> Received:
    """A training file that the server itself brings, stored and checked as an upload is. Raises Invalid."""
    inspection = _Inspection(filename, "fine-tune", max(1, len(content)))
    stored = await blobs.put(_once(content), limit_bytes=max(1, len(content)), on_chunk=inspection.feed)
    return Received(filename, "fine-tune", stored, await asyncio.to_thread(inspection.finish), None)


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _receive(form: FormStream, db: Database, blobs: BlobStore, limit_bytes: int) -> Received:
    fields: dict[str, str] = {}
    taken: _Taken | None = None
    try:
        async for part in form.parts():
            if isinstance(part, FormField):
                _add_field(fields, part)
            elif part.name != "file":
                raise _unknown(part.name)
            elif taken is not None:
                raise SpecInvalid("The form has more than one 'file'. Upload them one by one.", param="file")
            else:
                taken = await _take(part, fields.get("purpose"), db, blobs, limit_bytes)
        return _received(fields, taken)
    except BaseException:
        if taken is not None:
            await uses.sweep(db, blobs, [taken.stored.sha256])
        raise


async def _take(part: FormFile, purpose: str | None, db: Database, blobs: BlobStore, limit_bytes: int) -> _Taken:
    """`purpose` is known when it came before the file: then what it does not take is refused at once."""
    filename = clean_name(part.filename)
    if purpose is not None:
        _check_name(purpose, filename)
    inspection = _Inspection(filename, purpose, limit_bytes)
    stored = await blobs.put(_not_empty(part.content), limit_bytes=limit_bytes, on_chunk=inspection.feed)
    try:
        findings = await asyncio.to_thread(inspection.finish)
    except BaseException:
        await uses.sweep(db, blobs, [stored.sha256])
        raise
    return _Taken(filename, stored, findings, inspection.refusal)


class _Inspection:
    """The line checks of a file whose purpose may not be known yet: a refusal waits until it is."""

    def __init__(self, filename: str, purpose: str | None, limit_bytes: int) -> None:
        promised, compression = format_of(filename)
        wanted = promised is not None and purpose in (None, "fine-tune")
        self._check = FileCheck(promised, compression, limit_bytes=limit_bytes) if promised and wanted else None
        self._at_once = purpose == "fine-tune"
        self.refusal: Invalid | TooLarge | None = None

    def feed(self, chunk: bytes) -> None:
        if self._check is None:
            return
        try:
            self._check.feed(chunk)
        except (Invalid, TooLarge) as e:
            self._refuse(e)

    def finish(self) -> Findings | None:
        """Blocking: comparing records takes up to some seconds."""
        if self._check is None:
            return None
        try:
            return self._check.finish()
        except (Invalid, TooLarge) as e:
            self.refusal, self._check = e, None
            return None

    def _refuse(self, error: Invalid | TooLarge) -> None:
        if self._at_once:
            raise error
        self.refusal, self._check = error, None


def _received(fields: dict[str, str], taken: _Taken | None) -> Received:
    if taken is None:
        raise _missing("file")
    if "purpose" not in fields:
        raise _missing("purpose")
    purpose = fields["purpose"]
    _check_name(purpose, taken.filename)
    if purpose == "fine-tune" and taken.refusal is not None:
        raise taken.refusal
    if purpose == "batch" and taken.stored.size_bytes > BATCH_LIMIT_BYTES:
        raise TooLarge(f"A batch file may have at most {BATCH_LIMIT_BYTES:,} bytes. Split it.", param="file")
    findings = taken.findings if purpose == "fine-tune" else None
    return Received(taken.filename, purpose, taken.stored, findings, _expires_after_s(fields))


def _add_field(fields: dict[str, str], part: FormField) -> None:
    if part.name not in FIELDS:
        raise _unknown(part.name)
    if part.name in fields:
        raise SpecInvalid(f"The form has more than one '{part.name}'.", param=part.name)
    fields[part.name] = part.value
    if part.name == "purpose":
        _check_purpose(part.value)


def _check_purpose(purpose: str) -> None:
    if purpose == "evals":
        raise Unsupported("The purpose 'evals' is not offered in this version.", param="purpose")
    if purpose not in UPLOAD_PURPOSES:
        known = ", ".join(f"'{p}'" for p in UPLOAD_PURPOSES)
        raise SpecInvalid(
            f"Invalid value for 'purpose': expected one of {known}, but got '{purpose[:100]}' instead.", param="purpose"
        )


def _check_name(purpose: str, filename: str) -> None:
    promised, compression = format_of(filename)
    if (purpose == "fine-tune" and promised is None) or (
        purpose == "batch" and (promised, compression) != ("jsonl", None)
    ):
        raise wrong_name(filename, purpose)


def _expires_after_s(fields: dict[str, str]) -> int | None:
    anchor, seconds = fields.get("expires_after[anchor]"), fields.get("expires_after[seconds]")
    if anchor is None and seconds is None:
        return None
    if anchor != "created_at":
        name = "expires_after[anchor]"
        if anchor is None:
            raise _missing(name)
        raise SpecInvalid(
            f"Invalid value for '{name}': expected 'created_at', but got '{anchor[:100]}' instead.", param=name
        )
    name = "expires_after[seconds]"
    if seconds is None:
        raise _missing(name)
    if not re.fullmatch(r"-?\d{1,18}", seconds):
        raise SpecInvalid(
            f"Invalid type for '{name}': expected an integer, but got '{seconds[:100]}' instead.",
            param=name,
            code="invalid_type",
        )
    return _bounded(name, int(seconds))


def _bounded(name: str, value: int) -> int:
    for wrong, word, sign, limit, side in (
        (value < EXPIRES_MIN_S, "below minimum value", ">=", EXPIRES_MIN_S, "below_min"),
        (value > EXPIRES_MAX_S, "above maximum value", "<=", EXPIRES_MAX_S, "above_max"),
    ):
        if wrong:
            raise SpecInvalid(
                f"Invalid '{name}': integer {word}. Expected a value {sign} {limit}, but got {value} instead.",
                param=name,
                code=f"integer_{side}_value",
            )
    return value


def clean_name(filename: str) -> str:
    """The last part of the name without control characters, at most 255 characters; its suffix is kept."""
    name = re.split(r"[/\\]", filename)[-1]
    name = "".join(c for c in name if c.isprintable()).strip()
    stem, dot, suffix = name.rpartition(".")
    if len(name) > 255 and dot and len(suffix) < 20:
        return stem[: 254 - len(suffix)] + dot + suffix
    return name[:255]


async def _not_empty(content: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    empty = True
    async for piece in content:
        empty = empty and not piece
        yield piece
    if empty:
        raise Invalid(
            "Expected file to have JSONL format, where every line is a JSON object. This file is empty.",
            param="file",
            code="invalid_file_format",
        )


def _missing(name: str) -> SpecInvalid:
    return SpecInvalid(f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter")


def _unknown(name: str) -> SpecInvalid:
    return SpecInvalid(f"Unknown parameter: '{name[:100]}'.", param=name[:100], code="unknown_parameter")
