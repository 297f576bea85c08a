"""`tunesmith datasets`: ls, create, show, fix, rm."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from tunesmith.cli.command import Cli, client_command
from tunesmith.cli.files import show_report, upload
from tunesmith.cli.words import size, when

if TYPE_CHECKING:
    from tunesmith.schemas.datasets import FileReport
    from tunesmith.schemas.fixes import Fix
    from tunesmith.schemas.versions import Dataset, DatasetVersion

app = typer.Typer(help="Data sets: names with versions of training files, and fixes.", rich_markup_mode=None)
app.callback()(lambda: None)
DatasetName = Annotated[str, typer.Argument(metavar="DATASET", help="Its id (ds_...) or its name.")]
MOST_VERSIONS = 20


@client_command(app, "ls")
def ls(
    cli: Cli,
    search: Annotated[str | None, typer.Option(help="Letters of the name or description.")] = None,
    task: Annotated[
        Literal["chat", "classification", "embedding", "protein"] | None, typer.Option(help="What it can train.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100)] = 20,
) -> None:
    """Data sets, the last changed first."""
    page = cli.client.datasets.list(search=search, task=task, limit=limit)
    if cli.as_json:
        cli.json(page)
        return
    cli.table(
        ["ID", "NAME", "VERSION", "KIND", "RECORDS", "BAD LINES", "CHANGED"],
        [
            (d.id, d.name, d.n_versions, d.newest.kind, d.newest.n_records, d.newest.n_faults, when(d.updated_at))
            for d in page.data
        ],
        empty="No data sets yet. Make one: tunesmith datasets create NAME examples.jsonl",
    )


@client_command(app, "create")
def create(
    cli: Cli,
    name: Annotated[str, typer.Argument(help="What to call it; taken once in a project.")],
    file: Annotated[str, typer.Argument(help="A training file to upload, or the id of one (file-...).")],
    description: Annotated[str | None, typer.Option()] = None,
) -> None:
    """A data set with the file as its first version."""
    made = cli.client.datasets.create(name, _file_id(cli, file), description=description)
    if cli.as_json:
        cli.json(made)
        return
    _show(cli, made)


@client_command(app, "show")
def show(cli: Cli, dataset: DatasetName) -> None:
    """A data set with its versions, and what was found in the newest."""
    found = _named(cli, dataset)
    if cli.as_json:
        cli.json(found)
        return
    _show(cli, found)


@client_command(app, "fix")
def fix(
    cli: Cli,
    dataset: DatasetName,
    proposed: Annotated[
        bool, typer.Option("--proposed", help="All that the report proposes, but for what is only a hint.")
    ] = False,
    column: Annotated[
        list[str] | None, typer.Option(metavar="NAME=ROLE", help="What a column or key is; NAME= leaves it out.")
    ] = None,
    drop_faulty: Annotated[bool, typer.Option("--drop-faulty", help="Leave out bad lines.")] = False,
    rename_label: Annotated[list[str] | None, typer.Option(metavar="LABEL=TO", help="A label's other name.")] = None,
    drop_duplicates: Annotated[bool, typer.Option("--drop-duplicates", help="Keep the first of equal ones.")] = False,
    near: Annotated[bool, typer.Option("--near", help="Of nearly equal ones too.")] = False,
    drop: Annotated[
        list[str] | None, typer.Option(metavar="CODE", help="Leave out what a finding concerns: personal_data, ...")
    ] = None,
    from_version: Annotated[int | None, typer.Option(help="Start from this version; else the newest.", min=1)] = None,
    add: Annotated[Path | None, typer.Option(help="No fix: this file as the new version.", exists=True)] = None,
) -> None:
    """Make a new version; the old one stays as it was. Fixes are done in the order of these options."""
    found = _named(cli, dataset)
    fixes: list[Any] = [
        *(_proposed(cli, found, from_version) if proposed else []),
        *([{"type": "set_columns", "roles": dict(_pair(each) for each in column)}] if column else []),
        *([{"type": "drop_faulty"}] if drop_faulty else []),
        *({"type": "rename_label", "label": label, "to": to} for label, to in map(_pair, rename_label or [])),
        *([{"type": "drop_duplicates", "near": near}] if drop_duplicates or near else []),
        *({"type": "drop_found", "code": code} for code in drop or []),
    ]
    if bool(fixes) == (add is not None):
        raise typer.BadParameter("Say what to do: --proposed, --drop-duplicates, --column question=instruction, ...")
    if add is not None:
        made = cli.client.datasets.add_version(found.id, upload(cli, add).id)
    else:
        made = cli.client.datasets.fix(found.id, fixes, from_version=from_version)
    _told(cli, made)


@client_command(app, "rm")
def rm(cli: Cli, dataset: DatasetName) -> None:
    """Delete a data set with all its versions. Jobs on it keep what they train on."""
    gone = cli.client.datasets.delete(_named(cli, dataset).id)
    if cli.as_json:
        cli.json(gone)
    else:
        cli.print(f"{gone.id} is deleted.")


def _named(cli: Cli, named: str) -> "Dataset":
    """The data set of this id, or of exactly this name. Raises BadParameter."""
    if named.startswith("ds_"):
        return cli.client.datasets.retrieve(named)
    after: str | None = None
    while True:
        page = cli.client.datasets.list(search=named, limit=100, after=after)
        found = next((each for each in page.data if each.name == named), None)
        if found is not None:
            return found
        if not page.has_more:
            raise typer.BadParameter(f"There is no data set named {named}: see `tunesmith datasets ls`.")
        after = page.last_id


def _proposed(cli: Cli, dataset: "Dataset", version: int | None) -> "list[Fix]":
    """The repairs of the version's report, each once. Raises BadParameter when there are none."""
    found = dataset.newest if version is None else cli.client.datasets.version(dataset.id, version)
    fixes = repairs_of(cli.client.files.report(found.file.id))
    if not fixes:
        raise typer.BadParameter(f"The report of version {found.version} proposes nothing.")
    return fixes


