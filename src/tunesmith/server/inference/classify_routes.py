"""/v1/classify: the classes of texts or protein sequences, in the style of OpenAI's embeddings."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tunesmith.schemas.encoding import ClassifyReply, ClassifyRequest
from tunesmith.schemas.inference import EngineCall
from tunesmith.server.accounts.auth import WaitingUserCaller
from tunesmith.server.inference import relay, service

router = APIRouter(prefix="/v1", tags=["inference"])


@router.post("/classify", response_model=ClassifyReply)
async def classify(body: ClassifyRequest, request: Request, caller: WaitingUserCaller) -> Response:
    """Of each input the likeliest class, and the probability of every class. `model` was tuned for classification."""

    async def asked() -> bytes:
        return await relay.whole(
            await service.ask(
                request, caller, body.model, "classify", lambda served: EngineCall(served=served, classify=body)
            )
        )

    return Response(await relay.while_connected(request, asked()), media_type="application/json")
