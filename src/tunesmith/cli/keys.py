"""`tunesmith keys`: create, ls, revoke."""

from typing import Annotated, Literal

import typer

from tunesmith.cli.command import Cli, client_command
from tunesmith.cli.words import when

app = typer.Typer(help="API keys.", rich_markup_mode=None)
app.callback()(lambda: None)


@client_command(app, "create")
def create(
    cli: Cli,
    name: Annotated[str, typer.Option(help="What the key is for.")] = "command line",
    kind: Annotated[Literal["user", "worker", "service", "admin"], typer.Option(help="What it may do.")] = "user",
    user: Annotated[str | None, typer.Option(help="User it is for, made if new (admin keys only).")] = None,
    expires_days: Annotated[float | None, typer.Option(min=0.001, help="Days until it ends.")] = None,
) -> None:
    """Make a key. It is shown once, here."""
    expires_in_s = round(expires_days * 86400) if expires_days else None
    created = cli.client.keys.create(name=name, kind=kind, user=user, expires_in_s=expires_in_s)
    if cli.as_json:
        cli.json(created)
        return
    cli.err.print(f"{created.id}: a {created.kind} key for {created.user}. It is not shown again:")
    typer.echo(created.key)


@client_command(app, "ls")
def ls(cli: Cli) -> None:
    """Keys by their prefixes."""
    page = cli.client.keys.list()
    if cli.as_json:
        cli.json(page)
        return
    cli.table(
        ["ID", "NAME", "KIND", "KEY", "USER", "LAST USED", "EXPIRES", "REVOKED"],
        [
            (
                k.id,
                k.name,
                k.kind,
                f"{k.prefix}...",
                k.user,
                when(k.last_used_at),
                when(k.expires_at),
                when(k.revoked_at),
            )
            for k in page.data
        ],
        empty="No keys.",
    )


@client_command(app, "revoke")
def revoke(cli: Cli, key_id: Annotated[str, typer.Argument(metavar="KEY_ID")]) -> None:
    """Refuse a key from now on."""
    revoked = cli.client.keys.revoke(key_id)
    if cli.as_json:
        cli.json(revoked)
    else:
        cli.print(f"{revoked.id} ({revoked.name}) is revoked.")
