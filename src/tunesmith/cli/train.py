"""`tunesmith train`: from a file to a running job, and with --follow to its end."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from tunesmith.cli.command import Cli, client_command
from tunesmith.cli.estimate import show_estimate
from tunesmith.cli.files import upload
from tunesmith.cli.follow import follow, require_success
from tunesmith.cli.job_file import IDS, read_job


def register(app: typer.Typer) -> None:
    client_command(app, "train")(train)


def train(
    cli: Cli,
    file: Annotated[
        str | None, typer.Argument(help="A file to upload, or the id of one (file-...) or of a data set (ds_...).")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Base model, or a tuned one to go on from: tunesmith models catalog.")
    ] = None,
    job_file: Annotated[
        Path | None, typer.Option("--file", help="The whole job as YAML, as `tunesmith jobs script` writes it.")
    ] = None,
    task: Annotated[
        Literal["chat", "classification", "embedding", "protein"] | None, typer.Option(help="Else told from the file.")
    ] = None,
    method: Annotated[
        Literal["supervised", "dpo"] | None,
        typer.Option(help="dpo learns from pairs of a better and a worse answer; supervised unless told."),
    ] = None,
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
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Any other hyperparameter; may be given several times."),
    ] = None,
    suffix: Annotated[str | None, typer.Option(help="Part of the new model's name.")] = None,
    seed: Annotated[int | None, typer.Option(min=0)] = None,
    name: Annotated[str | None, typer.Option(help="What you call the job.")] = None,
    priority: Annotated[
        Literal["low", "normal", "high"] | None, typer.Option(help="Which waiting job goes first.")
    ] = None,
    project: Annotated[str | None, typer.Option(help="The project that the job belongs to; else your key's.")] = None,
    output_model: Annotated[str | None, typer.Option(help="Hub repository user/model-name to push to.")] = None,
    output_weights: Annotated[
        Literal["adapter", "merged"] | None, typer.Option(help="What is pushed; the adapter unless told.")
    ] = None,
    metadata: Annotated[str | None, typer.Option(help='Labels as a JSON object: \'{"team": "a"}\'.')] = None,
    follow_it: Annotated[bool, typer.Option("--follow", help="Show progress until the job has ended.")] = False,
    only_estimate: Annotated[
        bool, typer.Option("--estimate", help="Tell memory, time and fitting workers; start nothing.")
    ] = False,
) -> None:
    """Fine-tune MODEL on FILE, or start the job that a YAML --file says."""
    numbers = {
        "n_epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "lora_rank": lora_rank,
        "max_seq_len": max_seq_len,
    }
    told = {
        "training_file": file,
        "model": model,
        "validation_file": validation,
        "method": _method(method, _given(numbers) | _settings(set_ or (), numbers)),
        "task": task,
        "adaptation": adaptation,
        "validation_split": validation_split,
        "suffix": suffix,
        "seed": seed,
        "name": name,
        "priority": priority,
        "project": project,
        "output_model": output_model,
        "output_weights": output_weights,
        "metadata": _object(metadata),
    }
    _start(cli, _with_files(cli, _body(job_file, _given(told))), follow_it=follow_it, only_estimate=only_estimate)


def _start(cli: Cli, body: Mapping[str, Any], *, follow_it: bool, only_estimate: bool) -> None:
    if only_estimate:
        show_estimate(cli, cli.client.jobs.estimate_from(body))
        return
    job = cli.client.jobs.create_from(body)
    if follow_it:
        require_success(follow(cli, job.id))
    elif cli.as_json:
        cli.json(job)
    else:
        cli.print(f"{job.id} is {job.status}. Watch it: tunesmith jobs watch {job.id}")


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _body(job_file: Path | None, told: dict[str, Any]) -> dict[str, Any]:
    """The job's body by the options, or by the YAML file alone."""
    if job_file is not None:
        if told:
            words = ", ".join(sorted(told))
            raise typer.BadParameter(f"--file says the whole job. Write into it what you gave beside it: {words}")
        return read_job(job_file)
    for key, what in (("training_file", "FILE"), ("model", "--model")):
        if key not in told:
            raise typer.BadParameter(f"{what} is missing. Give FILE and --model, or the whole job by --file job.yaml.")
    return told


def _method(kind: str | None, hyperparameters: Mapping[str, Any]) -> dict[str, Any] | None:
    """OpenAI's method object; None where nothing was said of it."""
    if kind is None and not hyperparameters:
        return None
    kind = kind or "supervised"
    return {"type": kind, kind: {"hyperparameters": dict(hyperparameters)}}


def _settings(pairs: Sequence[str], others: Mapping[str, Any]) -> dict[str, Any]:
    """NAME=VALUE pairs; a value is read as JSON, and as a word where it is none."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"--set takes NAME=VALUE, not {pair}. docs/reference/hyperparameters.md has all.")
        if name in found or others.get(name) is not None:
            raise typer.BadParameter(f"{name} is given twice")
        try:
            found[name] = json.loads(text)
        except json.JSONDecodeError:
            found[name] = text
    return found


def _object(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise typer.BadParameter("""--metadata takes a JSON object of texts, such as '{"team": "a"}'""")
    return found  # pyright: ignore[reportUnknownVariableType]


def _with_files(cli: Cli, body: dict[str, Any]) -> dict[str, Any]:
    """The body with ids in place of paths: files are uploaded, once all of them are known to be there."""
    named = {key: body[key] for key in ("training_file", "validation_file") if body.get(key)}
    for given in named.values():
        _require(given)
    return body | {key: _file_id(cli, given) for key, given in named.items()}


def _require(given: str) -> None:
    """Raises BadParameter when it is neither a file nor an id."""
    if not given.startswith(IDS) and not Path(given).is_file():
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
