"""How the server asks an engine to repeat a model's probes: POST /engine/v1/parity."""

from pydantic import Field

from tunesmith.schemas.inference import ServedModel
from tunesmith.schemas.models import Probe
from tunesmith.schemas.shape import Frozen, Shape

MAX_PROBES = 8


class ParityCall(Shape):
    served: ServedModel
    probes: list[Probe] = Field(min_length=1, max_length=MAX_PROBES)


class ProbeAnswer(Frozen):
    """What an engine makes of one probe."""

    prompt_ids: list[int] = Field(default_factory=list[int])
    """The prompt as the engine renders it for a request."""
    output_ids: list[int] | None = None
    """Decoded greedily, as many as the probe has at most, a final end token among them."""
    behind: list[float] | None = None
    """Where the outputs differ and the prompts do not: for each token of the probe's output, how far its
    log-probability lies below that of the engine's first choice there (nats), after the probe's tokens before it."""
    vector: list[float] | None = None
    probabilities: dict[str, float] | None = None
    refused: str | None = None
    """Why the engine cannot be asked this."""


class ParityReply(Shape):
    answers: list[ProbeAnswer]
    """One a probe, in order."""
