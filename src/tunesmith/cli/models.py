"""`tunesmith models`: ls, show, catalog, download, push, export, rm."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tunesmith.cli.command import Cli, client_command
from tunesmith.cli.words import count, size, when

if TYPE_CHECKING:
    from tunesmith.schemas.models import Delivery, Estimate, ModelVersion, Parity

app = typer.Typer(help="Base models, and the models that jobs made of them.", rich_markup_mode=None)
app.callback()(lambda: None)
ModelId = Annotated[str, typer.Argument(metavar="MODEL", help="A tuned model, ft:...")]
TunedOrJob = Annotated[str, typer.Argument(metavar="MODEL", help="A tuned model, ft:..., or its job, ftjob-...")]


@client_command(app, "ls")
def ls(cli: Cli) -> None:
    """Models that this key can use."""
    page = cli.client.models.list()
    if cli.as_json:
        cli.json(page)
        return
    cli.table(
        ["MODEL", "TASK", "TUNED FROM", "OWNER", "CREATED"],
        [(m.id, m.task, m.parent, m.owned_by, when(m.created) if m.parent else None) for m in page.data],
        empty="No models. The catalogue should hold some: tunesmith doctor",
    )


@client_command(app, "catalog")
def catalog(cli: Cli) -> None:
    """Base models that can be tuned."""
    page = cli.client.models.catalog()
    if cli.as_json:
        cli.json(page)
        return
    cli.table(
        ["MODEL", "TASKS", "WEIGHTS", "CONTEXT", "MEMORY", "LICENCE", "FROM"],
        [
            (
                entry.key,
                ", ".join(entry.tasks),
                count(entry.parameters),
                f"{entry.context:,}",
                size(entry.needs_memory_bytes),
                entry.licence + (" (gated)" if entry.gated else ""),
                entry.source.type,
            )
            for entry in page.data
        ],
        empty="The catalogue is empty.",
    )


@client_command(app, "show")
def show(cli: Cli, model: ModelId) -> None:
    """A tuned model: where it came from, and base against tuned on held-out records."""
    if model.startswith("ft:"):
        found = cli.client.models.registry(model)
        if cli.as_json:
            cli.json(found)
        else:
            _show(cli, found)
        return
    base = cli.client.models.retrieve(model)
    if cli.as_json:
        cli.json(base)
    else:
        cli.fields([("model", base.id), ("task", base.task), ("owner", base.owned_by)])


@client_command(app, "download")
def download(
    cli: Cli,
    model: ModelId,
    to: Annotated[Path | None, typer.Option(help="Folder; by default one named after the model, here.")] = None,
) -> None:
    """Fetch a tuned model's files, each checked by sha256; run again to go on where it stopped."""
    folder = to or Path(_file_name(model))
    if cli.as_json:
        cli.client.models.download(model, folder)
        cli.json(cli.client.models.files(model))
        return
    with cli.err.status(f"downloading {model}"):
        paths = cli.client.models.download(model, folder)
    for path in paths:
        cli.print(str(path))


@client_command(app, "push")
def push(
    cli: Cli,
    model: TunedOrJob,
    repo: Annotated[str, typer.Argument(metavar="REPO", help="USER/NAME on the hub; made, private, when new.")],
    merged: Annotated[bool, typer.Option("--merged", help="Fold an adapter into its base first.")] = False,
) -> None:
    """Push a tuned model to the hub, with this machine's HF_TOKEN (and HF_ENDPOINT)."""
    from tunesmith.cli import delivery
    from tunesmith.schemas.models import Delivery

    with delivery.fetched(cli, model) as here:
        more = ["--merged", "--base", str(here.base)] if merged else []
        done = delivery.run(cli, f"pushing to {repo}", "push", str(here.folder), repo, *more)
    if cli.as_json and done.found is not None:
        cli.json(Delivery.model_validate(done.found))
    if done.code:
        raise delivery.failed(done)
    if not cli.as_json:
        pushed = Delivery.model_validate(done.found)
        cli.print(str(pushed.url))
        cli.err.print(pushed.note, markup=False)


