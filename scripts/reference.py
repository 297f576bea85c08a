"""Writes docs/reference/ from the code: settings, error codes and hyperparameters, so that they cannot go stale.

`python scripts/reference.py` writes; tests/test_reference.py fails when a page differs from what this would write.
"""

import ast
import inspect
import sys
from pathlib import Path

from pydantic import BaseModel

from tunesmith.engines.settings import EngineSettings
from tunesmith.schemas import defaults, errors
from tunesmith.schemas.training import Hyperparameters
from tunesmith.server.settings import Settings
from tunesmith.worker.settings import WorkerSettings

FOLDER = Path(__file__).parents[1] / "docs" / "reference"


def pages() -> dict[str, str]:
    """File name to text."""
    return {"settings.md": _settings(), "errors.md": _errors(), "hyperparameters.md": _hyperparameters()}


def _settings() -> str:
    parts = ["# Settings\n\nGenerated from the code. Each is read once at start, from the environment or the flag.\n"]
    for title, shape, prefix in (
        ("Server", Settings, "TUNESMITH_"),
        ("Worker", WorkerSettings, "TUNESMITH_WORKER_"),
        ("Engine", EngineSettings, "TUNESMITH_ENGINE_"),
    ):
        parts.append(f"## {title}: `tunesmith {title.lower()}`, `{prefix}<FIELD>`\n\n{_table(shape)}")
    return "\n".join(parts)


def _table(shape: type[BaseModel]) -> str:
    notes = _field_notes(shape)
    rows = ["| field | default | what it is |", "|---|---|---|"]
    for name, field in shape.model_fields.items():
        default = "" if field.default_factory or field.is_required() else f"`{_shown(field.default)}`"
        rows.append(f"| `{name}` | {default} | {notes.get(name, '')} |")
    return "\n".join(rows) + "\n"


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(Path(str(part)).name if str(part) == sys.executable else str(part) for part in value)
    return str(value)


def _field_notes(shape: type) -> dict[str, str]:
    """The text literal behind each field."""
    body = ast.parse(inspect.getsource(shape)).body[0]
    assert isinstance(body, ast.ClassDef)
    notes: dict[str, str] = {}
    for field, note in zip(body.body, body.body[1:], strict=False):
        is_field = isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        is_text = isinstance(note, ast.Expr) and isinstance(note.value, ast.Constant)
        if is_field and is_text:
            notes[field.target.id] = " ".join(str(note.value.value).split())
    return notes


def _errors() -> str:
    rows = [
        "# Error codes\n",
        "Generated from the code. Under `/v1` the body is OpenAI's, under `/worker/v1` it is problem+json.\n",
        "| code | status | try again | meaning |",
        "|---|---|---|---|",
    ]
    for kind in errors.error_classes():
        if kind.__module__ != errors.__name__:
            continue
        meaning = " ".join((kind.__doc__ or "").split())
        again = "yes" if kind.retryable else "no"
        rows.append(f"| `{kind.code}` ({kind.__name__}) | {kind.status} | {again} | {meaning} |")
    return "\n".join(rows) + "\n"


def _hyperparameters() -> str:
    rule = inspect.cleandoc(defaults.resolve.__doc__ or "")
    return (
        "# Hyperparameters\n\nGenerated from the code. Given under `method.supervised.hyperparameters`, or under "
        "`hyperparameters` as older clients do. What is `auto` is chosen once the data is counted, and the job shows "
        f"the numbers as soon as the run starts.\n\n{_table(Hyperparameters)}\n## How `auto` is chosen\n\n{rule}\n"
    )


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text)
