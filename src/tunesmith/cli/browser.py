"""The browser of who sits at this machine."""

import os
import subprocess
import sys

START_LIMIT_S = 10


def can_open() -> bool:
    """Whether somebody sits before a screen of this machine: a terminal, a display, and no connection from afar."""
    if not sys.stderr.isatty() or os.environ.get("SSH_CONNECTION"):
        return False
    return sys.platform in ("darwin", "win32") or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))


def open_page(url: str) -> bool:
    """Opens the address; False when no browser could be started.

    By a process in between that ends at once, so that the browser is nobody's child here: ending `up` ends its
    children, and the browser is the user's.
    """
    command = [sys.executable, "-c", "import sys, webbrowser; sys.exit(not webbrowser.open(sys.argv[1]))", url]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            timeout=START_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
