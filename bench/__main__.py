"""`python -m bench [NAME ...] [--quick]`: every bench one after another, or those that are named."""

import argparse
import importlib
import signal
import sys
import time
from types import FrameType

from bench.tables import console

BENCHES = ("queue", "metrics", "latency", "start", "upload", "child")


def main(argv: list[str] | None = None) -> int:
    """Runs the benches; the exit code is 1 when one of them could not be run."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure Tunesmith against its peers.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(BENCHES)}; all when left out")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and smaller ones: to see that they run")
    args = parser.parse_args(argv)
    unknown = [name for name in args.names if name not in BENCHES]
    if unknown:
        parser.error(f"no bench is called {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    signal.signal(signal.SIGTERM, _end)
    failed = [name for name in args.names or BENCHES if not _run(name, quick=args.quick)]
    if failed:
        console.print(f"could not be run: {', '.join(failed)}", style="red")
    return 1 if failed else 0


def _run(name: str, *, quick: bool) -> bool:
    began = time.monotonic()
    try:
        importlib.import_module(f"bench.{name}").run(quick=quick)
    except Exception:  # noqa: BLE001 -- one bench that breaks must not keep the others from running
        console.print_exception()
        return False
    console.print(f"{name}: {time.monotonic() - began:.0f} s\n", style="dim")
    return True


def _end(number: int, _frame: FrameType | None) -> None:
    """Leaves by an exception, so that servers and folders of the bench go with it."""
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
