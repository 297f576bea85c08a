"""`tunesmith chat`: one question, or a conversation on a terminal; answers appear as they are written."""

import sys
from typing import Annotated

import typer

from tunesmith.cli.command import Cli, client_command


def register(app: typer.Typer) -> None:
    client_command(app, "chat")(chat)


def chat(
    cli: Cli,
    model: Annotated[str, typer.Argument(help="A base or tuned model: tunesmith models ls.")],
    prompt: Annotated[str | None, typer.Argument(help="Without it: a conversation, or what is piped in.")] = None,
    system: Annotated[str | None, typer.Option(help="System message.")] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1)] = None,
    temperature: Annotated[float | None, typer.Option(min=0, max=2)] = None,
    top_p: Annotated[float | None, typer.Option(min=0, max=1)] = None,
    seed: Annotated[int | None, typer.Option()] = None,
) -> None:
    """Talk to a model."""
    options: dict[str, object] = {
        "max_tokens": max_tokens,
        "temperature": temperature,
        "top_p": top_p,
        "seed": seed,
    }
    messages = [{"role": "system", "content": system}] if system else []
    if prompt is None and sys.stdin.isatty() and not cli.as_json:
        _conversation(cli, model, messages, options)
        return
    text = sys.stdin.read().strip() if prompt is None else prompt
    if not text:
        raise typer.BadParameter("There is no prompt. Give one, or pipe text in.")
    messages.append({"role": "user", "content": text})
    if cli.as_json:
        cli.json(cli.client.chat.create(model=model, messages=messages, **options))
    else:
        _answer(cli, model, messages, options)


def _conversation(cli: Cli, model: str, messages: list[dict[str, str]], options: dict[str, object]) -> None:
    from tunesmith.schemas.errors import ModelNotFound, TunesmithError

    cli.client.models.retrieve(model)
    cli.err.print(f"{model}. An empty line or Ctrl-D ends the conversation.", style="dim")
    while True:
        try:
            text = cli.err.input("> ").strip()
        except EOFError:
            return
        if not text:
            return
        messages.append({"role": "user", "content": text})
        try:
            messages.append({"role": "assistant", "content": _answer(cli, model, messages, options)})
        except ModelNotFound:
            raise
        except TunesmithError as error:
            messages.pop()
            cli.err.print(str(error), style="red")


def _answer(cli: Cli, model: str, messages: list[dict[str, str]], options: dict[str, object]) -> str:
    parts: list[str] = []
    for chunk in cli.client.chat.stream(model=model, messages=messages, **options):
        parts.append(chunk.text)
        sys.stdout.write(chunk.text)
        sys.stdout.flush()
    sys.stdout.write("\n")
    return "".join(parts)
