"""A new version of a data set out of fixes: the stored bytes of a version read record by record, what is kept written
to a new file of the same format, checked on the same pass as an upload is, all or nothing."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from typing import cast

from tunesmith.records.read import FileReader, Reading
from tunesmith.records.tables import row_of
from tunesmith.schemas.datasets import FileFormat
from tunesmith.schemas.errors import SpecInvalid
from tunesmith.schemas.fixes import Fix
from tunesmith.schemas.versions import VersionCreate
from tunesmith.server.accounts.auth import Caller
from tunesmith.server.datasets import service, versions
from tunesmith.server.datasets.fix_stages import Layout, Line, Stage, Surveying, stage_of, survey_of
from tunesmith.server.datasets.receive import Received
from tunesmith.server.datasets.tables import FileRow
from tunesmith.server.datasets.validation import FileCheck, Findings
from tunesmith.server.datasets.versions import Change, FoundVersion
from tunesmith.server.db import Database
from tunesmith.server.storage import uses
from tunesmith.server.storage.blobs import BlobStore, Stored

FLUSHED_BYTES = 64 * 1024
"""Lines that are joined before they are packed or sent on."""
_GZIP = zlib.MAX_WBITS | 16


async def fix(
    db: Database, blobs: BlobStore, caller: Caller, dataset_id: str, body: VersionCreate, *, limit_bytes: int
) -> FoundVersion:
    """The version that the body's fixes make. Raises NotFound, and SpecInvalid when a fix cannot be done or nothing
    would change or stay; then nothing is kept. No database session is held while it reads and writes."""
    fixes = body.fixes or []
    async with db.session() as session:
        parent = await versions.get_version(session, caller, dataset_id, body.from_version)
    file_format = _format_of(parent.file)
    stored, check = await _made(blobs, parent.file, file_format, fixes, limit_bytes)
    try:
        findings = await asyncio.to_thread(check.finish)
        change = _change(parent, fixes, findings, body.note)
        received = Received(parent.file.filename, parent.file.purpose, stored, findings, None)
        async with db.session() as session:
            owner = replace(caller, project_id=parent.file.project_id)
            file = await service.create_file(session, blobs, owner, received)
            return await versions.add_fixed(session, caller, dataset_id, file, change)
    except BaseException:
        await uses.sweep(db, blobs, [stored.sha256])
        raise


async def _made(
    blobs: BlobStore, file: FileRow, file_format: FileFormat, fixes: Sequence[Fix], limit_bytes: int
) -> tuple[Stored, FileCheck]:
    """The new file's bytes, and the check that saw them."""
    surveys: list[Surveying | None] = []
    for each in fixes:
        survey = survey_of(each)
        if survey is not None:
            await _see(blobs, file, file_format, _stages(fixes, surveys), survey)
        surveys.append(survey)
    work = _Writing(_Lines(file, file_format, _stages(fixes, surveys)))
    check = FileCheck(file_format, "gzip" if file.compression else None, limit_bytes=limit_bytes)
    stored = await blobs.put(_written(blobs, file, work), limit_bytes=limit_bytes, on_chunk=check.feed)
    return stored, check


def _stages(fixes: Sequence[Fix], surveys: Sequence[Surveying | None]) -> list[Stage]:
    """Stages of the fixes whose surveys are done."""
    return [stage_of(each, survey) for each, survey in zip(fixes, surveys, strict=False)]


async def _see(
    blobs: BlobStore, file: FileRow, file_format: FileFormat, before: list[Stage], survey: Surveying
) -> None:
    """Shows the survey every line as the stages before leave it."""
    lines = _Lines(file, file_format, before)

    def see(chunk: bytes | None) -> None:
        for line in lines.feed(chunk) if chunk is not None else lines.finish():
            survey.see(line)

    async for chunk in blobs.open(file.sha256):
        await asyncio.to_thread(see, chunk)
    await asyncio.to_thread(see, None)


async def _written(blobs: BlobStore, file: FileRow, work: "_Writing") -> AsyncIterator[bytes]:
    async for chunk in blobs.open(file.sha256):
        if written := await asyncio.to_thread(work.feed, chunk):
            yield written
    yield await asyncio.to_thread(work.finish)


