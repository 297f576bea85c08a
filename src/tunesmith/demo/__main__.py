"""`python -m tunesmith.demo ID FOLDER`: writes a run's files, and prints as JSON what `apart.py` reads.

A program of its own, since reading the documentation imports the whole standard library.
"""

import json
import sys
from pathlib import Path

from tunesmith.demo.examples import RUNS


def main(run_id: str, folder: str) -> None:
    run = next(each for each in RUNS if each.id == run_id)
    written = run.write(Path(folder))
    print(json.dumps({"files": [path.name for path in written.paths], "source": written.source}))


if __name__ == "__main__":
    main(*sys.argv[1:])
