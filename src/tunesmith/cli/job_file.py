"""A job as a YAML file: `tunesmith train --file job.yaml`."""

from pathlib import Path
from typing import Any

import typer

IDS = ("file-", "ds_")
"""How ids of files and of data sets begin: what begins otherwise is a path."""


def read_job(path: Path) -> dict[str, Any]:
    """The body that the file says, checked but for what only the server knows; paths of data are made absolute.

    Raises BadParameter naming the key at fault.
    """
    from pydantic import ValidationError

    from tunesmith.schemas.jobs import JobCreate

    told = _mapping(path)
    try:
        body = JobCreate.model_validate(told).model_dump(mode="json", exclude_unset=True)
    except ValidationError as error:
        raise typer.BadParameter(f"{path}: {_first(error)}") from error
    for key in ("training_file", "validation_file"):
        if body.get(key) and not body[key].startswith(IDS):
            body[key] = str(path.parent / body[key])
    return body


def _mapping(path: Path) -> dict[str, Any]:
    import yaml

    try:
        told: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise typer.BadParameter(f"There is no file {path}. `tunesmith jobs script JOB_ID` writes one.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{path} cannot be read: {error}.") from error
    except yaml.YAMLError as error:
        raise typer.BadParameter(f"{path} is not YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(told, dict):
        raise typer.BadParameter(f"{path} must hold keys and values, such as `model: smollm2-135m-instruct`.")
    return {str(key): value for key, value in told.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def _first(error: Any) -> str:
    """One fault as a sentence: which key, and what to do. A mistyped key is told before the one that it left out."""
    from tunesmith.schemas.jobs import JobCreate

    fault = min(error.errors(include_url=False), key=lambda each: each["type"] != "extra_forbidden")
    key = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        known = ", ".join(JobCreate.model_fields)
        return (
            f"there is no key '{key}'. A job has: {known}." if len(fault["loc"]) == 1 else f"there is no key '{key}'."
        )
    if fault["type"] == "missing":
        return f"the key '{key}' is missing."
    return f"'{key}' is wrong: {fault['msg']}."
