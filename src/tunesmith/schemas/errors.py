"""The one tree of errors, from the database to the SDK.

TunesmithError
├─ Invalid 400           SpecInvalid(param) · RecordInvalid(line, param) · Unsupported (not offered yet)
│  ├─ StateConflict      the job or model is in a state that forbids the step
│  └─ InUse              something else still needs it
├─ Unauthenticated 401 · Forbidden 403 (worker and lease tokens only)
├─ NotFound 404          FileNotFound · JobNotFound · ModelNotFound · (absent or another project's: the same answer)
├─ MethodNotAllowed 405
├─ WorkerConflict 409    LeaseLost · AlreadyTerminal · OffsetMismatch · InFlight   (only under /worker/v1)
├─ Gone 410 · TooLarge 413 · Unprocessable 422 (ChecksumMismatch, StreamConflict) · WorkerTooOld 426
├─ LimitReached 429 (retryable)
├─ Internal 500
├─ Unavailable 503 (retryable)   NoEngine · EngineStarting
└─ StorageFull 507 (retryable)

A message says what happened, to which id, line or field, and the next step.
"""

from typing import ClassVar


class TunesmithError(Exception):
    """Root of the tree. `code`, `status` and `retryable` are facts of the class; `param` names the field at fault."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False
    type: ClassVar[str] = "server_error"

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.error_code = code or self.code

    def body(self) -> dict[str, dict[str, str | None]]:
        """OpenAI's error body; all four keys are always there."""
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.error_code}}


class Invalid(TunesmithError):
    """The request cannot be understood or breaks a bound."""

    code = "invalid_value"
    status = 400
    type = "invalid_request_error"


class SpecInvalid(Invalid):
    """A field of a job's spec is wrong; `param` names it."""


class RecordInvalid(Invalid):
    """A line of a training file is wrong."""

    code = "invalid_training_file"

    def __init__(self, message: str, *, line: int = 0, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message, param=param, code=code)
        self.line = line


class Unsupported(Invalid):
    """A parameter that OpenAI has and this version does not; never silently ignored."""

    code = "unsupported_parameter"


class StateConflict(Invalid):
    """The thing is in a state that forbids the step. 400, since OpenAI clients retry a 409."""

    code = "invalid_state"


class InUse(Invalid):
    """Something else still needs the thing."""

    code = "in_use"


class Unauthenticated(TunesmithError):
    """No key, or one that is unknown, revoked or expired."""

    code = "invalid_api_key"
    status = 401
    type = "invalid_request_error"


class Forbidden(TunesmithError):
    """A key of the wrong kind, or a lease token used on another job."""

    code = "wrong_key"
    status = 403
    type = "invalid_request_error"


class NotFound(TunesmithError):
    """Absent, or not the caller's: the answer is the same."""

    code = "not_found"
    status = 404
    type = "invalid_request_error"


class FileNotFound(NotFound):
    """No such file, or not the caller's."""

    def __init__(self, file_id: str) -> None:
        super().__init__(f"No such File object: {file_id}", param="id")


class JobNotFound(NotFound):
    """No such job, or not the caller's."""

    code = "fine_tune_not_found"

    def __init__(self, job_id: str) -> None:
        super().__init__(f"Could not find fine tune: {job_id}", param="fine_tune_id")


class ModelNotFound(NotFound):
    """No such model, or not the caller's."""

    code = "model_not_found"

    def __init__(self, model: str) -> None:
        super().__init__(
            f"The model '{model}' does not exist or you do not have access to it. "
            "GET /v1/models lists what this key can use.",
            param="model",
        )


class MethodNotAllowed(TunesmithError):
    """The path has no such method."""

    code = "method_not_supported"
    status = 405
    type = "invalid_request_error"


class WorkerConflict(TunesmithError):
    """A worker's call lost a race. Only under /worker/v1."""

    code = "conflict"
    status = 409
    type = "invalid_request_error"


class LeaseLost(WorkerConflict):
    """The lease ended or another worker holds the job: stop."""

    code = "lease_lost"


class AlreadyTerminal(WorkerConflict):
    """The job has ended otherwise; the message names its state: stop."""

    code = "already_terminal"


class OffsetMismatch(WorkerConflict):
    """Bytes were sent from the wrong place; the reply carries the true offset."""

    code = "offset_mismatch"

    def __init__(self, message: str, *, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


class InFlight(WorkerConflict):
    """The same request is being answered elsewhere; retry after a moment."""

    code = "in_flight"
    retryable = True


class Gone(TunesmithError):
    """The job was deleted."""

    code = "gone"
    status = 410
    type = "invalid_request_error"


class TooLarge(TunesmithError):
    """More bytes than the setting allows."""

    code = "too_large"
    status = 413
    type = "invalid_request_error"


class Unprocessable(TunesmithError):
    """Understood, and refused for what it says."""

    code = "unprocessable"
    status = 422
    type = "invalid_request_error"


class ChecksumMismatch(Unprocessable):
    """The bytes do not have the sha256 that was announced."""

    code = "checksum_mismatch"


class UnsafeWeights(Unprocessable):
    """An artifact that is not safetensors, or carries code; the message says how to convert."""

    code = "unsafe_weights"


class StreamConflict(Unprocessable):
    """The same sequence number arrived with different content."""

    code = "stream_conflict"


class WorkerTooOld(TunesmithError):
    """The worker speaks an older protocol; install the server's version."""

    code = "worker_too_old"
    status = 426
    type = "invalid_request_error"


class LimitReached(TunesmithError):
    """A quota or rate is used up; retry after the time in the reply."""

    code = "rate_limit_exceeded"
    status = 429
    retryable = True
    type = "rate_limit_error"


class Internal(TunesmithError):
    """Our fault; the message carries an incident id that is also in the log."""


class Unavailable(TunesmithError):
    """Not now; try again."""

    code = "unavailable"
    status = 503
    retryable = True


class NoEngine(Unavailable):
    """No engine is connected that could answer."""

    code = "no_engine"


class EngineStarting(Unavailable):
    """An engine is there and still loading."""

    code = "engine_starting"


class StorageFull(TunesmithError):
    """The disk or bucket is full; the worker keeps training and retries."""

    code = "storage_full"
    status = 507
    retryable = True


def _all_classes(root: type[TunesmithError]) -> list[type[TunesmithError]]:
    found = [root]
    for child in root.__subclasses__():
        found += _all_classes(child)
    return found


def error_classes() -> list[type[TunesmithError]]:
    """Every class of the tree, the root first: docs and tests walk it."""
    return _all_classes(TunesmithError)
