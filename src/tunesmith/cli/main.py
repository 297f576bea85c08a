"""`tunesmith`: joins the commands, and turns every error into one line and an exit code.

Exit codes: 0 done · 1 the work failed · 2 usage · 3 refused or not found · 4 server unreachable.
"""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from tunesmith.cli import (
    chat,
    classify,
    datasets,
    demo,
    doctor,
    embed,
    engine,
    files,
    generate,
    jobs,
    keys,
    models,
    server,
    sign_in,
    train,
    up,
    worker,
)
from tunesmith.cli.command import Connection, DataDirOption, JsonOption, KeyOption, UrlOption
from tunesmith.cli.exit_codes import DONE, FAILED, INTERRUPTED, USAGE, WorkFailed, code_of

app = typer.Typer(
    name="tunesmith",
    help="Self-hosted fine-tuning: examples in, a better model out, with proof.",
    no_args_is_help=False,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
up.register(app)
sign_in.register(app)
server.register(app)
worker.register(app)
engine.register(app)
doctor.register(app)
demo.register(app)
train.register(app)
chat.register(app)
generate.register(app)
embed.register(app)
classify.register(app)
app.add_typer(files.app, name="files")
app.add_typer(datasets.app, name="datasets")
app.add_typer(jobs.app, name="jobs")
app.add_typer(models.app, name="models")
app.add_typer(keys.app, name="keys")


@app.callback(invoke_without_command=True)
def root(
    ctx: typer.Context,
    url: UrlOption = None,
    api_key: KeyOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Self-hosted fine-tuning: examples in, a better model out, with proof."""
    ctx.obj = Connection(url, api_key, data_dir, as_json)
    if version:
        from tunesmith import __version__

        typer.echo(f"tunesmith {__version__}")
        raise typer.Exit
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


def main(argv: Sequence[str] | None = None) -> None:
    """The console script."""
    sys.exit(run(sys.argv[1:] if argv is None else argv))


def run(argv: Sequence[str]) -> int:
    """Runs one command line and answers its exit code; an error's line goes to stderr."""
    try:
        found = app(args=list(argv), prog_name="tunesmith", standalone_mode=False)
    except typer.TyperException as error:
        return _usage(error)
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except WorkFailed as error:
        return _told(str(error), FAILED)
    except BrokenPipeError:
        sys.stdout = None  # the reader left; nothing is flushed at exit
        return DONE
    except Exception as error:
        code = code_of(error)
        if code is None:
            raise
        return _told(str(error), code)
    return found if isinstance(found, int) else DONE


def _usage(error: typer.TyperException) -> int:
    command = getattr(getattr(error, "ctx", None), "command_path", "tunesmith")
    message = error.format_message().rstrip()
    if "\n" in message:  # a group without a command answers with its whole help
        typer.echo(message, err=True)
        return USAGE
    return _told(f"{message.removesuffix('.')}. See `{command} --help`.", USAGE)


def _told(message: str, code: int) -> int:
    typer.echo(f"tunesmith: {' '.join(message.split())}", err=True)
    return code


if __name__ == "__main__":
    main()
