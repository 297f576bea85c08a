"""`tunesmith classify`: the class of each text."""

from typing import Annotated

import typer

from tunesmith.cli.command import Cli, client_command
from tunesmith.cli.texts import texts_of


def register(app: typer.Typer) -> None:
    client_command(app, "classify")(classify)


def classify(
    cli: Cli,
    model: Annotated[str, typer.Argument(help="A model tuned for classification: tunesmith models ls.")],
    texts: Annotated[list[str], typer.Argument(metavar="TEXT...|-", help="Texts; - reads them, one a line.")],
) -> None:
    """Tell the classes of texts."""
    rows: list[tuple[str, str, str]] = []
    for batch in texts_of(texts):
        reply = cli.client.classify.create(model=model, input=batch)
        if cli.as_json:
            cli.json(reply)
            continue
        for text, found in zip(batch, reply.data, strict=True):
            shares = [f"{found.probabilities[label]:.3f}" for label in found.labels or list(found.probabilities)[:1]]
            rows.append((", ".join(found.labels) or "-", ", ".join(shares), text))
    if not cli.as_json:
        cli.table(["LABEL", "PROBABILITY", "TEXT"], rows, empty="No texts.")
