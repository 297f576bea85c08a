"""From what a request asks to how it is decoded, checked against the model."""

import secrets
from collections.abc import Sequence

from tunesmith.engines.base import Decoding, Model
from tunesmith.schemas.errors import Invalid
from tunesmith.schemas.inference import Sampling


def decoding_of(
    request: Sampling, model: Model, *, max_tokens: int, alternatives: int = 0, score_prompt: bool = False
) -> Decoding:
    """The request's sampling for this model. Raises Invalid for a bias on a token it lacks."""
    return Decoding(
        max_tokens=max_tokens,
        seed=new_seed() if request.seed is None else request.seed,
        n=request.n,
        temperature=request.temperature,
        top_p=request.top_p,
        top_k=request.top_k,
        min_p=request.min_p,
        repetition_penalty=request.repetition_penalty,
        frequency_penalty=request.frequency_penalty,
        presence_penalty=request.presence_penalty,
        logit_bias=_bias(request, model),
        alternatives=alternatives,
        score_prompt=score_prompt,
    )


def new_seed() -> int:
    """A seed for a request that names none."""
    return secrets.randbelow(2**31)


def room_for(model: Model, prompts: Sequence[list[int]], wanted: int | None, *, param: str) -> int:
    """Tokens that may be generated: as many as wanted, else all that the context leaves beside the longest prompt.

    Raises Invalid, `context_length_exceeded`, when the prompt leaves no room or less than wanted.
    """
    longest = max(len(prompt) for prompt in prompts)
    total = longest + (1 if wanted is None else wanted)
    if total > model.context:
        asked = f"{longest} in the prompt" + ("" if wanted is None else f", {wanted} for the answer")
        raise Invalid(
            f"This model's maximum context length is {model.context} tokens, and the request needs {total} ({asked}). "
            "Shorten the prompt or lower the tokens to generate.",
            param=param,
            code="context_length_exceeded",
        )
    return model.context - longest if wanted is None else wanted


def check_ids(model: Model, prompts: Sequence[list[int]]) -> None:
    """Raises Invalid for token ids that the model does not have."""
    for ids in prompts:
        for token_id in ids:
            if not 0 <= token_id < model.vocabulary:
                raise Invalid(
                    f"'prompt' holds token id {token_id}; this model's ids are 0 to {model.vocabulary - 1}.",
                    param="prompt",
                )


def stop_bytes(request: Sampling) -> list[bytes]:
    """The stop strings as bytes. Raises Invalid for an empty one, which would end every answer at once."""
    if any(not stop for stop in request.stop):
        raise Invalid("'stop' holds an empty string. Leave it out.", param="stop")
    return [stop.encode() for stop in request.stop]


def _bias(request: Sampling, model: Model) -> dict[int, float]:
    bias: dict[int, float] = {}
    for key, value in (request.logit_bias or {}).items():
        if not key.isascii() or not key.isdigit() or int(key) >= model.vocabulary:
            raise Invalid(
                f"'logit_bias' names token {key!r}; this model's token ids are 0 to {model.vocabulary - 1}.",
                param="logit_bias",
            )
        bias[int(key)] = value
    return bias
