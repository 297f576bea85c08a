"""/v1/generate: new protein sequences, ranked, as JSON or FASTA."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tunesmith.schemas.inference import EngineCall, GenerateReply, GenerateRequest
from tunesmith.server.accounts.auth import WaitingUserCaller
from tunesmith.server.inference import relay, service

router = APIRouter(prefix="/v1", tags=["inference"])

_LINE = 60
"""Residues a line, as most FASTA files have it."""


@router.post("/generate", response_model=GenerateReply, responses={200: {"content": {
    "text/x-fasta": {"schema": {"type": "string"}, "example": ">gen-x|1 rank=1 perplexity=2.71\nMKT\n"}}}})  # fmt: skip
async def generate_sequences(body: GenerateRequest, request: Request, caller: WaitingUserCaller) -> Response:
    """`n` new sequences, the one with the lowest perplexity first; `format: "fasta"` answers FASTA text."""

    async def asked() -> bytes:
        plain = body.model_copy(update={"format": "json"})
        return await relay.whole(
            await service.ask(
                request, caller, body.model, "generate", lambda served: EngineCall(served=served, generate=plain)
            )
        )

    content = await relay.while_connected(request, asked())
    if body.format == "json":
        return Response(content, media_type="application/json")
    return Response(as_fasta(GenerateReply.model_validate_json(content)), media_type="text/x-fasta")


def as_fasta(reply: GenerateReply) -> str:
    """The sequences as FASTA, lines of 60; each header tells id, rank, perplexity, confidence and identity."""
    lines: list[str] = []
    for each in reply.data:
        facts = [f"rank={each.rank}", f"length={each.length}", f"perplexity={each.perplexity:.4f}",
                 f"confidence={each.confidence:.4f}"]  # fmt: skip
        if each.nearest_identity is not None:
            facts.append(f"identity={each.nearest_identity:.4f}")
        if each.nearest_id is not None:
            facts.append(f"nearest={'_'.join(each.nearest_id.split())}")
        if not each.valid:
            facts.append("valid=no")
        lines.append(f">{reply.id}|{each.rank} {' '.join(facts)}")
        lines += [each.sequence[i : i + _LINE] for i in range(0, len(each.sequence), _LINE)]
    return "".join(f"{line}\n" for line in lines)
