"""`tunesmith generate`: new protein sequences, ranked."""

from typing import TYPE_CHECKING, Annotated

import typer

from tunesmith.cli.command import Cli, client_command

if TYPE_CHECKING:
    from tunesmith.schemas.inference import GeneratedSequence, GenerateReply


def register(app: typer.Typer) -> None:
    client_command(app, "generate")(generate)


def generate(
    cli: Cli,
    model: Annotated[str, typer.Argument(help="A protein model: tunesmith models ls.")],
    n: Annotated[int, typer.Option("-n", "--number", help="Sequences.", min=1, max=100)] = 5,
    prompt: Annotated[str, typer.Option(help="Residues to start from.")] = "",
    max_residues: Annotated[int | None, typer.Option(min=1)] = None,
    temperature: Annotated[float | None, typer.Option(min=0)] = None,
    top_k: Annotated[int | None, typer.Option(min=1)] = None,
    top_p: Annotated[float | None, typer.Option(min=0, max=1)] = None,
    repetition_penalty: Annotated[float | None, typer.Option(min=0)] = None,
    seed: Annotated[int | None, typer.Option()] = None,
    fasta: Annotated[bool, typer.Option("--fasta", help="Print FASTA.")] = False,
) -> None:
    """Generate protein sequences, best perplexity first."""
    wanted: dict[str, object] = {
        "max_residues": max_residues,
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "repetition_penalty": repetition_penalty,
        "seed": seed,
    }
    options = {name: value for name, value in wanted.items() if value is not None}
    if fasta:
        typer.echo(cli.client.generate.fasta(model=model, n=n, prompt=prompt, **options), nl=False)
        return
    reply = cli.client.generate.create(model=model, n=n, prompt=prompt, **options)
    if cli.as_json:
        cli.json(reply)
    else:
        show_sequences(cli, reply)


def show_sequences(cli: Cli, reply: "GenerateReply") -> None:
    """The ranked table, then each sequence whole."""
    cli.table(
        ["RANK", "LENGTH", "PERPLEXITY", "CONFIDENCE", "NEAREST IN TRAINING", "ENDED", "RESIDUES"],
        [
            (s.rank, s.length, f"{s.perplexity:.2f}", f"{s.confidence:.2f}", _nearest(s), s.finish_reason, _check(s))
            for s in reply.data
        ],
        empty="No sequences.",
    )
    if cli.out.is_terminal:
        for sequence in reply.data:
            cli.print(f">{sequence.rank}")
            cli.print(sequence.sequence)
    else:
        for sequence in reply.data:
            typer.echo(f">{sequence.rank}\n{sequence.sequence}")


def _nearest(found: "GeneratedSequence") -> str | None:
    if found.nearest_identity is None:
        return None
    return f"{100 * found.nearest_identity:.0f} %" + (f" {found.nearest_id}" if found.nearest_id else "")


def _check(found: "GeneratedSequence") -> str:
    return "valid" if found.valid else "invalid: " + ", ".join(f"{r} x{n}" for r, n in found.invalid_residues.items())
