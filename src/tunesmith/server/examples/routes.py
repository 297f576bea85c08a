"""/v1/examples: runs on real data that Tunesmith brings along."""

from fastapi import APIRouter, Request

from tunesmith.demo.examples import RUNS, DemoRun
from tunesmith.schemas.shape import Page
from tunesmith.schemas.versions import Example, StartedExample
from tunesmith.server.accounts.auth import UserCaller, WaitingUserCaller
from tunesmith.server.examples import service

router = APIRouter(prefix="/v1/examples", tags=["examples"])


@router.get("")
async def list_examples(caller: UserCaller) -> Page[Example]:
    """The examples, the quickest first."""
    data = [_shape(run) for run in sorted(RUNS, key=lambda run: run.expected_s)]
    return Page(data=data, first_id=data[0].id, last_id=data[-1].id)


@router.post("/{example_id}")
async def start_example(example_id: str, request: Request, caller: WaitingUserCaller) -> StartedExample:
    """Starts the example: its data becomes a data set of the project, unless it is one already, and a job trains on
    it. Both are ordinary ones; no result comes with the package."""
    state = request.app.state
    started = await service.start(state.db, state.blobs, state.catalog, caller, example_id)
    state.clockwork.hand(started.job_id)
    return started


def _shape(run: DemoRun) -> Example:
    return Example(
        id=run.id,
        title=run.title,
        description=run.description,
        task=run.task,
        base_model=run.model,
        n_records=run.n_records,
        expected_s=run.expected_s,
        licence=run.licence,
    )
