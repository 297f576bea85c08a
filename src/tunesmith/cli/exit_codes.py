"""Exit codes that mean something, and which error means which."""

DONE = 0
FAILED = 1
USAGE = 2
REFUSED = 3
UNREACHABLE = 4
INTERRUPTED = 130


class WorkFailed(Exception):
    """The server did what was asked and the work itself failed: a failed job, a worse model. The message says why."""


def code_of(error: Exception) -> int | None:
    """The exit code of a foreseen error; None for one that is a fault of ours and should show its trace."""
    from tunesmith.schemas.errors import TunesmithError

    if isinstance(error, TunesmithError):
        from tunesmith.client import ServerUnreachable

        if isinstance(error, ServerUnreachable):
            return UNREACHABLE
        return REFUSED if error.status < 500 else FAILED
    return FAILED if isinstance(error, OSError) else None
