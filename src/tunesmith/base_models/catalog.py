"""The catalogue of base models: one YAML file of ours, and one of the operator's added to it."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import yaml
from pydantic import ValidationError

from tunesmith.schemas.errors import Invalid, ModelNotFound
from tunesmith.schemas.models import BaseModelEntry, FolderSource, HubSource


@dataclass(frozen=True)
class Catalog:
    """Base models in the order of the files."""

    entries: list[BaseModelEntry]

    def get(self, name: str) -> BaseModelEntry:
        """The entry with this key, alias or hub id. Raises ModelNotFound."""
        for entry in self.entries:
            if name in names_of(entry):
                return entry
        raise ModelNotFound(name)


def load_catalog(extra: Path | None = None) -> Catalog:
    """Our catalogue with the operator's entries behind it.

    Raises Invalid, naming the file, the entry and the field, when a file cannot be read, has a wrong field, or uses a
    name twice. Folder sources of `extra` are read relative to that file.
    """
    ours = files("tunesmith.base_models") / "catalog.yaml"
    entries = _parse(ours.read_text(encoding="utf-8"), "catalog.yaml")
    if extra is not None:
        try:
            text = extra.read_text(encoding="utf-8")
        except OSError as e:
            raise Invalid(f"The catalogue {extra} cannot be read ({e.strerror}). Check the path.") from e
        entries += [_from(extra.resolve().parent, entry) for entry in _parse(text, str(extra))]
    _unique(entries)
    return Catalog(entries)


def names_of(entry: BaseModelEntry) -> set[str]:
    """Every name that means this entry: its key, its aliases, its hub id."""
    names = {entry.key, *entry.aliases}
    if isinstance(entry.source, HubSource):
        names.add(entry.source.repo)
    return names


def _parse(text: str, where: str) -> list[BaseModelEntry]:
    try:
        data: Any = yaml.safe_load(text)
    except yaml.YAMLError as e:
        raise Invalid(f"The catalogue {where} is not valid YAML: {e}") from e
    models = cast("dict[str, Any]", data).get("models") if isinstance(data, dict) else None
    if not isinstance(models, list):
        raise Invalid(f'The catalogue {where} needs a list "models" at its top.')
    return [_entry(raw, i, where) for i, raw in enumerate(cast("list[Any]", models))]


def _entry(raw: Any, index: int, where: str) -> BaseModelEntry:
    try:
        return BaseModelEntry.model_validate(raw)
    except ValidationError as e:
        fault = e.errors()[0]
        field = ".".join(str(part) for part in fault["loc"])
        raise Invalid(f"The catalogue {where}, models[{index}].{field}: {fault['msg']}.", param=field) from e


def _from(folder: Path, entry: BaseModelEntry) -> BaseModelEntry:
    if not isinstance(entry.source, FolderSource):
        return entry
    path = str((folder / Path(entry.source.path).expanduser()).resolve())
    return entry.model_copy(update={"source": FolderSource(path=path)})


def _unique(entries: list[BaseModelEntry]) -> None:
    seen: dict[str, str] = {}
    for entry in entries:
        for name in names_of(entry):
            if name in seen:
                raise Invalid(f"The catalogue names {name!r} twice, in {seen[name]!r} and {entry.key!r}. Rename one.")
            seen[name] = entry.key