def repairs_of(report: "FileReport") -> "list[Fix]":
    """What mends the report's faults and findings, each once; what is only a hint (info) is left to a person."""
    every = [fault.repairs for fault in report.faults]
    every += [finding.repairs for finding in report.findings if finding.level != "info"]
    return list({fix.model_dump_json(): fix for repairs in every for fix in repairs}.values())


def _pair(given: str) -> tuple[str, str]:
    """Both sides of the last =. Raises BadParameter."""
    left, equals, right = given.rpartition("=")
    if not equals or not left:
        raise typer.BadParameter(f"'{given}' is no NAME=VALUE.")
    return left, right


def _file_id(cli: Cli, given: str) -> str:
    path = Path(given)
    if path.is_file():
        return upload(cli, path).id
    if not given.startswith("file-"):
        raise typer.BadParameter(f"There is no file {given}. Give a path, or an id of `tunesmith files ls`.")
    return given


def _show(cli: Cli, dataset: "Dataset") -> None:
    cli.fields(
        [
            ("id", dataset.id),
            ("name", dataset.name),
            ("description", dataset.description),
            ("project", dataset.project),
            ("created", when(dataset.created_at)),
        ]
    )
    versions = cli.client.datasets.versions(dataset.id, limit=MOST_VERSIONS)
    cli.table(
        ["VERSION", "FILE", "KIND", "RECORDS", "BAD LINES", "CHANGE", "SIZE", "BY", "CREATED"],
        [
            (v.version, v.file.id, v.kind, v.n_records, v.n_faults, _change(v), size(v.file.bytes), v.created_by,
             when(v.created_at))
            for v in versions.data
        ],
        empty="",
    )  # fmt: skip
    show_report(cli, dataset.newest.file.id)


def _told(cli: Cli, made: "DatasetVersion") -> None:
    if cli.as_json:
        cli.json(made)
        return
    cli.print(f"{made.dataset_id} version {made.version}: {made.n_records:,} records ({_change(made)}).")
    show_report(cli, made.file.id)


def _change(version: "DatasetVersion") -> str:
    """Such as: +2 -13; or what was done where the number stayed."""
    counts = [f"{sign}{n:,}" for sign, n in (("+", version.added), ("-", version.removed)) if n]
    done = ", ".join(dict.fromkeys(fix.type for fix in version.fixes))
    return " ".join([*counts, done]).strip() or ("first" if version.version == 1 else "as many")
