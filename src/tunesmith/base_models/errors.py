"""What can be wrong with a base model, beside UnsafeWeights of the common tree."""

from tunesmith.schemas.errors import TunesmithError


class BaseModelMissing(TunesmithError):
    """The weights of a base model cannot be had here; the message says what to do."""

    code = "base_model_missing"
    status = 503


class PromptUnsupported(TunesmithError):
    """The tokenizer lacks what the prompt needs, such as a chat template or an end token."""

    code = "prompt_unsupported"
    status = 400
    type = "invalid_request_error"
