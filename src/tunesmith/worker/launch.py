"""Becomes the training program: `python launch.py PARENT_PID program args...`, run as a file so that it starts at once.

On Linux the program dies with its worker, and the kernel takes it before the server or the database when memory runs
out. Both are set here, in the child itself, because code between fork and exec in a process with threads can hang.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
OOM_SCORE_ADJ = "800"


def main(parent: int, command: list[str]) -> None:
    """Replaces this process by the command."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # the worker died before the line above
            sys.exit(1)
        try:
            with open("/proc/self/oom_score_adj", "w") as f:
                f.write(OOM_SCORE_ADJ)
        except OSError as error:
            print(f"oom_score_adj could not be set: {error}", file=sys.stderr)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(f"The training program {command[0]} cannot be started: {error.strerror}.")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
