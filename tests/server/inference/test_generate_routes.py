"""Protein generation: JSON as the engine gives it, or FASTA with what is known of each sequence."""

from io import StringIO

from Bio import SeqIO

BODY = {"model": "protein-mini", "n": 2, "prompt": "MK", "seed": 7}


def _sequence(rank: int, **changes):
    told = {
        "object": "generated_sequence", "rank": rank, "sequence": "MK" + "A" * 100, "length": 102,
        "log_likelihood": -200.5, "perplexity": 2.5 * rank, "confidence": 0.4, "finish_reason": "stop", "valid": True,
        "invalid_residues": {}, "nearest_identity": 0.75, "nearest_id": "sp|P1 LDH"}  # fmt: skip
    return {**told, **changes}


REPLY = {
    "id": "gen-1", "object": "generation", "created": 1, "model": "protein-mini", "prompt": "MK",
    "generation_time_s": 0.5, "seed": 7,
    "data": [_sequence(1), _sequence(2, nearest_identity=None, nearest_id=None, valid=False)],
}  # fmt: skip


async def sequences(talk):
    await talk.json(REPLY)


async def test_json_comes_back_as_the_engine_gave_it(live, make_engine):
    engine = await make_engine(sequences)
    reply = await live.post("/v1/generate", json=BODY)
    assert reply.json() == REPLY
    assert engine.paths == ["/engine/v1/generate"]
    assert engine.calls[0]["generate"]["seed"] == 7
    assert engine.calls[0]["served"]["task"] == "protein"


async def test_fasta_is_read_by_biopython_and_tells_rank_perplexity_and_identity(live, make_engine):
    await make_engine(sequences)
    reply = await live.post("/v1/generate", json={**BODY, "format": "fasta"})
    assert reply.headers["content-type"].startswith("text/x-fasta")
    first, second = SeqIO.parse(StringIO(reply.text), "fasta")
    assert str(first.seq) == REPLY["data"][0]["sequence"]
    assert first.description == (
        "gen-1|1 rank=1 length=102 perplexity=2.5000 confidence=0.4000 identity=0.7500 nearest=sp|P1_LDH"
    )
    assert second.description.endswith("confidence=0.4000 valid=no")
    assert max(len(line) for line in reply.text.splitlines() if not line.startswith(">")) == 60


async def test_a_chat_model_does_not_make_proteins_and_says_what_to_call(live, make_engine):
    await make_engine(sequences)
    reply = await live.post("/v1/generate", json={**BODY, "model": "smollm2-135m-instruct"})
    assert reply.status_code == 400
    assert "/v1/chat/completions" in reply.json()["error"]["message"]
