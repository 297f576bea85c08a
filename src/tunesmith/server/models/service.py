"""Finding models by name: the catalogue's bases, tuned models and published checkpoints of the caller's projects."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from sqlalchemy import Select, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from tunesmith.base_models.catalog import Catalog
from tunesmith.schemas.errors import Invalid, ModelNotFound
from tunesmith.schemas.inference import ServedModel
from tunesmith.schemas.models import ArtifactFile, BaseModelEntry
from tunesmith.schemas.shape import Adaptation, Task
from tunesmith.schemas.worker import Download
from tunesmith.server.accounts.auth import Caller
from tunesmith.server.accounts.scope import owned
from tunesmith.server.models import names
from tunesmith.server.models.tables import CheckpointRow, ModelVersionRow

Tuned = ModelVersionRow | CheckpointRow


class Sign(Protocol):
    """Makes a signed link to a blob's path, relative to the server; `name` is what the download is saved as."""

    def __call__(self, path: str, *, name: str) -> str: ...


@dataclass(frozen=True)
class BaseChoice:
    """What a job starts from: a base of the catalogue and, when it goes on from a tuned model, that model's files."""

    entry: BaseModelEntry
    parent: str | None = None
    """Name of the tuned model to go on from."""
    parent_files: Sequence[dict[str, Any]] = ()


async def resolve_base(session: AsyncSession, caller: Caller, catalog: Catalog, name: str) -> BaseChoice:
    """The base of this key, alias or hub id, or a tuned model of the caller's to go on from. Raises ModelNotFound."""
    if not names.is_tuned(name):
        return BaseChoice(catalog.get(name))
    row = await tuned(session, caller, name)
    return BaseChoice(BaseModelEntry.model_validate(row.base), name, row.manifest)


async def served(session: AsyncSession, caller: Caller, catalog: Catalog, name: str, sign: Sign) -> ServedModel:
    """The model as an engine needs to know it: its base, and signed links to its files. Raises ModelNotFound."""
    if not names.is_tuned(name):
        entry = catalog.get(name)
        return ServedModel(name=entry.key, task=entry.tasks[0], base=entry)
    row = await tuned(session, caller, name)
    return ServedModel(
        name=name,
        task=Task(row.task),
        base=BaseModelEntry.model_validate(row.base),
        adaptation=Adaptation(row.adaptation),
        files=downloads(row.manifest, sign),
    )


def downloads(manifest: Sequence[dict[str, Any]], sign: Sign) -> list[Download]:
    """Signed links to the files of a manifest, under the names they have in it."""
    files = [ArtifactFile.model_validate(file) for file in manifest]
    return [
        Download(
            name=file.path,
            size_bytes=file.size_bytes,
            sha256=file.sha256,
            url=sign(f"/storage/v1/{file.sha256}", name=file.path),
        )
        for file in files
    ]


async def tuned(session: AsyncSession, caller: Caller, name: str) -> Tuned:
    """The tuned model or published checkpoint of this name. Raises ModelNotFound, also for another project's."""
    found: Tuned | None = await session.scalar(
        owned(select(ModelVersionRow), ModelVersionRow, caller).where(
            ModelVersionRow.id == name, ModelVersionRow.deleted_at.is_(None)
        )
    )
    if found is None:
        found = await session.scalar(
            owned(select(CheckpointRow), CheckpointRow, caller).where(
                CheckpointRow.name == name, CheckpointRow.dropped_at.is_(None)
            )
        )
    if found is None:
        raise ModelNotFound(name)
    return found


async def version(session: AsyncSession, caller: Caller, name: str) -> ModelVersionRow:
    """The registered model of this name. Raises ModelNotFound."""
    row = await tuned(session, caller, name)
    if not isinstance(row, ModelVersionRow):
        raise ModelNotFound(name)
    return row


async def versions(
    session: AsyncSession, caller: Caller, *, family: str | None, after: str | None, limit: int
) -> tuple[list[ModelVersionRow], bool]:
    """A page of registered models, newest first, behind the one named `after`; and whether more follow."""
    statement = _listed(caller)
    if family is not None:
        statement = statement.where(ModelVersionRow.family == family)
    if after is not None:
        last = await session.scalar(owned(select(ModelVersionRow), ModelVersionRow, caller).where(
            ModelVersionRow.id == after
        ))  # fmt: skip
        if last is None:
            raise Invalid(f"Invalid 'after': no model {after!r} to go on behind.", param="after")
        statement = statement.where(
            (ModelVersionRow.created_at < last.created_at)
            | ((ModelVersionRow.created_at == last.created_at) & (ModelVersionRow.id < last.id))
        )
    rows = list(await session.scalars(statement.limit(limit + 1)))
    return rows[:limit], len(rows) > limit


async def all_versions(session: AsyncSession, caller: Caller) -> Sequence[ModelVersionRow]:
    """Every registered model that the caller may use, newest first."""
    return (await session.scalars(_listed(caller))).all()


def _listed(caller: Caller) -> Select[ModelVersionRow]:
    statement = owned(select(ModelVersionRow), ModelVersionRow, caller).where(ModelVersionRow.deleted_at.is_(None))
    return statement.order_by(ModelVersionRow.created_at.desc(), ModelVersionRow.id.desc())


async def delete(session: AsyncSession, caller: Caller, catalog: Catalog, name: str) -> str:
    """The tuned model is gone: a tombstone stays, its job too. Returns the upload that its files came by.

    Raises ModelNotFound, and Invalid for a base model.
    """
    if not names.is_tuned(name):
        catalog.get(name)
        raise Invalid(
            f"'{name}' is a base model of the catalogue and cannot be deleted; only tuned models can.", param="model"
        )
    row = await tuned(session, caller, name)
    now = cast("dt.datetime", await session.scalar(text("SELECT tunesmith_now()")))
    if isinstance(row, ModelVersionRow):
        row.deleted_at = now
    else:
        row.dropped_at = now
    return row.upload_id
