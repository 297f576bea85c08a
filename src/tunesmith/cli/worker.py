"""`tunesmith worker`: pulls jobs from a server, wherever that is, and trains them here."""

from pathlib import Path
from typing import Annotated

import typer

from tunesmith.cli import settings_options


def register(app: typer.Typer) -> None:
    app.command("worker", context_settings=settings_options.CONTEXT, epilog=settings_options.HELP)(worker)


def worker(
    ctx: typer.Context,
    url: Annotated[str | None, typer.Option(help="The server; else TUNESMITH_URL or FINETUNE_SERVER_URL.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Folder for its work, and the place of worker.key.")] = None,
    name: Annotated[str | None, typer.Option(help="Start of its name on the server; else this host's.")] = None,
    threads: Annotated[int | None, typer.Option(help="Cores of a training run; else all.", min=1)] = None,
) -> None:
    """Run a worker. Its key comes from FINETUNE_WORKER_KEY, else from DIR/worker.key."""
    from tunesmith.cli.processes.parent import end_with_supervisor

    end_with_supervisor()
    from tunesmith.worker import main
    from tunesmith.worker.settings import WorkerSettings

    settings_options.export(ctx.args, WorkerSettings)
    main.run(
        settings_options.build(
            WorkerSettings,
            server_url=url,
            data_dir=data_dir and data_dir.expanduser().resolve(),
            name=name,
            threads=threads,
        )
    )
