"""/v1/live: one stream a tab over everything that changes."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse

from tunesmith.schemas.live import LiveMessage
from tunesmith.server.accounts.auth import WaitingUserCaller
from tunesmith.server.jobs.live import check_cursor, live

router = APIRouter(prefix="/v1/live", tags=["fine-tuning"])


class EventStream(StreamingResponse):
    media_type = "text/event-stream"


@router.get(
    "",
    response_model=None,
    response_class=EventStream,
    responses={200: {"model": LiveMessage, "description": "The `data` of each server-sent event."}},
)
async def follow_everything(
    request: Request,
    caller: WaitingUserCaller,
    watch: Annotated[list[str] | None, Query(max_length=8)] = None,
    after: str | None = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> EventStream:
    """Server-sent events of all jobs of the project (an admin key: of all projects), from now on.

    `hello` comes first, then each `job` that changed, as it is now; each `event` that happened; and the new `metrics`
    of the jobs named by `watch` (repeatable, at most 8), whose workers report more often meanwhile. An event may be
    told twice: know it by its id. The stream goes on behind `Last-Event-ID` or `after`; where too much time has
    passed, hello says `resumed: false`. It closes after some minutes with a `retry` hint.
    """
    state = request.app.state
    seen = last_event_id or after
    if seen:
        check_cursor(seen)
    life_s, price_per_hour = state.settings.event_stream_life_s, state.settings.worker_price_per_hour
    frames = live(state.db, state.hub, caller, watch or [], seen, life_s, price_per_hour)
    return EventStream(frames, headers={"cache-control": "no-store", "x-accel-buffering": "no"})
