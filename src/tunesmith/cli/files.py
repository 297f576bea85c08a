"""`tunesmith files`: add, ls, show."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tunesmith.cli.command import Cli, client_command
from tunesmith.cli.words import size, when

if TYPE_CHECKING:
    from tunesmith.schemas.datasets import FileObject

app = typer.Typer(help="Training files and what was found in them.", rich_markup_mode=None)
app.callback()(lambda: None)
MOST_FAULTS = 10
MOST_LABELS = 8
SHOWN_LINES = 5


@client_command(app, "add")
def add(
    cli: Cli,
    path: Annotated[
        Path, typer.Argument(help="JSONL, CSV, TSV or FASTA file, plain or .gz.", exists=True, dir_okay=False)
    ],
) -> None:
    """Upload a training file; its lines are checked while it goes out."""
    found = upload(cli, path)
    if cli.as_json:
        cli.json(found)
        return
    show_file(cli, found)


@client_command(app, "ls")
def ls(cli: Cli, limit: Annotated[int, typer.Option(min=1, max=10000)] = 20) -> None:
    """Files, newest first."""
    page = cli.client.files.list(limit=limit)
    if cli.as_json:
        cli.json(page)
        return
    cli.table(
        ["ID", "FILE", "PURPOSE", "SIZE", "STATUS", "CREATED"],
        [(f.id, f.filename, f.purpose, size(f.bytes), f.status, when(f.created_at)) for f in page.data],
        empty="No files yet. Upload one: tunesmith files add examples.jsonl",
    )


@client_command(app, "show")
def show(cli: Cli, file_id: Annotated[str, typer.Argument(metavar="FILE_ID")]) -> None:
    """One file with the report of its line checks."""
    if cli.as_json:
        cli.json(cli.client.files.report(file_id))
        return
    show_file(cli, cli.client.files.retrieve(file_id))


def upload(cli: Cli, path: Path) -> "FileObject":
    """The uploaded file; a bar is shown on a terminal when it is large enough to wait for."""
    total_bytes = path.stat().st_size
    if not cli.err.is_terminal or cli.as_json or total_bytes < 5_000_000:
        return cli.client.files.create(path)
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    with Progress(*columns, console=cli.err, transient=True) as progress:
        bar = progress.add_task(f"uploading {path.name}", total=total_bytes)
        return cli.client.files.create(path, on_progress=lambda sent: progress.update(bar, completed=sent))


def show_file(cli: Cli, found: "FileObject") -> None:
    """A file's facts and its report."""
    cli.fields(
        [
            ("id", found.id),
            ("file", found.filename),
            ("purpose", found.purpose),
            ("size", size(found.bytes)),
            ("sha256", found.sha256),
            ("status", found.status),
            ("details", found.status_details),
            ("created", when(found.created_at)),
        ]
    )
    if found.purpose == "fine-tune":
        show_report(cli, found.id)


def show_report(cli: Cli, file_id: str) -> None:
    """What was found in a training file; bad lines with their reasons."""
    report = cli.client.files.report(file_id)
    length = report.length
    cli.fields(
        [
            ("records", f"{report.n_records:,} ({report.kind or 'none readable'})"),
            ("length", length and f"{length.minimum}-{length.maximum} {length.unit}, median {length.median}"),
            ("labels", report.labels and labels(report.labels)),
            ("repeated", report.duplicates or None),
            ("bad lines", report.n_faults or None),
        ]
    )
    for fault in report.faults[:MOST_FAULTS]:
        cli.print(f"  {fault.message}")
    if report.n_faults > MOST_FAULTS:
        cli.print(f"  ... and {report.n_faults - MOST_FAULTS:,} more: tunesmith files show {file_id} --json")
    for finding in report.findings:
        lines = f" (line {', '.join(map(str, finding.lines[:SHOWN_LINES]))})" if finding.lines else ""
        cli.print(f"  {finding.level}: {finding.message}{lines} {finding.fix}")


def labels(counts: dict[str, int]) -> str:
    """The most frequent labels with their numbers of records."""
    shown = ", ".join(f"{label} {count:,}" for label, count in list(counts.items())[:MOST_LABELS])
    return f"{shown}, ..." if len(counts) > MOST_LABELS else shown
