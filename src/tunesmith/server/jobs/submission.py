"""Making a job: what was asked is checked against the files and the catalogue, and pinned."""

import datetime as dt
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession

from tunesmith.base_models.catalog import Catalog
from tunesmith.schemas.errors import FileNotFound, Invalid, ModelNotFound, NotFound, SpecInvalid, Unsupported
from tunesmith.schemas.job_defaults import usual_adaptation
from tunesmith.schemas.jobs import JobCreate
from tunesmith.schemas.models import BaseModelEntry
from tunesmith.schemas.records import RecordKind, tasks_of
from tunesmith.schemas.shape import Adaptation, Task, TrainingMethod
from tunesmith.server import ids
from tunesmith.server.accounts.acting import acting_in
from tunesmith.server.accounts.auth import Caller
from tunesmith.server.datasets import dataset_queries
from tunesmith.server.datasets import service as datasets
from tunesmith.server.datasets.tables import FileRow
from tunesmith.server.db import driver
from tunesmith.server.events import service as events
from tunesmith.server.events.service import Entry
from tunesmith.server.jobs import four_bits
from tunesmith.server.jobs.states import VALIDATING
from tunesmith.server.jobs.tables import RANKS, JobRow
from tunesmith.server.models import names
from tunesmith.server.models import service as models
from tunesmith.server.models.service import BaseChoice
from tunesmith.server.storage import uses
from tunesmith.server.storage.blobs import BlobStore, Stored

DEFAULT_SPLIT = 0.1
TURN_S = 120.0
"""A server that reads a job's files, first the one that made it, has this long until another may think it died."""


@dataclass(frozen=True)
class Shelves:
    """Where a job's parts are found."""

    catalog: Catalog
    blobs: BlobStore


@dataclass(frozen=True)
class Draft:
    """A job that was checked and is not made yet: its row, and the files and the base that were found for it."""

    row: JobRow
    choice: BaseChoice
    training: FileRow
    validation: FileRow | None


async def submit(session: AsyncSession, shelves: Shelves, caller: Caller, body: JobCreate) -> JobRow:
    """A job in validating_files, its files and its base pinned. Raises Invalid (400) naming the parameter at fault.

    What is wrong inside a file is found later and fails the job; only what can be told at once is refused here.
    """
    caller = await _owner(session, caller, body)
    row = (await draft(session, shelves.catalog, caller, body)).row
    await four_bits.refuse_without_worker(session, caller, Adaptation(row.adaptation))
    session.add(row)
    await session.flush()
    held = [Stored(file["sha256"], file["size_bytes"]) for file in pinned(row.inputs)]
    await uses.hold(session, shelves.blobs, held, project_id=row.project_id, holder=row.id)
    await _tell(session, row)
    await session.refresh(row)
    return row


async def draft(session: AsyncSession, catalog: Catalog, caller: Caller, body: JobCreate) -> Draft:
    """The job as it would be made; nothing is written. Raises Invalid (400) naming the parameter at fault."""
    caller = await _owner(session, caller, body)
    choice = await _base(session, catalog, caller, body.model)
    training = await _file(session, caller, body.training_file, "training_file")
    validation = await _file(session, caller, body.validation_file, "validation_file") if body.validation_file else None
    task = _task(body.task, training, choice.entry)
    if body.training_method is TrainingMethod.DPO and task is not Task.CHAT:
        raise SpecInvalid(
            f"method.type 'dpo' trains chat models, not the task '{task}'. Use 'supervised'.", param="method.type"
        )
    if body.adaptation is not None:
        four_bits.refuse_for_task(body.adaptation, task)
    return Draft(_row(caller, body, choice, task, training, validation), choice, training, validation)


def refuse_unsupported(body: Any) -> None:
    """Raises Unsupported for what OpenAI or a later version has and this one does not, with what to do instead.

    Looks at the body as it was sent, before its shape is checked, so that the reason told is the true one.
    """
    if not isinstance(body, Mapping):
        return
    method = body.get("method")
    kind = method.get("type", "supervised") if isinstance(method, Mapping) else "supervised"
    if kind == "reinforcement":
        raise Unsupported(
            "method.type 'reinforcement' is not offered by this version. Use 'supervised' or 'dpo'.",
            param="method.type",
        )
    for name, only in (("backend", "huggingface"), ("provider", "local")):
        if isinstance(body.get(name), str) and body[name] != only:
            raise Unsupported(f"{name} '{body[name]}' is not offered by this version. Use '{only}'.", param=name)
    for name in ("n_trials", "max_cost"):
        if body.get(name) is not None:
            raise Unsupported(f"'{name}' is not offered by this version. Leave it out.", param=name)


def check(body: JobCreate) -> None:
    """Raises Invalid (400) for what no job may say, whatever its files and its base are."""
    _refuse_not_offered(body)
    _refuse_unstorable(body)


