"""What every command that talks to a server shares: its options, its client, and how it prints.

`client_command(app)` registers a function whose first parameter is a `Cli`; the connection's options and `--json` are
added to its own, so they can stand before or after the command's name.
"""

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, ParamSpec

import typer

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.console import Console

    from tunesmith.client import Tunesmith

P = ParamSpec("P")
_PANEL = "Connection"
UrlOption = Annotated[
    str | None,
    typer.Option("--url", help="The server; else TUNESMITH_URL, else this machine's.", rich_help_panel=_PANEL),
]
KeyOption = Annotated[
    str | None,
    typer.Option("--api-key", help="Else TUNESMITH_API_KEY, else DIR/admin.key.", rich_help_panel=_PANEL),
]
DataDirOption = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", help="Folder of a server on this machine, for its key and address.", rich_help_panel=_PANEL
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print the objects of the API, for pipes.", rich_help_panel=_PANEL)
]


@dataclass(frozen=True)
class Connection:
    """Options of the connection as they were given; None and False where they were not."""

    url: str | None = None
    api_key: str | None = None
    data_dir: Path | None = None
    as_json: bool = False

    def over(self, other: "Connection") -> "Connection":
        """These options, and the other's where these were not given."""
        return Connection(
            self.url or other.url,
            self.api_key or other.api_key,
            self.data_dir or other.data_dir,
            self.as_json or other.as_json,
        )


@dataclass
class Cli:
    """A command's client and its two consoles."""

    connection: Connection
    _clients: "list[Tunesmith]" = field(default_factory=list["Tunesmith"])

    @property
    def as_json(self) -> bool:
        return self.connection.as_json

    @cached_property
    def client(self) -> "Tunesmith":
        return self.connect()

    def connect(self, *, max_retries: int = 2) -> "Tunesmith":
        """A client; closed when the command ends."""
        from tunesmith.cli.processes.running import running_url
        from tunesmith.client import Tunesmith

        wanted = self.connection
        url = wanted.url or running_url(wanted.data_dir)
        client = Tunesmith(url, wanted.api_key, data_dir=wanted.data_dir, max_retries=max_retries)
        self._clients.append(client)
        if client.config.api_key is None:
            # Without a key most likely nothing was ever started: say so rather than ask for a key.
            client.worker.fetch("/healthz")
        return client

    @cached_property
    def out(self) -> "Console":
        from rich.console import Console

        return Console(highlight=False, markup=False, emoji=False)

    @cached_property
    def err(self) -> "Console":
        from rich.console import Console

        return Console(stderr=True, highlight=False, markup=False, emoji=False)

    def close(self) -> None:
        for client in self._clients:
            client.close()

    def print(self, text: str = "") -> None:
        """A line for a person, left whole so that it can be copied."""
        self.out.print(text, soft_wrap=True)

    def json(self, found: "BaseModel") -> None:
        """The wire object on one line."""
        typer.echo(found.model_dump_json())

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
        """A table on a terminal, tab-separated lines with a head when piped; `empty` says what to do when none."""
        cells = [[_cell(value) for value in row] for row in rows]
        if not self.out.is_terminal:
            for row in [list(columns), *cells]:
                typer.echo("\t".join(row))
            return
        if not cells:
            self.print(empty)
            return
        from rich import box
        from rich.table import Table

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
        for i, column in enumerate(columns):
            # The first one is what is copied into the next command: it is never cut, the others fold.
            longest = max(len(row[i]) for row in cells)
            table.add_column(column, overflow="fold", min_width=longest if i == 0 else None)
        for row in cells:
            table.add_row(*row)
        self.out.print(table)

    def fields(self, pairs: Iterable[tuple[str, object]]) -> None:
        """One `name  value` line each; pairs whose value is None or empty are left out."""
        shown = [(name, _cell(value)) for name, value in pairs if value not in (None, "", [], {})]
        width = max((len(name) for name, _ in shown), default=0)
        for name, value in shown:
            self.print(f"{name:<{width}}  {value}")


def client_command(app: typer.Typer, name: str) -> Callable[[Callable[Concatenate[Cli, P], None]], Callable[P, None]]:
    """Registers a function as a command of `app`; it gets a Cli first and its own parameters after."""

    def register(function: Callable[Concatenate[Cli, P], None]) -> Callable[P, None]:
        def command(ctx: typer.Context, **given: Any) -> None:
            own = Connection(given.pop("url"), given.pop("api_key"), given.pop("data_dir"), given.pop("as_json"))
            cli = Cli(own.over(ctx.obj) if isinstance(ctx.obj, Connection) else own)
            try:
                function(cli, **given)  # pyright: ignore[reportCallIssue]
            finally:
                cli.close()

        parameters = [_CONTEXT, *list(inspect.signature(function, eval_str=True).parameters.values())[1:], *_SHARED]
        command.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportFunctionMemberAccess]
        command.__annotations__ = {p.name: p.annotation for p in parameters}
        command.__name__ = function.__name__
        command.__doc__ = function.__doc__
        app.command(name)(command)
        return command  # pyright: ignore[reportReturnType]

    return register


def _parameter(name: str, annotation: Any, default: Any = None) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


_CONTEXT = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
_SHARED = (
    _parameter("url", UrlOption),
    _parameter("api_key", KeyOption),
    _parameter("data_dir", DataDirOption),
    _parameter("as_json", JsonOption, default=False),
)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value).replace("\t", " ").replace("\n", " ")
