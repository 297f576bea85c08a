"""`--field value` for every setting that has no option of its own: it becomes the setting's environment variable."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import typer

if TYPE_CHECKING:
    from pydantic_settings import BaseSettings

S = TypeVar("S", bound="BaseSettings")
CONTEXT = {"allow_extra_args": True, "ignore_unknown_options": True}
"""Of commands that take settings."""
HELP = "Any other setting can be given as --its-name value; docs/reference tells them."


def export(arguments: Sequence[str], settings: "type[BaseSettings]") -> None:
    """Puts `--lease-ttl-s 30` into the environment as TUNESMITH_LEASE_TTL_S.

    The environment is read by this process and by those it starts, so `up` hands everything on.
    Raises BadParameter for what is no setting.
    """
    prefix = settings.model_config.get("env_prefix", "")
    waiting = list(arguments)
    while waiting:
        option = waiting.pop(0)
        if not option.startswith("--"):
            raise typer.BadParameter(f"Got unexpected extra argument ({option}).")
        name, equals, value = option.removeprefix("--").partition("=")
        field = name.replace("-", "_")
        if field not in settings.model_fields:
            raise typer.BadParameter(f"No such option: --{name}.")
        if not equals:
            if not waiting:
                raise typer.BadParameter(f"Option --{name} requires a value.")
            value = waiting.pop(0)
        os.environ[f"{prefix}{field}".upper()] = value


def build(settings: type[S], **given: Any) -> S:
    """The settings with what was given (None left out). Raises BadParameter, naming the field at fault."""
    from pydantic import ValidationError

    try:
        return settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as e:
        fault = e.errors()[0]
        name = "-".join(str(part) for part in fault["loc"]).replace("_", "-").lower()
        raise typer.BadParameter(f"--{name}: {fault['msg']}.") from e
