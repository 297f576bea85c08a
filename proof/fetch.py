"""`python -m proof.fetch KEY ...`: the bases' weights on this machine's disk, so that no run is timed with a download.

A process of its own: expanding a 4-bit file imports torch, whose memory the measuring process must not keep.
"""

import os
import sys

from tunesmith.base_models.catalog import load_catalog
from tunesmith.base_models.fetch import local_folder
from tunesmith.training.base_model import models_dir


def main(keys: list[str]) -> None:
    """Fetches each base that is not there yet."""
    catalog = load_catalog()
    for key in keys:
        local_folder(catalog.get(key), models_dir(), hub_token=os.environ.get("HF_TOKEN"), say=print)


if __name__ == "__main__":
    main(sys.argv[1:])