class _Lines:
    """The lines of a stored file as the stages leave them."""

    def __init__(self, file: FileRow, file_format: FileFormat, stages: list[Stage]) -> None:
        self._format: FileFormat = file_format
        self.packed = file.compression is not None
        self._reader = FileReader(file_format, "gzip" if file.compression else None)
        self._stages = stages
        self.layout: Layout | None = None
        """Behind the last stage, once the first line came."""
        self.changed = 0
        """Lines left out or written anew."""

    def feed(self, chunk: bytes) -> Iterator[Line]:
        return self._through(self._reader.feed(chunk))

    def finish(self) -> Iterator[Line]:
        yield from self._through(self._reader.finish())
        for stage in self._stages:
            stage.end()

    def _through(self, readings: Iterator[Reading]) -> Iterator[Line]:
        for piece, read in readings:
            if self.layout is None:
                self.layout = self._begin()
            line = self._one(Line(piece, read))
            if line is None or line.piece is not piece:
                self.changed += 1
            if line is not None:
                yield line

    def _begin(self) -> Layout:
        layout = first = Layout(self._format, self._reader.table)
        for stage in self._stages:
            layout = stage.begin(layout)
        self.changed += layout.table != first.table
        return layout

    def _one(self, line: Line) -> Line | None:
        for stage in self._stages:
            taken = stage.take(line)
            if taken is None:
                return None
            line = taken
        return line


class _Writing:
    """The new file's bytes, packed where the old one's are."""

    def __init__(self, lines: _Lines) -> None:
        self._lines = lines
        self._packer = zlib.compressobj(6, zlib.DEFLATED, _GZIP) if lines.packed else None
        self._begun = False
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0

    def feed(self, chunk: bytes) -> bytes:
        """What the next bytes of the old file add to the new one."""
        return b"".join(self._take(self._lines.feed(chunk)))

    def finish(self) -> bytes:
        """The rest. Raises SpecInvalid when nothing changed or nothing is left."""
        written = [*self._take(self._lines.finish()), self._packed(last=True)]
        if not self._begun:
            raise SpecInvalid("These fixes would leave nothing of the file. Leave one out.", param="fixes")
        if not self._lines.changed:
            raise SpecInvalid(
                "These fixes would change nothing: no line is concerned. The report of the version's file says what "
                "was found in it.",
                param="fixes",
                code="nothing_to_fix",
            )
        return b"".join(written)

    def _take(self, lines: Iterator[Line]) -> Iterator[bytes]:
        for line in lines:
            self._add(line)
            if self._waiting_bytes >= FLUSHED_BYTES:
                yield self._packed()

    def _add(self, line: Line) -> None:
        layout = cast(Layout, self._lines.layout)
        table, end = layout.table, b"\n" if layout.table is None else layout.table.line_end
        if not self._begun and table is not None:
            self._wait(row_of(table.columns, table.separator) + end)
        self._begun = True
        content = line.piece.content
        if content is None:
            raise SpecInvalid(
                f"Line {line.piece.line} is too long to be written again. Add the fix drop_faulty before the others.",
                param="fixes",
            )
        self._wait(content + end)

    def _wait(self, written: bytes) -> None:
        self._waiting.append(written)
        self._waiting_bytes += len(written)

    def _packed(self, *, last: bool = False) -> bytes:
        whole = b"".join(self._waiting)
        self._waiting, self._waiting_bytes = [], 0
        if self._packer is None:
            return whole
        return self._packer.compress(whole) + (self._packer.flush() if last else b"")


def _format_of(file: FileRow) -> FileFormat:
    if file.format not in ("jsonl", "csv", "tsv", "fasta"):
        raise SpecInvalid(f"The file {file.id} ({file.filename}) is no training file, so nothing can be fixed in it.")
    return file.format


def _change(parent: FoundVersion, fixes: Sequence[Fix], findings: Findings, note: str) -> Change:
    """What the new version is against its parent. Raises SpecInvalid when no good record is in it."""
    if not findings.n_records:
        first = f" {findings.faults[0].message}" if findings.faults else ""
        raise SpecInvalid(f"These fixes would leave no record that can be read.{first}", param="fixes")
    before = int((parent.file.report or {}).get("n_records", 0))
    grown = findings.n_records - before
    return Change(parent.row.version, fixes, max(0, grown), max(0, -grown), note)
