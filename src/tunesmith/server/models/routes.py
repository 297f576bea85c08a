"""/v1/models as OpenAI has it, the catalogue, and the registry. Fixed paths stand before those that take any name."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request

from tunesmith.base_models.catalog import Catalog
from tunesmith.schemas.models import (
    BaseModelEntry,
    Comparison,
    Lineage,
    Model,
    ModelFile,
    ModelVersion,
    Parity,
)
from tunesmith.schemas.shape import Adaptation, Deleted, Page, Task
from tunesmith.server.accounts.auth import SessionDep, UserCaller, WaitingUserCaller
from tunesmith.server.clock import epoch_s
from tunesmith.server.models import names, service
from tunesmith.server.models.service import Tuned
from tunesmith.server.models.tables import ModelVersionRow
from tunesmith.server.storage import links, uploads, uses

router = APIRouter(prefix="/v1", tags=["models"])

CATALOGUED_AT = 1735689600
"""`created` of a base model, for which no date is kept: 2025-01-01."""


@router.get("/models")
async def list_models(request: Request, caller: UserCaller, session: SessionDep) -> Page[Model]:
    """The catalogue's base models, and the tuned models of the caller's project, newest first."""
    bases = [_base(entry) for entry in _catalog(request).entries]
    data = bases + [_tuned(row, row.id) for row in await service.all_versions(session, caller)]
    return Page(data=data, first_id=data[0].id if data else None, last_id=data[-1].id if data else None)


@router.get("/models/catalog")
async def list_catalog(request: Request, caller: UserCaller) -> Page[BaseModelEntry]:
    """Base models with all that is known of them: tasks, licence, size, what they need."""
    entries = _catalog(request).entries
    return Page(
        data=entries, first_id=entries[0].key if entries else None, last_id=entries[-1].key if entries else None
    )


@router.get("/models/{model:path}")
async def retrieve_model(model: str, request: Request, caller: UserCaller, session: SessionDep) -> Model:
    """A base model by key, alias or hub id; a tuned model or a published checkpoint by its name."""
    if not names.is_tuned(model):
        return _base(_catalog(request).get(model))
    return _tuned(await service.tuned(session, caller, model), model)


@router.delete("/models/{model:path}")
async def delete_model(model: str, request: Request, caller: WaitingUserCaller) -> Deleted:
    """Deletes a tuned model or a published checkpoint; its job's record stays. A base model cannot be deleted."""
    state = request.app.state
    async with state.db.session() as session:
        upload_id = await service.delete(session, caller, _catalog(request), model)
        unused = await uploads.drop_uploads(session, [upload_id])
    await uses.sweep(state.db, state.blobs, unused)
    return Deleted(id=model, object="model")


@router.get("/registry/models")
async def list_model_versions(
    caller: UserCaller,
    session: SessionDep,
    family: str | None = None,
    after: str | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Page[ModelVersion]:
    """Registered models with lineage and scores, newest first."""
    rows, more = await service.versions(session, caller, family=family, after=after, limit=limit)
    data = [_version(row) for row in rows]
    return Page(data=data, first_id=data[0].id if data else None, last_id=data[-1].id if data else None, has_more=more)


@router.get("/registry/models/{model:path}/files")
async def list_model_files(model: str, request: Request, caller: UserCaller, session: SessionDep) -> Page[ModelFile]:
    """The files of a tuned model or a published checkpoint, each with a signed link that takes Range requests."""
    state = request.app.state
    sign = partial(links.sign, state.secrets["link"], life_s=state.settings.signed_url_life_s, now=state.clock.now())
    row = await service.tuned(session, caller, model)
    data = [
        ModelFile(path=file.name, size_bytes=file.size_bytes, sha256=file.sha256, url=file.url)
        for file in service.downloads(row.manifest, sign)
    ]
    return Page(data=data, first_id=data[0].path if data else None, last_id=data[-1].path if data else None)


@router.get("/registry/models/{model:path}")
async def retrieve_model_version(model: str, caller: UserCaller, session: SessionDep) -> ModelVersion:
    """A registered model with lineage and scores."""
    return _version(await service.version(session, caller, model))


def _catalog(request: Request) -> Catalog:
    return request.app.state.catalog


def _base(entry: BaseModelEntry) -> Model:
    return Model(id=entry.key, created=CATALOGUED_AT, owned_by="tunesmith", task=entry.tasks[0])


def _parity(row: ModelVersionRow) -> Parity | None:
    """What an engine made of the probes; pending while none has been asked. None when there are no probes."""
    if row.parity is not None:
        return Parity.model_validate(row.parity)
    return Parity(n_probes=len(row.probes)) if row.probes else None


def _tuned(row: Tuned, name: str) -> Model:
    return Model(
        id=name,
        created=epoch_s(row.created_at),
        owned_by=row.owned_by,
        task=Task(row.task),
        parent=row.base["key"],
    )


def _version(row: ModelVersionRow) -> ModelVersion:
    return ModelVersion(
        id=row.id,
        family=row.family,
        version=row.version,
        task=Task(row.task),
        adaptation=Adaptation(row.adaptation),
        base_model=row.base_model,
        created_at=epoch_s(row.created_at),
        metrics=row.metrics,
        comparisons=[Comparison.model_validate(c) for c in row.comparisons],
        classification=row.details.get("classification"),
        embedding=row.details.get("embedding"),
        delivery=row.details.get("delivery"),
        parity=_parity(row),
        lineage=Lineage.model_validate(row.lineage),
        size_bytes=row.size_bytes,
    )
