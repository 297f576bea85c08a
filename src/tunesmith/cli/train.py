"""`tunesmith train`: from a file to a running job, and with --follow to its end."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from tunesmith.cli.command import Cli, client_command
from tunesmith.cli.estimate import show_estimate
from tunesmith.cli.files import upload
from tunesmith.cli.follow import follow, require_success


def register(app: typer.Typer) -> None:
    client_command(app, "train")(train)


def train(
    cli: Cli,
    file: Annotated[str, typer.Argument(help="A JSONL or FASTA file to upload, or the id of one (file-...).")],
    model: Annotated[str, typer.Option(help="Base model, or a tuned one to go on from: tunesmith models catalog.")],
    task: Annotated[
        Literal["chat", "classification", "embedding", "protein"] | None, typer.Option(help="Else told from the file.")
    ] = None,
    method: Annotated[
        Literal["supervised", "dpo"], typer.Option(help="dpo learns from pairs of a better and a worse answer.")
    ] = "supervised",
    adaptation: Annotated[
        Literal["lora", "qlora", "full"] | None, typer.Option(help="Which weights are trained.")
    ] = None,
    validation: Annotated[str | None, typer.Option(help="Held-out file, or the id of one.")] = None,
    validation_split: Annotated[
        float | None, typer.Option(help="Share held out when there is no --validation (0.1).", min=0, max=0.99)
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the data; else chosen by size.", min=1)] = None,
    batch_size: Annotated[int | None, typer.Option(help="Examples per optimiser step.", min=1)] = None,
    learning_rate: Annotated[float | None, typer.Option(min=0)] = None,
    lora_rank: Annotated[int | None, typer.Option(min=1)] = None,
    max_seq_len: Annotated[int | None, typer.Option(help="Tokens; longer examples are cut.", min=16)] = None,
    suffix: Annotated[str | None, typer.Option(help="Part of the new model's name.")] = None,
    seed: Annotated[int | None, typer.Option(min=0)] = None,
    follow_it: Annotated[bool, typer.Option("--follow", help="Show progress until the job has ended.")] = False,
    only_estimate: Annotated[
        bool, typer.Option("--estimate", help="Tell memory, time and fitting workers; start nothing.")
    ] = False,
) -> None:
    """Fine-tune MODEL on FILE."""
    hyperparameters: dict[str, Any] = {
        "n_epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "lora_rank": lora_rank,
        "max_seq_len": max_seq_len,
    }
    for given in filter(None, (file, validation)):
        _require(given)
    training_id = _file_id(cli, file)
    validation_id = _file_id(cli, validation) if validation else None
    wanted: dict[str, Any] = {
        "model": model,
        "training_file": training_id,
        "validation_file": validation_id,
        "method": method,
        "hyperparameters": {name: value for name, value in hyperparameters.items() if value is not None},
        "task": task,
        "adaptation": adaptation,
        "validation_split": validation_split,
    }
    if only_estimate:
        show_estimate(cli, cli.client.jobs.estimate(**wanted))
        return
    job = cli.client.jobs.create(**wanted, suffix=suffix, seed=seed)
    if follow_it:
        require_success(follow(cli, job.id))
    elif cli.as_json:
        cli.json(job)
    else:
        cli.print(f"{job.id} is {job.status}. Watch it: tunesmith jobs watch {job.id}")


def _require(given: str) -> None:
    """Raises BadParameter when it is neither a file nor an id."""
    if not given.startswith("file-") and not Path(given).is_file():
        raise typer.BadParameter(f"There is no file {given}. Give a path, or an id of `tunesmith files ls`.")


def _file_id(cli: Cli, given: str) -> str:
    """The id itself, or that of the file just uploaded."""
    path = Path(given)
    if not path.is_file():
        return given
    found = upload(cli, path)
    if not cli.as_json:
        cli.err.print(f"uploaded {path.name} as {found.id}")
    return found.id
