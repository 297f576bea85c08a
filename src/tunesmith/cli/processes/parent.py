"""A supervised process ends with its supervisor, even when that is killed and cannot say goodbye."""

import ctypes
import os
import signal
import sys
import threading
import time

SUPERVISOR = "TUNESMITH_SUPERVISOR_PID"
_PR_SET_PDEATHSIG = 1
_POLL_S = 1.0


def end_with_supervisor() -> None:
    """SIGTERM reaches this process when `up` dies. Does nothing in a process that `up` did not start."""
    supervisor = os.environ.pop(SUPERVISOR, None)
    if supervisor is None:
        return
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != int(supervisor):  # it died before the line above
            sys.exit(1)
        return
    threading.Thread(target=_watch, args=(int(supervisor),), daemon=True).start()


def _watch(supervisor: int) -> None:
    while os.getppid() == supervisor:
        time.sleep(_POLL_S)
    os.kill(os.getpid(), signal.SIGTERM)
