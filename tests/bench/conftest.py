"""`bench` lies beside `src` and is not installed: pytest run by its own name does not see it else."""

import sys
from pathlib import Path

ROOT = str(Path(__file__).parents[2])
if ROOT not in sys.path:
    sys.path.append(ROOT)
