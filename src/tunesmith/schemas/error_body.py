"""How an error looks on the wire under /v1; under /worker/v1 it is `schemas.worker.Problem`."""

from tunesmith.schemas.shape import Shape


class ErrorObject(Shape):
    """What happened and the next step; `param` names the field at fault, `code` is stable."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorBody(Shape):
    """OpenAI's error body: all four keys are always there."""

    error: ErrorObject
