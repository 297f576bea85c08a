"""From an exception to the record of why a run failed. No torch: its errors are told by name."""

from tunesmith.base_models.errors import BaseModelMissing, PromptUnsupported
from tunesmith.schemas.errors import Invalid, RecordInvalid, TunesmithError, UnsafeWeights
from tunesmith.schemas.training import FailureClass, TrainingFailure

MAX_MESSAGE = 8000


def failure_of(error: Exception) -> TrainingFailure:
    """The failure's class (the server decides on a retry by it), code and message with the next step."""
    if _is_out_of_memory(error):
        return TrainingFailure(
            failure_class="oom",
            code="out_of_memory",
            message="The run needed more memory than the machine has. Use a smaller batch_size or max_seq_len, "
            f"adaptation lora, or a worker with more memory. ({str(error)[:500]})",
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
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    # torch's CPU allocator raises a plain RuntimeError with this text.
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
