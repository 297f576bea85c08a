"""OpenAI's /v1/chat/completions, /v1/completions and /v1/embeddings."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tunesmith.schemas.encoding import EmbeddingReply, EmbeddingRequest
from tunesmith.schemas.inference import ChatRequest, CompletionRequest, EngineCall
from tunesmith.server.accounts.auth import Caller, WaitingUserCaller
from tunesmith.server.inference import relay, service
from tunesmith.server.inference.engine_client import Work

router = APIRouter(prefix="/v1", tags=["inference"])

_STREAM = {
    "text/event-stream": {"schema": {"type": "string"}, "example": 'data: {"choices": [...]}\n\ndata: [DONE]\n\n'}
}


@router.post("/chat/completions", response_class=Response, responses={200: {"content": {
    "application/json": {"schema": {"type": "object"}}, **_STREAM}}})  # fmt: skip
async def create_chat_completion(body: ChatRequest, request: Request, caller: WaitingUserCaller) -> Response:
    """An answer to the messages, whole or as server-sent events (`stream`). `model` is a base model or a tuned one."""
    return await _answer(request, caller, body, "chat")


@router.post("/completions", response_class=Response, responses={200: {"content": {
    "application/json": {"schema": {"type": "object"}}, **_STREAM}}})  # fmt: skip
async def create_completion(body: CompletionRequest, request: Request, caller: WaitingUserCaller) -> Response:
    """What follows the prompt. Prompts of token ids are used as they are."""
    return await _answer(request, caller, body, "completions")


@router.post("/embeddings", response_model=EmbeddingReply)
async def create_embeddings(body: EmbeddingRequest, request: Request, caller: WaitingUserCaller) -> Response:
    """A vector for each input, in their order. An input longer than the model's context is refused, never cut."""

    async def asked() -> bytes:
        return await relay.whole(
            await service.ask(
                request, caller, body.model, "embeddings", lambda served: EngineCall(served=served, embedding=body)
            )
        )

    return Response(await relay.while_connected(request, asked()), media_type="application/json")


async def _answer(request: Request, caller: Caller, body: ChatRequest | CompletionRequest, work: Work) -> Response:
    async def asked() -> Response:
        reply = await service.ask(
            request,
            caller,
            body.model,
            work,
            lambda served: EngineCall(
                served=served,
                chat=body if isinstance(body, ChatRequest) else None,
                completion=body if isinstance(body, CompletionRequest) else None,
            ),
        )
        if body.stream:
            return await relay.stream(reply)
        return Response(await relay.whole(reply), media_type="application/json")

    return await relay.while_connected(request, asked())
