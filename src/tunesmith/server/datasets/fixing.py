"""A new version of a data set out of fixes: the stored bytes of a version read record by record, what is kept written
to a new file of the same format, checked on the same pass as an upload is, all or nothing."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from tunesmith.schemas.datasets import FileFormat
from tunesmith.schemas.errors import SpecInvalid
from tunesmith.schemas.fixes import Fix
from tunesmith.schemas.versions import VersionCreate
from tunesmith.server.accounts.auth import Caller
from tunesmith.server.datasets import dataset_queries, service, versions
from tunesmith.server.datasets.dataset_queries import FoundVersion
from tunesmith.server.datasets.fix_stages import stage_of, survey_of
from tunesmith.server.datasets.receive import Received
from tunesmith.server.datasets.rewriting import FixedLines, Rewriting
from tunesmith.server.datasets.stages import Stage, Surveying
from tunesmith.server.datasets.tables import FileRow
from tunesmith.server.datasets.validation import FileCheck, Findings
from tunesmith.server.datasets.versions import Change
from tunesmith.server.db import Database
from tunesmith.server.storage import uses
from tunesmith.server.storage.blobs import BlobStore, Stored


async def fix(
    db: Database, blobs: BlobStore, caller: Caller, dataset_id: str, body: VersionCreate, *, limit_bytes: int
) -> FoundVersion:
    """The version that the body's fixes make. Raises NotFound, and SpecInvalid when a fix cannot be done or nothing
    would change or stay; then nothing is kept. No database session is held while it reads and writes."""
    fixes = body.fixes or []
    async with db.session() as session:
        parent = await dataset_queries.get_version(session, caller, dataset_id, body.from_version)
    file_format = _format_of(parent.file)
    stored, check = await _made(blobs, parent.file, file_format, fixes, limit_bytes)
    try:
        findings = await asyncio.to_thread(check.finish)
        refuse_without_records(findings)
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
    work = Rewriting(_lines(file, file_format, _stages(fixes, surveys)))
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
    lines = _lines(file, file_format, before)

    def see(chunk: bytes | None) -> None:
        for line in lines.feed(chunk) if chunk is not None else lines.finish():
            survey.see(line)

    async for chunk in blobs.open(file.sha256):
        await asyncio.to_thread(see, chunk)
    await asyncio.to_thread(see, None)


async def _written(blobs: BlobStore, file: FileRow, work: Rewriting) -> AsyncIterator[bytes]:
    async for chunk in blobs.open(file.sha256):
        if written := await asyncio.to_thread(work.feed, chunk):
            yield written
    yield await asyncio.to_thread(work.finish)


def _lines(file: FileRow, file_format: FileFormat, stages: list[Stage]) -> FixedLines:
    return FixedLines(file_format, "gzip" if file.compression else None, stages)


def _format_of(file: FileRow) -> FileFormat:
    if file.format not in ("jsonl", "csv", "tsv", "fasta"):
        raise SpecInvalid(f"The file {file.id} ({file.filename}) is no training file, so nothing can be fixed in it.")
    return file.format


def _change(parent: FoundVersion, fixes: Sequence[Fix], findings: Findings, note: str) -> Change:
    """What the new version is against its parent."""
    grown = findings.n_records - int((parent.file.report or {}).get("n_records", 0))
    return Change(parent.row.version, fixes, max(0, grown), max(0, -grown), note)


def refuse_without_records(findings: Findings) -> None:
    """Raises SpecInvalid when no good record is in the new file."""
    if not findings.n_records:
        first = f" {findings.faults[0].message}" if findings.faults else ""
        raise SpecInvalid(f"These fixes would leave no record that can be read.{first}", param="fixes")
