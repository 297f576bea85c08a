"""`tunesmith embed`: vectors of texts as JSON lines, or how near each text is to a question."""

import json
import math
from typing import Annotated

import typer

from tunesmith.cli.command import Cli, client_command
from tunesmith.cli.texts import texts_of


def register(app: typer.Typer) -> None:
    client_command(app, "embed")(embed)


def embed(
    cli: Cli,
    model: Annotated[str, typer.Argument(help="An embedding model: tunesmith models ls.")],
    texts: Annotated[list[str], typer.Argument(metavar="TEXT...|-", help="Texts; - reads them, one a line.")],
    query: Annotated[str | None, typer.Option(help="Print how near each text is to this one instead.")] = None,
    dimensions: Annotated[int | None, typer.Option(min=1, help="Leading dimensions to keep.")] = None,
    input_type: Annotated[str | None, typer.Option(help="query or passage, for models with prefixes.")] = None,
) -> None:
    """Turn texts into vectors."""
    if query is None:
        _vectors(cli, model, texts, dimensions, input_type)
    else:
        _similarities(cli, model, texts, query, dimensions)


def _vectors(cli: Cli, model: str, texts: list[str], dimensions: int | None, input_type: str | None) -> None:
    """One JSON line a text, or with --json the API's own object, one a request."""
    for batch in texts_of(texts):
        reply = cli.client.embeddings.create(
            model=model, input=batch, dimensions=dimensions, input_type=input_type, encoding_format="float"
        )
        if cli.as_json:
            cli.json(reply)
            continue
        for text, vector in zip(batch, reply.vectors, strict=True):
            typer.echo(json.dumps({"text": text, "embedding": vector}, ensure_ascii=False))


def _similarities(cli: Cli, model: str, texts: list[str], query: str, dimensions: int | None) -> None:
    """Cosine similarities, the nearest text first; question and texts carry the model's own prefixes."""
    question = cli.client.embeddings.create(model=model, input=query, dimensions=dimensions, input_type="query")
    found: list[tuple[float, str]] = []
    for batch in texts_of(texts):
        reply = cli.client.embeddings.create(model=model, input=batch, dimensions=dimensions, input_type="passage")
        found += [
            (cosine(question.vectors[0], vector), text) for text, vector in zip(batch, reply.vectors, strict=True)
        ]
    found.sort(key=lambda each: -each[0])
    if cli.as_json:
        for similarity, text in found:
            typer.echo(json.dumps({"similarity": similarity, "text": text}, ensure_ascii=False))
    else:
        cli.table(["SIMILARITY", "TEXT"], [(f"{s:.4f}", text) for s, text in found], empty="No texts.")


def cosine(a: list[float], b: list[float]) -> float:
    """From -1 to 1; 0 where one of the vectors is all zeros."""
    lengths = math.sqrt(math.fsum(x * x for x in a)) * math.sqrt(math.fsum(x * x for x in b))
    return math.fsum(x * y for x, y in zip(a, b, strict=True)) / lengths if lengths else 0.0
