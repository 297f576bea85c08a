"""Classification: of each input the likeliest class, and the probability of every one."""

import torch

from tunesmith.engines.base import Encoder
from tunesmith.engines.inputs import rows_of, usage
from tunesmith.schemas.encoding import Classification, ClassifyReply, ClassifyRequest
from tunesmith.schemas.errors import Internal, Invalid
from tunesmith.schemas.inference import ServedModel

THRESHOLD = 0.5
"""A class of a multi-label model is given above this probability, as in training's figures."""


async def classify(request: ClassifyRequest, served: ServedModel, model: Encoder) -> ClassifyReply:
    """The classes of each input. Raises Invalid."""
    classes = model.classes
    if classes is None:
        raise Invalid(f"'{served.name}' has no classes. Call POST /v1/embeddings with it.", param="model")
    rows = await rows_of(request.input, model)
    logits = await model.encode(rows)
    if not torch.isfinite(logits).all():
        raise Internal(f"'{served.name}' answers with numbers that are none (NaN): its weights are broken.")
    probabilities = logits.sigmoid() if classes.multi_label else logits.softmax(dim=-1)
    data = [
        _answer(i, dict(zip(classes.labels, values, strict=True)), multi_label=classes.multi_label)
        for i, values in enumerate(probabilities.tolist())
    ]
    return ClassifyReply(data=data, model=served.name, usage=usage(rows))


def _answer(index: int, by_label: dict[str, float], *, multi_label: bool) -> Classification:
    ordered = dict(sorted(by_label.items(), key=lambda item: -item[1]))
    labels = [label for label, p in ordered.items() if p > THRESHOLD] if multi_label else list(ordered)[:1]
    return Classification(index=index, label=labels[0] if labels else None, labels=labels, probabilities=ordered)
