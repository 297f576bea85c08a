"""What a job would need, told before it is made: memory, time, price, and which workers could run it."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from tunesmith.base_models.bill import Bill, Machine, Workload, bill
from tunesmith.base_models.catalog import Catalog
from tunesmith.base_models.costs import load_costs
from tunesmith.schemas.estimates import (
    Device,
    EstimateBasis,
    EstimatedCost,
    EstimatedTokens,
    JobEstimate,
    Range,
    RecordedError,
    WorkerFit,
)
from tunesmith.schemas.jobs import JobCreate
from tunesmith.schemas.shape import Adaptation, Task, TrainingMethod
from tunesmith.server.accounts.auth import Caller
from tunesmith.server.accounts.scope import at_service
from tunesmith.server.db import Database
from tunesmith.server.jobs import estimate_data, estimate_history, submission
from tunesmith.server.jobs.estimate_data import Data
from tunesmith.server.jobs.estimate_history import Correction, History
from tunesmith.server.jobs.estimate_workers import KnownWorker, fit_of, known_worker
from tunesmith.server.jobs.submission import Draft
from tunesmith.server.jobs.tables import AttemptRow, JobRow, WorkerRow
from tunesmith.server.settings import Settings
from tunesmith.server.storage.blobs import BlobStore

NO_WORKER = Machine()
"""What is assumed where no worker is connected: two CPU cores and 16 GiB."""
FORGOTTEN_AFTER = dt.timedelta(days=7)
"""A worker that was not heard of for so long is not shown."""


@dataclass(frozen=True)
class _Found:
    """What the database says."""

    draft: Draft
    workers: list[KnownWorker]
    history: History


@dataclass(frozen=True)
class _Choice:
    """The machine whose figures are told."""

    worker: WorkerFit | None
    machine: Machine
    bill: Bill
    correction: Correction
    fetch_s: float
    fetch_bytes: int


async def estimate(
    db: Database, catalog: Catalog, blobs: BlobStore, settings: Settings, caller: Caller, body: JobCreate
) -> JobEstimate:
    """The estimate of the job that this body would make. Raises what submitting it would raise."""
    async with db.session() as session:
        found = await _look_up(session, catalog, caller, body)
    # Where a worker that shares this machine and its data folder unpacks weights, and with them tokenizers.
    data = await estimate_data.read(blobs, found.draft, settings.data_dir / "models")
    work = data.workload
    fits = [_fit(found, work, worker) for worker in found.workers]
    choice = _choose(found, work, fits)
    return _answer(found, data, choice, fits, settings)


async def _look_up(session: AsyncSession, catalog: Catalog, caller: Caller, body: JobCreate) -> _Found:
    draft = await submission.draft(session, catalog, caller, body)
    rows = await session.scalars(at_service(select(WorkerRow), WorkerRow, caller).order_by(WorkerRow.id))
    busy = await session.scalars(select(JobRow.worker_id).where(JobRow.claim_id.is_not(None)))
    key = draft.choice.entry.key
    fetched = await session.scalars(
        select(AttemptRow.worker_id)
        .join(JobRow, JobRow.id == AttemptRow.job_id)
        .where(AttemptRow.outcome == "succeeded", JobRow.base["key"].astext == key)
        .distinct()
    )
    now: dt.datetime = (await session.execute(text("SELECT tunesmith_now()"))).scalar_one()
    at_work, has_base = set(busy), set(fetched)
    workers = [
        known_worker(row, now, busy=row.id in at_work, has_base=row.id in has_base)
        for row in rows
        if row.id in at_work or now - row.last_seen_at < FORGOTTEN_AFTER
    ]
    return _Found(draft, workers, await estimate_history.read(session, caller, draft))


def _fit(found: _Found, work: Workload, worker: KnownWorker) -> WorkerFit:
    correction = found.history.correction(worker.device)
    return fit_of(worker, work, bill(work, worker.machine), correction, found.draft.choice.entry)


def _choose(found: _Found, work: Workload, fits: list[WorkerFit]) -> _Choice:
    """The quickest connected worker that it fits on; else one that it does not fit on; else two cores."""
    able = [each for each in fits if each.connected and each.time_s is not None]
    by_id = {worker.id: worker for worker in found.workers}
    if able:
        best = min(able, key=lambda fit: (fit.fits == "does_not_fit", fit.time_s.value if fit.time_s else 0.0))
        worker = by_id[best.id]
        return _Choice(
            best,
            worker.machine,
            bill(work, worker.machine),
            found.history.correction(worker.device),
            worker.fetch_s(found.draft.choice.entry),
            worker.fetch_bytes(found.draft.choice.entry),
        )
    nobody = KnownWorker.nobody(NO_WORKER)
    return _Choice(
        None,
        NO_WORKER,
        bill(work, NO_WORKER),
        found.history.correction("cpu"),
        nobody.fetch_s(found.draft.choice.entry),
        nobody.fetch_bytes(found.draft.choice.entry),
    )


def _answer(found: _Found, data: Data, choice: _Choice, fits: list[WorkerFit], settings: Settings) -> JobEstimate:
    row, work = found.draft.row, data.workload
    memory = choice.correction.memory(choice.bill.memory_bytes)
    time_s = choice.correction.time(choice.bill, choice.fetch_s)
    task, method, adaptation = Task(row.task), TrainingMethod(row.method), Adaptation(row.adaptation)
    return JobEstimate(
        model=row.model,
        task=task,
        method=method,
        adaptation=adaptation,
        worker=choice.worker.id if choice.worker else None,
        device=_device(choice.machine),
        peak_memory_bytes=memory,
        time_s=time_s,
        fetch_s=choice.fetch_s,
        fetch_bytes=choice.fetch_bytes,
        cost=_cost(settings.worker_price_per_hour, time_s),
        tokens=EstimatedTokens(
            total=round(work.tokens), trained=round(work.tokens * data.trained_share), counted_by=data.counted_by
        ),
        n_train=work.n_train,
        n_held_out=work.n_held_out,
        steps=work.steps,
        micro_batch=choice.bill.micro_batch,
        hyperparameters=work.numbers,
        defaults=data.defaults,
        reasons=data.reasons,
        workers=fits,
        warnings=[*data.warnings, *_warnings(fits, choice)],
        basis=_basis(work, choice, task, adaptation),
    )


def _device(machine: Machine) -> Device:
    return "gpu" if machine.on_gpu else "cpu"


def _cost(price_per_hour: float, time_s: Range) -> EstimatedCost:
    value, low, high = (round(price_per_hour * each / 3600, 4) for each in (time_s.value, time_s.low, time_s.high))
    return EstimatedCost(price_per_hour=price_per_hour, value=value, low=low, high=high)


def _warnings(fits: Sequence[WorkerFit], choice: _Choice) -> list[str]:
    told: list[str] = []
    connected = [each for each in fits if each.connected]
    if not connected:
        told.append("No worker is connected: the job would wait. The figures are those of two CPU cores.")
    elif all(each.fits == "does_not_fit" for each in connected):
        told.append("None of the connected workers can run the job: it would wait, or run out of memory.")
    elif choice.worker is not None and choice.worker.fits == "tight":
        told.append(f"Memory on {choice.worker.id} is tight. A smaller max_seq_len or batch_size makes room.")
    return told


def _basis(work: Workload, choice: _Choice, task: Task, adaptation: Adaptation) -> EstimateBasis:
    costs, correction = load_costs(), choice.correction
    return EstimateBasis(
        measured=correction.n_runs > 0 or not choice.machine.on_gpu,
        calibration=costs.calibration.strip(),
        n_runs=correction.n_runs,
        memory_correction=round(correction.memory_factor, 3),
        time_correction=round(correction.time_factor, 3),
        model_shape="known" if work.shape.known else "from_parameters",
        recorded_errors=_recorded(costs.recorded, task, adaptation),
    )


def _recorded(recorded: Sequence[RecordedError], task: Task, adaptation: Adaptation) -> list[RecordedError]:
    """Those of the same task and adaptation, else all; a run's name begins with its task and holds its adaptation."""
    like = [each for each in recorded if each.run.startswith(task) and adaptation in each.run.split("-")]
    return like or list(recorded)
