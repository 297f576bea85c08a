"""New protein sequences: all of a request as one batch, each with what the model itself thinks of it, ranked."""

import asyncio
import math
import secrets
import time
from collections import Counter
from dataclasses import dataclass, field

from tunesmith.base_models.prompts import sequence_end_id, sequence_from_ids, sequence_prompt_ids
from tunesmith.engines.base import Decoding, Model, PromptScores, Run, Token
from tunesmith.engines.decoding import new_seed, room_for
from tunesmith.engines.identity import TRAINING_FILE, Nearest, training_sequences
from tunesmith.schemas.errors import Invalid
from tunesmith.schemas.inference import GeneratedSequence, GenerateReply, GenerateRequest, ServedModel
from tunesmith.schemas.shape import Task

RESIDUES = frozenset("ACDEFGHIKLMNPQRSTVWY")
FORBIDDEN_BIAS = -math.inf


@dataclass
class Row:
    """One sequence while it grows."""

    tokens: list[Token] = field(default_factory=list[Token])
    n_residues: int = 0
    """Residues after the prompt."""
    ended: bool = False
    """Whether the model itself ended it."""
    done: bool = False


async def generate(request: GenerateRequest, served: ServedModel, model: Model) -> GenerateReply:
    """`request.n` sequences, best perplexity first. Raises Invalid."""
    started = time.monotonic()
    if Task.PROTEIN not in model.entry.tasks or served.task is not Task.PROTEIN:
        raise Invalid(f"'{served.name}' is no protein model. Use /v1/chat/completions with it.", param="model")
    prompt = request.prompt.upper()
    seed = new_seed() if request.seed is None else request.seed
    prompt_ids = sequence_prompt_ids(model.tokenizer, model.entry, prompt)
    run = model.start([prompt_ids], _decoding(request, model, prompt_ids, seed))
    rows = await _grow(run, model, request)
    sequences = [_scored(row, prompt, model) for row in rows]
    nearest = await asyncio.to_thread(_nearest, model, [s.sequence for s in sequences])
    return GenerateReply(
        id=f"gen-{secrets.token_hex(12)}",
        created=int(time.time()),
        model=served.name,
        prompt=request.prompt,
        generation_time_s=round(time.monotonic() - started, 3),
        data=_ranked(sequences, nearest),
        seed=seed,
    )


def _decoding(request: GenerateRequest, model: Model, prompt_ids: list[int], seed: int) -> Decoding:
    """At least one token before the end, and no special token but the end: a sequence consists of residues."""
    room = room_for(model, [prompt_ids], None, param="prompt")
    end = sequence_end_id(model.tokenizer, model.entry)
    special = {i for i in model.tokenizer.all_special_ids if i != end and i < model.vocabulary}
    return Decoding(
        # A token is one residue or several, so this many tokens always suffice.
        max_tokens=min(room, _most_tokens(request, model)),
        seed=seed,
        n=request.n,
        temperature=request.temperature,
        top_p=request.top_p,
        top_k=request.top_k,
        repetition_penalty=request.repetition_penalty,
        logit_bias=dict.fromkeys(special, FORBIDDEN_BIAS),
        min_tokens=1,
        stop_ids=frozenset({end}),
    )


def _most_tokens(request: GenerateRequest, model: Model) -> int:
    """Tokens for `max_residues` after the prompt; written as FASTA, there is a line break for each 60 of them."""
    if request.max_residues is None:
        return model.context
    breaks = request.max_residues // 60 + 2 if model.entry.prompt_format == "fasta60" else 0
    return request.max_residues + breaks


async def _grow(run: Run, model: Model, request: GenerateRequest) -> list[Row]:
    """Collects the rows; one that reached `max_residues` is ended, without the token that would go beyond."""
    rows = [Row() for _ in range(request.n)]
    try:
        async for step in run:
            assert not isinstance(step, PromptScores)
            for token in step:
                row = rows[token.row]
                if not row.done:
                    _add(row, token, model, request.max_residues)
                    if row.done:
                        run.end_row(token.row)
    finally:
        run.cancel()
    return rows


def _add(row: Row, token: Token, model: Model, most: int | None) -> None:
    new = 0 if token.finish == "stop" else _residues_in(token, model)
    if most is not None and row.n_residues + new > most:
        row.done = True
        return
    row.tokens.append(token)
    row.n_residues += new
    row.ended = token.finish == "stop"
    row.done = token.finish is not None


def _residues_in(token: Token, model: Model) -> int:
    return sum(character.isalpha() for character in model.token_bytes(token.id).decode("utf-8", "ignore"))


def _scored(row: Row, prompt: str, model: Model) -> GeneratedSequence:
    """The sequence with its figures, all of them over what the model added to the prompt.

    Perplexity is exp(-log-likelihood / terms), a term for each residue and one for the end where it was reached.
    A token of m residues and probability p counts as m residues of p^(1/m). Probabilities are the model's own, whatever
    the temperature.
    """
    made = [token.id for token in row.tokens if token.finish != "stop"]
    sequence = prompt + sequence_from_ids(model.tokenizer, model.entry, made)
    log_likelihood = math.fsum(token.logprob for token in row.tokens)
    terms = row.n_residues + row.ended
    odd = Counter(residue for residue in sequence if residue not in RESIDUES)
    return GeneratedSequence(
        rank=0,
        sequence=sequence,
        length=len(sequence),
        log_likelihood=log_likelihood,
        perplexity=math.exp(-log_likelihood / max(1, terms)),
        confidence=_confidence(row, model),
        finish_reason="stop" if row.ended else "length",
        valid=bool(sequence) and not odd,
        invalid_residues=dict(sorted(odd.items())),
    )


def _confidence(row: Row, model: Model) -> float:
    parts = [(_residues_in(token, model), token.logprob) for token in row.tokens if token.finish != "stop"]
    total = sum(count for count, _ in parts)
    return math.fsum(count * math.exp(logprob / count) for count, logprob in parts if count) / max(1, total)


def _nearest(model: Model, sequences: list[str]) -> list[Nearest | None]:
    """Against the tuned model's training sequences; None each for a base, of which they are not known."""
    path = model.folder / TRAINING_FILE if model.folder is not None else None
    if path is None or not path.is_file():
        return [None] * len(sequences)
    known = training_sequences(path)
    return [known.nearest(sequence) for sequence in sequences]


def _ranked(sequences: list[GeneratedSequence], nearest: list[Nearest | None]) -> list[GeneratedSequence]:
    pairs = sorted(zip(sequences, nearest, strict=True), key=lambda pair: pair[0].perplexity)
    return [
        sequence.model_copy(
            update={
                "rank": rank,
                "nearest_identity": None if near is None else near.identity,
                "nearest_id": None if near is None else near.id,
            }
        )
        for rank, (sequence, near) in enumerate(pairs, start=1)
    ]
