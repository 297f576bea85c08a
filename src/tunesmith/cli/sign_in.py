"""`tunesmith sign-in`: a link to the page."""

from typing import Annotated

import typer

from tunesmith.cli import browser
from tunesmith.cli.command import Cli, client_command
from tunesmith.cli.words import when


def register(app: typer.Typer) -> None:
    client_command(app, "sign-in")(sign_in)


def sign_in(
    cli: Cli,
    user: Annotated[str | None, typer.Option(help="Whom it signs in, made if new (admin keys only).")] = None,
    minutes: Annotated[int, typer.Option(help="How long it can be used.", min=1, max=7 * 24 * 60)] = 15,
    open_page: Annotated[bool, typer.Option("--open", help="Open it in this machine's browser.")] = False,
) -> None:
    """Print a link that signs one browser in to the page, once."""
    link = cli.client.sign_in_links.create(user=user, expires_in_s=60 * minutes)
    if cli.as_json:
        cli.json(link)
    else:
        cli.err.print(f"Signs {link.user} in, once, until {when(link.expires_at)}:")
        typer.echo(link.url)
    if open_page and not browser.open_page(link.url):
        cli.err.print("No browser could be started here; open the link in yours.")
