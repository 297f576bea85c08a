"""QLoRA is refused where it cannot run, before a job waits for a worker that will never come."""

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from tunesmith.schemas.errors import SpecInvalid
from tunesmith.schemas.shape import Adaptation, Task
from tunesmith.server.accounts.auth import Caller
from tunesmith.server.accounts.scope import at_service
from tunesmith.server.jobs.tables import CONNECTED, JobRow, WorkerRow

TASKS = (Task.CHAT, Task.PROTEIN)
"""What QLoRA trains; encoders are small, and four bits would save nothing."""


def refuse_for_task(adaptation: Adaptation, task: Task) -> None:
    """Raises SpecInvalid where the task is not trained in four bits."""
    if adaptation is Adaptation.QLORA and task not in TASKS:
        raise SpecInvalid(
            f"adaptation 'qlora' trains {' and '.join(TASKS)} models, not the task '{task}': its models are too small "
            "for four bits to save memory. Use 'lora' or 'full'.",
            param="adaptation",
        )


async def refuse_without_worker(session: AsyncSession, caller: Caller, adaptation: Adaptation) -> None:
    """Raises SpecInvalid when workers are connected and none runs QLoRA. Where none is, one that does may yet come."""
    if adaptation is not Adaptation.QLORA:
        return
    at_work = select(JobRow.worker_id).where(JobRow.claim_id.is_not(None))
    connected = or_(WorkerRow.last_seen_at > func.tunesmith_now() - CONNECTED, WorkerRow.id.in_(at_work))
    told = list(await session.scalars(at_service(select(WorkerRow.capabilities).where(connected), WorkerRow, caller)))
    if told and not any(adaptation.value in each.get("adaptations", ()) for each in told):
        raise SpecInvalid(
            f"adaptation 'qlora' cannot run: of the {len(told)} connected workers none has bitsandbytes at work. "
            "Use 'lora', or install bitsandbytes on a worker's machine and start the worker again.",
            param="adaptation",
        )
