"""The demonstration's runs: what they train on and how. The command line and the server's page start the same ones."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from tunesmith.schemas.shape import Adaptation, Task

FAMILY = "lactate_dehydrogenase"
N_TRAIN, N_HELD_OUT = 320, 80


@dataclass(frozen=True)
class Written:
    """Files of a run: training, and where there is one validation, in that order; and where they are from."""

    paths: list[Path]
    source: str


@dataclass(frozen=True)
class DemoRun:
    """One run on real data that comes with Tunesmith. `write` puts its files into a folder; `apart.py` has that done
    by a program of its own."""

    id: str
    title: str
    description: str
    dataset: str
    """Name of its data set."""
    task: Task
    model: str
    adaptation: Adaptation
    hyperparameters: Mapping[str, Any]
    validation_split: float | None
    """Share that is held out where there is no validation file."""
    suffix: str
    n_records: int
    expected_s: float
    """On two CPU cores with nothing else to do (docs/log.md)."""
    licence: str
    write: Callable[[Path], Written]
    seed: int = 1


def write_family(folder: Path) -> Written:
    """The sequences of the family, as they come with the package."""
    path = folder / f"{FAMILY}.fasta"
    path.write_bytes((files("tunesmith.demo") / "proteins" / path.name).read_bytes())
    return Written([path], "UniProtKB/Swiss-Prot")


def write_documentation(folder: Path) -> Written:
    """Questions with answers to train on, and those of other modules.

    Imports the whole standard library, and reads a little else in a process that has changed some of it.
    """
    from tunesmith.demo import documentation

    written: list[Path] = []
    for name, pairs in zip(("train", "held-out"), documentation.sample(N_TRAIN, N_HELD_OUT), strict=True):
        path = folder / f"documentation-{name}.jsonl"
        path.write_text("".join(json.dumps(documentation.chat_record(pair)) + "\n" for pair in pairs))
        written.append(path)
    found = documentation.pairs()
    python = f"Python {sys.version_info.major}.{sys.version_info.minor}"
    return Written(written, f"{len(found.pairs):,} documented names in {found.n_modules} modules of {python}")


PROTEIN = DemoRun(
    id="protein-family",
    title="A protein model learns a family",
    description="244 sequences of one enzyme, lactate dehydrogenase. Before, the model hardly knows it; afterwards it "
    "predicts members that it never saw, and writes new ones.",
    dataset="Lactate dehydrogenase",
    task=Task.PROTEIN,
    model="protein-mini",
    adaptation=Adaptation.FULL,
    hyperparameters={"n_epochs": 6, "batch_size": 16, "learning_rate": 1e-3},
    # Half at random, half in clusters that no training sequence is near to.
    validation_split=0.26,
    suffix=FAMILY.replace("_", "-"),
    n_records=244,
    expected_s=80.0,
    licence="UniProtKB/Swiss-Prot, CC BY 4.0 (The UniProt Consortium)",
    write=write_family,
)
CHAT = DemoRun(
    id="python-manual",
    title="A chat model learns to answer like a manual",
    description="320 questions about Python's standard library with the first sentence of its documentation, and 80 "
    "about modules that none of those is of. Read from the Python that runs here.",
    dataset="Python documentation",
    task=Task.CHAT,
    model="smollm2-135m-instruct",
    adaptation=Adaptation.LORA,
    hyperparameters={"n_epochs": 1, "batch_size": 8, "learning_rate": 5e-4, "lora_rank": 16},
    validation_split=None,
    suffix="manual",
    n_records=N_TRAIN,
    expected_s=90.0,
    licence="Python documentation, PSF licence",
    write=write_documentation,
)
RUNS = (PROTEIN, CHAT)
"""By `id`."""
