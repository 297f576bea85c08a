"""`tunesmith engine`: answers with base and tuned models, for a server that it registers with."""

import os
from pathlib import Path
from typing import Annotated

import typer

from tunesmith.cli import settings_options


def register(app: typer.Typer) -> None:
    app.command("engine", context_settings=settings_options.CONTEXT, epilog=settings_options.HELP)(engine)


def engine(
    ctx: typer.Context,
    url: Annotated[str | None, typer.Option(help="The server; else TUNESMITH_URL or FINETUNE_SERVER_URL.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Its models/ are shared with the worker.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on (127.0.0.1).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)] = None,
    threads: Annotated[int | None, typer.Option(help="Cores to use; else all.", min=1)] = None,
) -> None:
    """Run an engine. Its key comes from FINETUNE_WORKER_KEY, else from DIR/worker.key."""
    from tunesmith.cli.processes.parent import end_with_supervisor

    end_with_supervisor()
    if data_dir is not None:
        os.environ["TUNESMITH_DATA_DIR"] = str(data_dir.expanduser().resolve())
    from tunesmith.engines.settings import EngineSettings

    settings_options.export(ctx.args, EngineSettings)
    settings = settings_options.build(
        EngineSettings, server_url=url, worker_key=_key(data_dir), host=host, port=port, threads=threads
    )
    from tunesmith.engines import main

    main.run(settings)


def _key(data_dir: Path | None) -> str | None:
    """The data folder's worker key, unless the environment has one. Raises Unauthenticated when there is neither."""
    if os.environ.get("FINETUNE_WORKER_KEY"):
        return None
    from tunesmith.schemas.errors import Unauthenticated
    from tunesmith.server.settings import default_data_dir

    path = (data_dir or default_data_dir()) / "worker.key"
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as e:
        raise Unauthenticated(
            f"No worker key: FINETUNE_WORKER_KEY is not set and {path} cannot be read ({e.strerror}). "
            "Make one with `tunesmith keys create --kind worker` and set FINETUNE_WORKER_KEY."
        ) from e