def pinned(inputs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every file that a job depends on: {sha256, size_bytes, ...} of its data and of the model it goes on from."""
    data = [inputs[name] for name in ("training", "validation") if inputs.get(name)]
    return [*data, *inputs.get("parent", [])]


async def _owner(session: AsyncSession, caller: Caller, body: JobCreate) -> Caller:
    """The caller in the project that the job will belong to."""
    check(body)
    return await acting_in(session, caller, body.project) if body.project is not None else caller


def _refuse_not_offered(body: JobCreate) -> None:
    if body.integrations:
        raise Unsupported(
            "'integrations' are not offered by this version. Leave it out; GET .../metrics has the figures.",
            param="integrations",
        )


def _refuse_unstorable(body: JobCreate) -> None:
    told = {"model": [body.model], "name": [body.name or ""], "project": [body.project or ""]}
    told["metadata"] = [*(body.metadata or {}).keys(), *(body.metadata or {}).values()]
    for param, texts in told.items():
        if not all(is_storable(text) for text in texts):
            raise SpecInvalid("Texts may hold neither NUL characters nor halves of surrogate pairs.", param=param)


def is_storable(text: str) -> bool:
    """Whether PostgreSQL can hold the text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in text


async def _base(session: AsyncSession, catalog: Catalog, caller: Caller, name: str) -> BaseChoice:
    try:
        return await models.resolve_base(session, caller, catalog, name)
    except ModelNotFound as e:
        raise Invalid(
            f"Model {name} is not available for fine-tuning or does not exist. "
            "GET /v1/models/catalog lists the base models.",
            param="model",
            code="model_not_found",
        ) from e


async def _file(session: AsyncSession, caller: Caller, file_id: str, param: str) -> FileRow:
    """The file of this id, or that of a data set's version (`ds_...`, or `ds_...@3`)."""
    try:
        if file_id.startswith("ds_"):
            return await dataset_queries.file_of(session, caller, file_id)
        file = await datasets.get_file(session, caller, file_id)
    except FileNotFound as e:
        raise SpecInvalid(
            f"invalid {param}: {file_id}. There is no such file; POST /v1/files uploads one.", param=param
        ) from e
    except NotFound as e:
        raise SpecInvalid(f"invalid {param}: {file_id}. {e.message}", param=param) from e
    if file.purpose != "fine-tune":
        raise SpecInvalid(
            f"invalid {param}: {file_id} has purpose '{file.purpose}'. Upload it with purpose 'fine-tune'.",
            param=param,
        )
    return file


def _task(wanted: Task | None, training: FileRow, entry: BaseModelEntry) -> Task:
    """As asked, else told from the file, else the only one that the base can do."""
    task = wanted
    if task is None:
        possible = tasks_of(RecordKind(training.kind)) if training.kind else entry.tasks
        task = next((each for each in possible if each in entry.tasks), possible[0])
    if task not in entry.tasks:
        can = " or ".join(entry.tasks)
        raise SpecInvalid(
            f"Model {entry.key} is not available for fine-tuning on the task '{task}'; it can be tuned for {can}. "
            "GET /v1/models/catalog lists the tasks of each base.",
            param="model",
        )
    _refuse_another_language(training, entry)
    return task


def _refuse_another_language(training: FileRow, entry: BaseModelEntry) -> None:
    """A base of texts would take residues for odd words, and one of proteins words for residues."""
    if training.kind is None:
        return
    holds_sequences = RecordKind(training.kind) in (RecordKind.SEQUENCE, RecordKind.LABELLED_SEQUENCE)
    if holds_sequences is not entry.reads_sequences:
        what, reads = ("protein sequences", "text") if holds_sequences else ("texts", "protein sequences")
        raise SpecInvalid(
            f"The file {training.id} holds {what}, and the model {entry.key} reads {reads}. Choose another model "
            "(GET /v1/models/catalog) or another file.",
            param="model",
        )


def _row(
    caller: Caller, body: JobCreate, choice: BaseChoice, task: Task, training: FileRow, validation: FileRow | None
) -> JobRow:
    inputs: dict[str, Any] = {"training": _pin("training", training)}
    if validation is not None:
        inputs["validation"] = _pin("validation", validation)
    if choice.parent is not None:
        inputs["parent"] = list(choice.parent_files)
    split = body.validation_split
    if split is None:
        split = 0.0 if validation is not None else DEFAULT_SPLIT
    key = choice.entry.key
    return JobRow(
        id=ids.new_id("job"),
        project_id=caller.project_id,
        created_by=caller.user_id,
        organization=caller.project_slug,
        model=choice.parent or key,
        base=choice.entry.model_dump(mode="json"),
        parent_model=choice.parent,
        model_name=names.new_name(key, caller.project_slug, body.suffix),
        family=names.family_of(key, body.suffix),
        training_file=training.id,
        validation_file=validation.id if validation is not None else None,
        inputs=inputs,
        task=task.value,
        method=body.training_method.value,
        adaptation=(body.adaptation or usual_adaptation(task)).value,
        backend=body.backend,
        provider=body.provider,
        validation_split=split,
        wanted=body.wanted_hyperparameters().model_dump(mode="json"),
        delivery={"repo": body.output_model, "weights": body.output_weights} if body.output_model else None,
        seed=body.seed if body.seed is not None else secrets.randbelow(2**31),
        suffix=body.suffix,
        name=body.name,
        priority=RANKS[body.priority],
        labels=body.metadata,
        status=VALIDATING.value,
        checking_until=func.tunesmith_now() + dt.timedelta(seconds=TURN_S),
    )


def _pin(role: str, file: FileRow) -> dict[str, Any]:
    """The file as the job sees it from now on, under a name of ours: a user's never becomes a path."""
    return {
        "name": f"{role}.{file.format or 'jsonl'}{'.gz' if file.compression else ''}",
        "format": file.format or "jsonl",
        "compression": file.compression,
        "sha256": file.sha256,
        "size_bytes": file.size_bytes,
    }


async def _tell(session: AsyncSession, row: JobRow) -> None:
    files = f"training file: {row.training_file}"
    if row.validation_file:
        files += f" and validation file: {row.validation_file}"
    entries = [Entry(f"Created fine-tuning job: {row.id}"), Entry(f"Validating {files}")]
    await events.append(await driver(session), row.id, entries)
