"""`tunesmith up`: server, workers and engine on this machine, until Ctrl-C."""

import asyncio
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tunesmith.cli import browser, settings_options
from tunesmith.cli.exit_codes import WorkFailed

if TYPE_CHECKING:
    from tunesmith.cli.processes.supervisor import UpSettings

LINK_LIFE_S = 3600


def register(app: typer.Typer) -> None:
    app.command("up", context_settings=settings_options.CONTEXT, epilog=settings_options.HELP)(up)


def up(
    ctx: typer.Context,
    data_dir: Annotated[Path | None, typer.Option(help="Where everything is kept; else TUNESMITH_DATA_DIR.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on (127.0.0.1).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on (8000).", min=1, max=65535)] = None,
    workers: Annotated[int, typer.Option(help="Training workers; they share the cores.", min=0, max=64)] = 1,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open the page.")] = False,
) -> None:
    """Run everything on this machine: database, server, workers, engine.

    `ready http://HOST:PORT` is the only line on stdout; the rest is told on stderr and in DIR/logs.
    """
    from tunesmith.cli.processes.parent import end_with_supervisor
    from tunesmith.cli.processes.running import AlreadyRunning
    from tunesmith.cli.processes.supervisor import StartFailed

    end_with_supervisor()
    settings = up_settings(ctx.args, data_dir, host, port, workers)
    try:
        asyncio.run(_serve(settings, open_page=not no_browser and browser.can_open()))
    except (AlreadyRunning, StartFailed) as e:
        raise WorkFailed(str(e)) from e


def up_settings(
    arguments: list[str], data_dir: Path | None, host: str | None, port: int | None, workers: int
) -> "UpSettings":
    """What to run, from the options and the environment; the server's other settings go on by the environment."""
    from tunesmith.cli.processes.supervisor import UpSettings
    from tunesmith.server.settings import Settings

    settings_options.export(arguments, Settings)
    settings = settings_options.build(Settings, data_dir=data_dir, host=host, port=port)
    return UpSettings(
        data_dir=settings.data_dir.expanduser().resolve(),
        host=settings.host,
        port=settings.port,
        workers=workers,
        embedded_database=settings.database_url is None,
        say=lambda line: typer.echo(line, err=True),
    )


async def _serve(settings: "UpSettings", *, open_page: bool) -> None:
    from tunesmith.cli.processes import supervisor

    _cancel_on_signals()
    try:
        async with supervisor.running(settings) as children:
            typer.echo(f"ready {settings.url}")
            sys.stdout.flush()
            settings.say(
                f"{settings.url} answers; {_workers(settings.workers)} and the engine are starting. "
                f"The admin key is in {settings.data_dir / 'admin.key'}. Ctrl-C stops everything."
            )
            await _lead_in(settings, open_page=open_page)
            await children.failed()
    except asyncio.CancelledError:
        settings.say("stopped")


async def _lead_in(settings: "UpSettings", *, open_page: bool) -> None:
    """Prints a link that signs a browser in as the admin, and opens it. What goes wrong is told, and stops nothing."""
    from tunesmith.client import AsyncTunesmith
    from tunesmith.schemas.errors import TunesmithError

    try:
        # The folder's own key: one in the environment may be another server's.
        key = (settings.data_dir / "admin.key").read_text(encoding="ascii").strip()
        async with AsyncTunesmith(settings.local_url, key) as client:
            link = await client.sign_in_links.create(expires_in_s=LINK_LIFE_S)
    except (TunesmithError, OSError, UnicodeDecodeError) as e:
        settings.say(f"no sign-in link could be made ({e}); `tunesmith sign-in` makes one")
        return
    settings.say(f"open the page with this link, which signs in once, within the hour: {link.url}")
    settings.say("`tunesmith sign-in` prints another one")
    if open_page and not await asyncio.to_thread(browser.open_page, link.url):
        settings.say("no browser could be started here; open the link in yours")


def _cancel_on_signals() -> None:
    """The first Ctrl-C, SIGTERM or SIGHUP cancels this task; its clean-up is not disturbed by a second one."""
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    told = False

    def cancel() -> None:
        nonlocal told
        if not told and task is not None:
            told = True
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores SIGHUP on purpose
            loop.add_signal_handler(number, cancel)


def _workers(n: int) -> str:
    return "no worker" if n == 0 else "a worker" if n == 1 else f"{n} workers"
