"""How a peer's script is told what to do: a JSON line in, a JSON line out. Runs in the peer's environment."""

import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any


def serve(commands: Mapping[str, Callable[..., Any]]) -> None:
    """Answers commands until stdin ends. What the peer itself prints goes to stderr."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for line in sys.stdin:
        arguments = json.loads(line)
        answer = commands[arguments.pop("command")](**arguments)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
