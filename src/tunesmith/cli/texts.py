"""The texts that a command works on: given as arguments, or piped in with `-`, one a line."""

import sys
from collections.abc import Iterator, Sequence

import typer

BATCH = 256
"""Texts of one request: a long file is answered while it is still being read."""


def texts_of(given: Sequence[str]) -> Iterator[list[str]]:
    """The texts in batches, in order. Raises BadParameter when there are none; empty lines are passed over."""
    if list(given) != ["-"]:
        for start in range(0, len(given), BATCH):
            yield list(given[start : start + BATCH])
        return
    batch: list[str] = []
    found = False
    for line in sys.stdin:
        if text := line.rstrip("\r\n"):
            found = True
            batch.append(text)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
    if not found:
        raise typer.BadParameter("There is no text. Pipe in one a line.")
