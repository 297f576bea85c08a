"""Prints constraints.txt for what is installed: exact pins of the whole closure of `.[train,dev]`.

Run it in a virtual environment that was just installed and tested: `.venv/bin/python scripts/pin.py > constraints.txt`.
"""

import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.metadata import requires as requirements_of

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = "tunesmith[train,dev]"
ELSEWHERE = {"colorama": "0.4.6", "tzdata": "2026.6"}
"""Asked for on Windows alone, so a Linux environment cannot tell their versions."""
HEAD = """\
# Exact versions that a release was tested with: pip install -c constraints.txt '.[train,dev]'
# Made by scripts/pin.py. A pin holds only where its package is needed; the CUDA packages of torch are pinned by torch.
"""


def main() -> None:
    pins = ELSEWHERE | dict(closure(Requirement(ROOT)))
    sys.stdout.write(HEAD)
    for name in sorted(pins):
        sys.stdout.write(f"{name}=={pins[name]}\n")


def closure(root: Requirement) -> Iterator[tuple[str, str]]:
    """(name, version) of everything `root` needs here, without `root`; a local part such as +cpu is left off."""
    waiting = [root]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        wanted = waiting.pop()
        name, extras = canonicalize_name(wanted.name), frozenset(wanted.extras)
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        if wanted is not root:
            yield name, Version(installed(wanted.name)).public
        for line in requirements_of(wanted.name) or ():
            needed = Requirement(line)
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras or {""}):
                waiting.append(needed)


def installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError as e:
        raise SystemExit(f"{name} is needed and not installed: run make install first") from e


if __name__ == "__main__":
    main()