@client_command(app, "export")
def export(
    cli: Cli,
    model: TunedOrJob,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to write; made when it is not there.")],
    merged: Annotated[
        bool, typer.Option("--merged", help="Whole weights: an adapter is folded into its base.")
    ] = False,
    gguf: Annotated[
        bool, typer.Option("--gguf", help="A GGUF file of the whole weights, by llama.cpp (TUNESMITH_LLAMA_CPP).")
    ] = False,
) -> None:
    """Write a tuned model as a folder for transformers, or as GGUF for llama.cpp."""
    from tunesmith.cli import delivery

    with delivery.fetched(cli, model) as here:
        wanted = [*(["--merged"] if merged else []), *(["--gguf", "--name", _file_name(here.name)] if gguf else [])]
        target = str(folder.absolute())
        done = delivery.run(
            cli, f"exporting {here.name}", "export", str(here.folder), target, "--base", str(here.base), *wanted
        )
    if done.code or done.found is None:
        raise delivery.failed(done)
    if cli.as_json:
        typer.echo(json.dumps(done.found))
    else:
        for name in done.found["files"]:
            cli.print(str(folder / name))


@client_command(app, "rm")
def rm(cli: Cli, model: ModelId, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """Delete a tuned model; its job's record stays."""
    if not yes and cli.out.is_terminal:
        typer.confirm(f"Delete {model}?", abort=True)
    deleted = cli.client.models.delete(model)
    if cli.as_json:
        cli.json(deleted)
    else:
        cli.print(f"Deleted {deleted.id}.")


def _show(cli: Cli, found: "ModelVersion") -> None:
    lineage = found.lineage
    cli.fields(
        [
            ("model", found.id),
            ("family", f"{found.family}, version {found.version}"),
            ("task", f"{found.task}, {found.adaptation}"),
            ("base model", found.base_model),
            ("parent", lineage.parent_model),
            ("size", size(found.size_bytes)),
            ("job", lineage.job_id),
            ("training file", f"{lineage.training_file} sha256 {lineage.training_sha256}"),
            ("seed", lineage.seed),
            ("created", when(found.created_at)),
            ("engine parity", parity_line(found.parity)),
            ("hub", _delivery_line(found.delivery)),
        ]
    )
    if found.comparisons:
        cli.print()
        cli.table(
            ["HELD OUT", "RECORDS", "METRIC", "BEFORE", "AFTER", "DIFFERENCE", "VERDICT"],
            [
                (c.set, c.count, c.metric, interval(c.before), interval(c.after), interval(c.difference), c.verdict)
                for c in found.comparisons
            ],
            empty="",
        )


def parity_line(parity: "Parity | None") -> str | None:
    """Whether an engine does what training saw, in one line; None of a model that has no probes."""
    if parity is None:
        return None
    if parity.status in ("pending", "impossible"):
        return f"{parity.status}: {parity.note}" if parity.note else parity.status
    share = 100 * (parity.output_agreement or 0)
    facts = f"{parity.prompts_equal} of {parity.n_probes} prompts equal, {share:.0f} % of outputs agree"
    return f"{parity.status.upper() if parity.status == 'failed' else parity.status}: {facts}. {parity.note}".rstrip()


def _delivery_line(delivery: "Delivery | None") -> str | None:
    if delivery is None:
        return None
    where = delivery.url or delivery.repo
    return f"{delivery.weights} pushed to {where}" if delivery.status == "pushed" else f"NOT pushed: {delivery.note}"


def _file_name(model: str) -> str:
    return model.replace(":", "-").replace("/", "-")


def interval(estimate: "Estimate") -> str:
    """A figure with its 95 % interval."""
    return f"{estimate.value:.3g} ({estimate.low:.3g} to {estimate.high:.3g})"
