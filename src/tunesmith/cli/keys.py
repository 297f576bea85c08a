"""`tunesmith keys`: create, ls, revoke."""

from typing import Annotated, Literal

import typer

from tunesmith.cli.command import Cli, client_command
from tunesmith.cli.words import when

SCOPES = ("read", "train", "infer", "manage")


def _scopes(given: list[str] | None) -> list[str] | None:
    """Checked here, so that a mistyped one is an error of usage."""
    for scope in given or ():
        if scope not in SCOPES:
            raise typer.BadParameter(f"'{scope}' is none of {', '.join(SCOPES)}")
    return given or None


app = typer.Typer(help="API keys.", rich_markup_mode=None)
app.callback()(lambda: None)


@client_command(app, "create")
def create(
    cli: Cli,
    name: Annotated[str, typer.Option(help="What the key is for.")] = "command line",
    kind: Annotated[Literal["user", "worker", "service", "admin"], typer.Option(help="What it may do.")] = "user",
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help="Restrict it to read, train, infer or manage; several times for several. Without: all rights.",
            callback=_scopes,
        ),
    ] = None,
    user: Annotated[str | None, typer.Option(help="User it is for, made if new (admin keys only).")] = None,
    expires_days: Annotated[float | None, typer.Option(min=0.001, help="Days until it ends.")] = None,
) -> None:
    """Make a key. It is shown once, here."""
    expires_in_s = round(expires_days * 86400) if expires_days else None
    created = cli.client.keys.create(name=name, kind=kind, user=user, scopes=scope or None, expires_in_s=expires_in_s)
    if cli.as_json:
        cli.json(created)
        return
    rights = f" restricted to {', '.join(created.scopes)}" if created.scopes else ""
    cli.err.print(f"{created.id}: a {created.kind} key for {created.user}{rights}. It is not shown again:")
    typer.echo(created.key)


@client_command(app, "ls")
def ls(cli: Cli) -> None:
    """Keys by their prefixes."""
    page = cli.client.keys.list()
    if cli.as_json:
        cli.json(page)
        return
    cli.table(
        ["ID", "NAME", "KIND", "SCOPES", "KEY", "USER", "LAST USED", "EXPIRES", "REVOKED"],
        [
            (
                k.id,
                k.name,
                k.kind,
                ", ".join(k.scopes) if k.scopes else "all",
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
