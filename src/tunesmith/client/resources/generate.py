"""/v1/generate: new protein sequences."""

from typing import Any

from tunesmith.client._call import Call, json_bytes, post, raw
from tunesmith.client._resource import Resource, S, endpoint
from tunesmith.schemas.inference import GenerateReply

GENERATE = "/v1/generate"


class Generate(Resource[S]):
    """Sequences from a protein model."""

    @endpoint
    def create(self, *, model: str, n: int = 5, prompt: str = "", **options: Any) -> Call[GenerateReply]:
        """`n` sequences, best perplexity first. `options`: max_residues, temperature, top_k, top_p, seed ..."""
        return post(GENERATE, GenerateReply, {"model": model, "n": n, "prompt": prompt, **options})

    @endpoint
    def fasta(self, *, model: str, n: int = 5, prompt: str = "", **options: Any) -> Call[bytes]:
        """The same as a FASTA file."""
        body = {"model": model, "n": n, "prompt": prompt, **options, "format": "fasta"}
        return Call("POST", GENERATE, raw, content=json_bytes(body))
