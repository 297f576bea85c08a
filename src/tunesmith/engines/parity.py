"""A tuned model's probes repeated as requests would be answered: the same rendering, the same decoding."""

from pydantic import ValidationError

from tunesmith.engines.base import Decoding, Encoder, Engine, Model, PromptScores
from tunesmith.engines.chat import prompt_ids
from tunesmith.engines.completions import prompts_of
from tunesmith.engines.decoding import room_for
from tunesmith.engines.inputs import rows_of
from tunesmith.schemas.errors import Invalid, TunesmithError
from tunesmith.schemas.inference import ChatRequest, CompletionRequest
from tunesmith.schemas.models import Probe
from tunesmith.schemas.parity import ParityCall, ParityReply, ProbeAnswer
from tunesmith.schemas.shape import Task


async def repeat(call: ParityCall, engine: Engine) -> ParityReply:
    """An answer for each probe; one that the engine cannot take is answered with the reason.

    Raises what loading the model raises.
    """
    if call.served.task in (Task.EMBEDDING, Task.CLASSIFICATION):
        async with engine.lease_encoder(call.served) as encoder:
            return ParityReply(answers=[await _read(probe, encoder) for probe in call.probes])
    async with engine.lease(call.served) as model:
        return ParityReply(answers=[await _continue(probe, model, call.served.name) for probe in call.probes])


async def _continue(probe: Probe, model: Model, name: str) -> ProbeAnswer:
    try:
        ids = _rendered(probe, model, name)
        wanted = probe.output_ids or []
        room_for(model, [ids], len(wanted), param="prompt")
        made = await _greedy(model, ids, len(wanted))
        same_prompt = ids == probe.prompt_ids
        behind = await _behind(model, ids, wanted) if same_prompt and made != wanted else None
    except (TunesmithError, ValidationError) as e:
        return ProbeAnswer(refused=_reason(e))
    return ProbeAnswer(prompt_ids=ids, output_ids=made, behind=behind)


def _rendered(probe: Probe, model: Model, name: str) -> list[int]:
    """The prompt's tokens by the code that chat and completion requests go through."""
    if probe.messages is not None:
        body = {"model": name, "messages": probe.messages, **({"tools": probe.tools} if probe.tools else {})}
        return prompt_ids(ChatRequest.model_validate(body), model)
    if probe.prompt is None:
        raise Invalid("The probe has neither messages nor a prompt.", param="probes")
    _, (ids,) = prompts_of(CompletionRequest(model=name, prompt=probe.prompt), model)
    return ids


async def _greedy(model: Model, ids: list[int], most: int) -> list[int]:
    made: list[int] = []
    run = model.start([ids], Decoding(max_tokens=most, seed=0, temperature=0.0))
    try:
        async for step in run:
            if not isinstance(step, PromptScores):
                made += [token.id for token in step]
    finally:
        run.cancel()
    return made


async def _behind(model: Model, ids: list[int], wanted: list[int]) -> list[float]:
    """How far each of the wanted tokens is from the model's own choice, given those before it (nats)."""
    run = model.start([[*ids, *wanted]], Decoding(max_tokens=0, seed=0, alternatives=1, score_prompt=True))
    found: list[float] = []
    try:
        async for step in run:
            if isinstance(step, PromptScores):
                pairs = zip(step.logprobs[len(ids) :], step.alternatives[len(ids) :], strict=True)
                found = [best[0][1] - own for own, best in pairs if own is not None and best]
    finally:
        run.cancel()
    return found


async def _read(probe: Probe, encoder: Encoder) -> ProbeAnswer:
    try:
        if not probe.text:
            raise Invalid("The probe has no text.", param="probes")
        rows = await rows_of(probe.text, encoder, prefix=encoder.prefixes.query if probe.vector is not None else "")
        numbers = (await encoder.encode(rows))[0]
    except TunesmithError as e:
        return ProbeAnswer(refused=_reason(e))
    if probe.vector is not None:
        return ProbeAnswer(prompt_ids=rows[0], vector=numbers[: len(probe.vector)].tolist())
    classes = encoder.classes
    if classes is None:
        return ProbeAnswer(refused="The engine finds no classes in the model's folder.")
    values = numbers.sigmoid() if classes.multi_label else numbers.softmax(dim=-1)
    return ProbeAnswer(prompt_ids=rows[0], probabilities=dict(zip(classes.labels, values.tolist(), strict=True)))


def _reason(error: TunesmithError | ValidationError) -> str:
    if isinstance(error, TunesmithError):
        return error.message
    fault = error.errors()[0]
    return f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
