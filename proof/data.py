"""The files that the runs train on: documentation of Python in four shapes, and families of proteins."""

import hashlib
import json
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from tunesmith.demo import documentation
from tunesmith.schemas.datasets import FileFormat
from tunesmith.schemas.training import InputFile

SEED = 0
Records = Iterable[dict[str, Any]]


@dataclass(frozen=True)
class Files:
    """A run's training file and, where whole modules are held out, the validation file of these."""

    training: InputFile
    validation: InputFile | None = None


Write = Callable[[Path, bool], Files]
"""Writes a run's files into the folder, fewer records where told to be quick."""


def chats(folder: Path, quick: bool) -> Files:
    """Questions and documented sentences: 320 to train on, 80 of modules that none of those is of."""
    train, held_out = documentation.sample(*((32, 16) if quick else (320, 80)), seed=SEED)
    return _both(folder, map(documentation.chat_record, train), map(documentation.chat_record, held_out))


def preferences(folder: Path, quick: bool) -> Files:
    """The true sentence preferred to that of another function of the module; held out as with the chats."""
    train, held_out = documentation.preferences(*((24, 16) if quick else (320, 120)), seed=SEED)
    return _both(folder, train, held_out)


def pairs(folder: Path, quick: bool) -> Files:
    """A sentence and the name and signature that it documents, of all pairs; whole modules held out."""
    train, held_out = documentation.search_pairs()
    return _both(folder, *((_some(train, 640), _some(held_out, 320)) if quick else (train, held_out)))


def labelled(folder: Path, quick: bool) -> Files:
    """Sentences with the field that their module belongs to. Held out at random by the run, since the module is what
    decides the field."""
    return Files(_jsonl(folder / "train.jsonl", _some(documentation.labelled(), 260 if quick else 1300)))


def family(name: str) -> Write:
    """Sequences of a protein family; the run holds out by identity."""

    def write(folder: Path, quick: bool) -> Files:
        source = Path(str(files("tunesmith.demo") / "proteins" / f"{name}.fasta")).read_text()
        entries = [f">{entry}" for entry in source.split(">")[1:]]
        if quick:
            entries = _some(entries, 48)
        path = folder / "train.fasta"
        path.write_text("".join(entries))
        return Files(_input(path, "fasta"))

    return write


def _some(records: list[Any], n: int) -> list[Any]:
    return random.Random(SEED).sample(records, min(n, len(records)))


def _both(folder: Path, train: Records, held_out: Records) -> Files:
    return Files(_jsonl(folder / "train.jsonl", train), _jsonl(folder / "held-out.jsonl", held_out))


def _jsonl(path: Path, records: Records) -> InputFile:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return _input(path, "jsonl")


def _input(path: Path, file_format: FileFormat) -> InputFile:
    return InputFile(path=str(path), format=file_format, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
