"""From an exception to the record of why a run failed. No torch: its errors are told by name."""

import errno

from tunesmith.base_models.errors import BaseModelMissing, PromptUnsupported
from tunesmith.schemas.errors import Invalid, RecordInvalid, TunesmithError, UnsafeWeights
from tunesmith.schemas.training import FailureClass, TrainingFailure

MAX_MESSAGE = 8000
OUT_OF_MEMORY = (
    "can't allocate memory",
    "not enough memory",
    "Cannot allocate memory",
    "CUDA out of memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "std::bad_alloc",
)


def failure_of(error: Exception) -> TrainingFailure:
    """The failure's class (the server decides on a retry by it), code and message with the next step."""
    if _is_out_of_memory(error):
        return TrainingFailure(
            failure_class="oom",
            code="out_of_memory",
            message="The run needed more memory than the machine has. Use a smaller max_seq_len or batch_size, "
            "adaptation lora or qlora, or a worker with more memory. "
            f"({type(error).__name__}: {str(error).strip()[:500]})",
        )
    failure_class, code = _kind(error)
    text = error.message if isinstance(error, TunesmithError) else f"{type(error).__name__}: {error}"
    return TrainingFailure(failure_class=failure_class, code=code, message=text[:MAX_MESSAGE])


def _kind(error: Exception) -> tuple[FailureClass, str]:
    match error:
        case RecordInvalid() | PromptUnsupported():
            return "data", "bad_data"
        case BaseModelMissing():
            return "infra", "base_model_missing"
        case UnsafeWeights():
            return "user", "unsafe_weights"
        case Invalid():
            return "user", error.error_code
        case _:
            return "internal", "internal"


def _is_out_of_memory(error: Exception) -> bool:
    seen: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in seen:
        if _ran_out(cause):
            return True
        seen.append(cause)
        cause = cause.__cause__ or cause.__context__
    return False


def _ran_out(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    # torch's allocators, CUDA and its libraries raise plain RuntimeErrors with these texts.
    return isinstance(error, RuntimeError) and any(text in str(error) for text in OUT_OF_MEMORY)
