"""When an engine does what training saw.

Prompts must be equal, token for token: nothing about a prompt is a matter of rounding. Outputs are
greedy tokens, and two number formats may choose the other of two nearly equal ones, after which the texts part; so
from the first difference on each token of training's output is looked at after those before it, and agrees when the
engine holds it nearly as likely as its own choice: TIE nats, which is two steps of a bfloat16 logit between 16 and 32.
AGREEMENT of all tokens must agree; an adapter that is missing or a wrong template is far below. Vectors and
probabilities have no such jumps and get a plain tolerance.
"""

import math
from collections.abc import Sequence

from tunesmith.schemas.models import Parity, Probe
from tunesmith.schemas.parity import ProbeAnswer

AGREEMENT = 0.95
"""Share of greedy tokens, of vectors, or of sets of probabilities."""
TIE = 0.25
"""Nats."""
COSINE_DISTANCE = 1e-2
PROBABILITY = 0.02
"""Of each class."""


def judge(probes: Sequence[Probe], answers: Sequence[ProbeAnswer]) -> Parity:
    """The rule above, over all probes; `note` names the first difference. `probes` and `answers` are as many."""
    pairs = list(zip(probes, answers, strict=True))
    refused = next((a.refused for _, a in pairs if a.refused is not None), None)
    if refused is not None:
        return Parity(status="impossible", n_probes=len(probes), note=refused)
    equal = [probe.prompt_ids == answer.prompt_ids for probe, answer in pairs]
    counts = [_agreeing(probe, answer, same) for (probe, answer), same in zip(pairs, equal, strict=True)]
    agreement = sum(good for good, _ in counts) / max(1, sum(of for _, of in counts))
    passed = all(equal) and agreement >= AGREEMENT
    return Parity(
        status="passed" if passed else "failed",
        n_probes=len(probes),
        prompts_equal=sum(equal),
        output_agreement=agreement,
        note="" if passed else _first_difference(pairs, equal, counts),
    )


def _agreeing(probe: Probe, answer: ProbeAnswer, same_prompt: bool) -> tuple[int, int]:
    """How many parts of the output agree, and of how many: tokens, or the one vector or set of probabilities."""
    if probe.output_ids is not None:
        made = answer.output_ids or []
        alike = next((i for i, (a, b) in enumerate(zip(probe.output_ids, made, strict=False)) if a != b), None)
        alike = min(len(probe.output_ids), len(made)) if alike is None else alike
        near = (answer.behind or [])[alike:] if same_prompt else []
        return alike + sum(nats <= TIE for nats in near), len(probe.output_ids)
    if probe.vector is not None:
        return int(_cosine_distance(probe.vector, answer.vector or []) <= COSINE_DISTANCE), 1
    if probe.probabilities is not None:
        theirs = answer.probabilities or {}
        same = theirs.keys() == probe.probabilities.keys() and all(
            abs(p - theirs[label]) <= PROBABILITY for label, p in probe.probabilities.items()
        )
        return int(same), 1
    return 0, 1


def _cosine_distance(a: Sequence[float], b: Sequence[float]) -> float:
    """1 - cosine; infinite for vectors of unequal length or of none."""
    lengths = math.hypot(*a) * math.hypot(*b)
    if len(a) != len(b) or not lengths:
        return math.inf
    return 1 - math.fsum(x * y for x, y in zip(a, b, strict=True)) / lengths


def _first_difference(pairs: list[tuple[Probe, ProbeAnswer]], equal: list[bool], counts: list[tuple[int, int]]) -> str:
    if not all(equal):
        number = equal.index(False)
        probe, answer = pairs[number]
        at = next(
            (i for i, (a, b) in enumerate(zip(probe.prompt_ids, answer.prompt_ids, strict=False)) if a != b),
            min(len(probe.prompt_ids), len(answer.prompt_ids)),
        )
        return (
            f"Prompt {number + 1} has {len(probe.prompt_ids)} tokens in training and {len(answer.prompt_ids)} in the "
            f"engine; they part at token {at + 1}. See that the engine's tokenizer and chat template are the model's."
        )
    number = min(range(len(counts)), key=lambda i: counts[i][0] / max(1, counts[i][1]))
    good, of = counts[number]
    probe, answer = pairs[number]
    if probe.output_ids is None:
        return f"The answer to prompt {number + 1} is beyond the tolerance. See that the engine has its weights."
    return (
        f"The prompts are equal; of the output to prompt {number + 1}, {good} of {of} tokens agree. "
        "See that the engine has the model's weights and their number format."
    )
