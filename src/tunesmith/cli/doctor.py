"""`tunesmith doctor`: what this machine lacks, and the command that mends it."""

import json
from pathlib import Path
from typing import Annotated

import typer

from tunesmith.cli.exit_codes import WorkFailed


def register(app: typer.Typer) -> None:
    app.command("doctor")(doctor)


def doctor(
    data_dir: Annotated[Path | None, typer.Option(help="The data folder to look at; else TUNESMITH_DATA_DIR.")] = None,
    port: Annotated[int, typer.Option(help="The port that `up` would use.", min=1, max=65535)] = 8000,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check this machine. The exit code is 1 when something needed is missing."""
    from rich.console import Console

    from tunesmith.cli.checks import CHECKS, Machine
    from tunesmith.server.settings import default_data_dir

    machine = Machine((data_dir or default_data_dir()).expanduser().resolve(), port)
    console = Console(highlight=False, markup=False, emoji=False)
    findings = []
    for check in CHECKS:
        finding = check(machine)
        findings.append(finding)
        if not as_json:
            style = {"ok": "green", "note": "yellow", "missing": "bold red"}[finding.state]
            console.print(f"{finding.state:<8}", style=style, end="")
            console.print(f"{finding.subject}: {finding.found}", soft_wrap=True)
            if finding.mend:
                console.print(f"        {finding.mend}", soft_wrap=True)
    if as_json:
        typer.echo(json.dumps({"object": "doctor.report", "data": [finding.__dict__ for finding in findings]}))
    missing = [finding.subject for finding in findings if finding.state == "missing"]
    if missing:
        raise WorkFailed(f"{len(missing)} of {len(findings)} checks need mending: {', '.join(missing)}.")
