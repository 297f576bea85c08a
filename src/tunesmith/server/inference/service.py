"""One inference request: name -> model -> engine -> reply. No database session is held while an engine works."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import structlog
from fastapi import Request

from tunesmith.schemas.errors import (
    Internal,
    Invalid,
    LimitReached,
    NotFound,
    SpecInvalid,
    StorageFull,
    TooLarge,
    TunesmithError,
    Unavailable,
    Unprocessable,
)
from tunesmith.schemas.inference import EngineCall, ServedModel
from tunesmith.schemas.shape import Task
from tunesmith.server import error_handler
from tunesmith.server.accounts.auth import Caller
from tunesmith.server.db import Database
from tunesmith.server.inference import router
from tunesmith.server.inference.engine_client import EngineAway, EngineClient, EngineReply, Work
from tunesmith.server.inference.router import Engine
from tunesmith.server.models import service as models
from tunesmith.server.storage import links

log = structlog.get_logger()

_TASKS: dict[Work, frozenset[Task]] = {
    "chat": frozenset({Task.CHAT}),
    "completions": frozenset({Task.CHAT, Task.PROTEIN}),
    "generate": frozenset({Task.PROTEIN}),
    "embeddings": frozenset({Task.EMBEDDING}),
    "classify": frozenset({Task.CLASSIFICATION}),
}
_CALL_INSTEAD = {
    Task.PROTEIN: "It makes protein sequences: POST /v1/generate.",
    Task.CHAT: "It writes text: POST /v1/chat/completions or /v1/completions.",
    Task.EMBEDDING: "It makes vectors of texts: POST /v1/embeddings.",
    Task.CLASSIFICATION: "It tells the classes of texts: POST /v1/classify.",
}
_BY_STATUS: dict[int, type[TunesmithError]] = {
    404: NotFound,
    413: TooLarge,
    422: Unprocessable,
    429: LimitReached,
    503: Unavailable,
    507: StorageFull,
}


@dataclass(frozen=True)
class Plan:
    """Which model answers, and the engines to ask, best first."""

    served: ServedModel
    engines: list[Engine]


async def ask(
    request: Request, caller: Caller, model: str, work: Work, call_for: Callable[[ServedModel], EngineCall]
) -> EngineReply:
    """The reply of the first engine that takes the call; the next one is asked when one is away or still loading.

    Raises ModelNotFound, SpecInvalid when the model is for another task, NoEngine, or what the engine answered.
    """
    state = request.app.state
    plan = await _plan(request, caller, model, work)
    call = call_for(plan.served)
    client: EngineClient = state.engines
    not_now: TunesmithError | None = None
    for engine in plan.engines:
        try:
            reply = await client.ask(engine, work, call, request_id=error_handler.request_id(request))
        except EngineAway as e:
            log.warning("engine.away", engine_id=engine.key[1], url=engine.url, reason=str(e))
            await router.mark_away(state.db, engine)
            continue
        if reply.status == 200:
            return reply
        refusal = await _refusal(reply)
        if refusal.status != 503:
            raise refusal
        not_now = refusal
    raise not_now or router.all_away(plan.served, plan.engines)


async def _plan(request: Request, caller: Caller, name: str, work: Work) -> Plan:
    state = request.app.state
    db: Database = state.db
    client: EngineClient = state.engines

    def sign(path: str, **params: str) -> str:
        life_s: float = state.settings.signed_url_life_s
        return links.sign(state.secrets["link"], path, life_s=life_s, now=state.clock.now(), **params)

    async with db.session() as session:
        served = _for_work(await models.served(session, caller, state.catalog, name, sign), work)
        if served.task not in _TASKS[work]:
            raise SpecInvalid(f"The model '{name}' cannot do this. {_CALL_INSTEAD[served.task]}", param="model")
        engines = await router.candidates(
            session, caller, served, timeout_s=state.settings.engine_timeout_s, busy=client.busy
        )
    return Plan(served, engines)


def _for_work(served: ServedModel, work: Work) -> ServedModel:
    """A base may do several things: it is served for the one that is asked. A tuned model has its one task."""
    if served.adaptation is not None or served.task in _TASKS[work]:
        return served
    fitting = [task for task in served.base.tasks if task in _TASKS[work]]
    return served.model_copy(update={"task": fitting[0]}) if fitting else served


async def _refusal(reply: EngineReply) -> TunesmithError:
    """The engine's own error with its status; one that is not in OpenAI's shape is a fault of the engine."""
    try:
        body = await reply.body()
    finally:
        await reply.aclose()
    try:
        told = cast("dict[str, Any]", json.loads(body)["error"])
        message, code = str(told["message"]), told.get("code")
    except (ValueError, KeyError, TypeError):
        log.error("engine.answered_strangely", engine_id=reply.engine.key[1], status=reply.status, body=body[:200])
        return Unavailable(f"The engine answered {reply.status} without a reason. Try again, or see its log.")
    kind = _BY_STATUS.get(reply.status, Invalid if reply.status < 500 else Internal)
    return kind(message, param=told.get("param"), code=str(code) if code else None)
