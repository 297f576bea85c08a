"""`tunesmith server`: the control plane alone."""

from pathlib import Path
from typing import Annotated

import typer

from tunesmith.cli import settings_options


def register(app: typer.Typer) -> None:
    app.command("server", context_settings=settings_options.CONTEXT, epilog=settings_options.HELP)(server)


def server(
    ctx: typer.Context,
    data_dir: Annotated[Path | None, typer.Option(help="Where everything is kept; else TUNESMITH_DATA_DIR.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on (127.0.0.1).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on (8000).", min=1, max=65535)] = None,
) -> None:
    """Run the server alone; it needs no torch. Its PostgreSQL is embedded unless TUNESMITH_DATABASE_URL is set."""
    from tunesmith.cli.processes.parent import end_with_supervisor

    end_with_supervisor()
    from tunesmith.server import main
    from tunesmith.server.settings import Settings

    settings_options.export(ctx.args, Settings)
    main.run(settings_options.build(Settings, data_dir=data_dir, host=host, port=port), ready=_ready)


def _ready(url: str) -> None:
    typer.echo(f"ready {url}")
