"""The real imports of src/, read from the source: arrows go one way (ARCHITECTURE.md), and nothing goes in circles."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import tunesmith

ROOT = Path(tunesmith.__file__).parent
SERVER_RANKS = (
    {"accounts"},
    {"storage", "events"},
    {"datasets", "models"},
    {"providers", "jobs"},
    {"inference", "examples"},
    {"evaluation"},
    {"workflows"},
    {"dialects"},
    {"app", "maintenance", "operations", "installation", "openapi", "main", "search", "ui"},
)
FOUNDATIONS = {
    "settings", "db", "clock", "ids", "logs", "error_handler", "invalid_input", "edge", "metrics", "embedded",
    "migrate", "migrations", "tasks",
}  # fmt: skip
MAY_IMPORT = {
    "schemas": set[str](),
    "records": {"schemas"},
    "base_models": {"schemas"},
    "server": {"base_models", "demo", "records", "schemas"},
    "client": {"records", "schemas"},
    "worker": {"client", "schemas"},
    "training": {"base_models", "records", "schemas"},
    "engines": {"base_models", "client", "records", "schemas"},
    "demo": {"base_models", "client", "records", "schemas"},
    "cli": {"base_models", "client", "demo", "records", "schemas"},
}
STARTS_PROCESSES = {"server", "worker", "engine", "up", "doctor", "checks", "processes"}
"""Files of cli/ that may import the process they start, or look at what it needs."""
WITHOUT_TORCH = {"bill", "catalog", "costs", "errors", "prompts", "weights"}
"""Modules of base_models/ that the server may import."""
TORCH = {"torch", "transformers", "peft", "trl", "accelerate", "safetensors", "bitsandbytes", "vllm"}


@dataclass(frozen=True)
class Import:
    """One import statement: `target` is a module of ours, or the name of somebody else's package."""

    source: str
    target: str
    line: int
    lazy: bool
    """Inside a function."""

    def __str__(self) -> str:
        return f"{self.source.replace('.', '/')}.py:{self.line} imports {self.target}"


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    found: dict[str, Path] = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = ("tunesmith", *path.relative_to(ROOT).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports() -> Iterator[Import]:
    """Every import that can run: those for type checkers only are left out."""
    known = modules()
    for name, path in known.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        only_types = {
            id(inner)
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
            for statement in node.body
            for inner in ast.walk(statement)
        }
        lazy = {
            id(inner)
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            for inner in ast.walk(node)
        }
        for node in ast.walk(tree):
            if id(node) in only_types:
                continue
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(name, alias.name, node.lineno, id(node) in lazy)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{name}:{node.lineno} imports relatively"
                for alias in node.names:
                    whole = f"{node.module}.{alias.name}"
                    yield Import(name, whole if whole in known else str(node.module), node.lineno, id(node) in lazy)


IMPORTS = [each for each in imports() if each.source != each.target]
OURS = [each for each in IMPORTS if each.target.startswith("tunesmith.")]


def test_every_package_has_its_arrows_written_down():
    packages = {name.split(".")[1] for name in modules() if name.count(".") >= 1}
    assert packages <= set(MAY_IMPORT), f"no arrows are known for {packages - set(MAY_IMPORT)}"
    domains = {name.split(".")[2] for name in modules() if name.startswith("tunesmith.server.")}
    known = FOUNDATIONS.union(*SERVER_RANKS)
    assert domains <= known, f"no rank is known for server/{domains - known}"


def test_packages_import_only_what_lies_below_them():
    wrong = [each for each in OURS if not _package_may(each)]
    assert not wrong, "\n".join(map(str, wrong))


def _package_may(each: Import) -> bool:
    source, target = each.source.split("."), each.target.split(".")
    if len(source) == 1 or source[1] == target[1] or target[1] in MAY_IMPORT[source[1]]:
        return True
    return source[1] == "cli" and len(source) > 2 and source[2] in STARTS_PROCESSES


def test_domains_of_the_server_import_only_what_lies_below_them():
    wrong = [each for each in OURS if _rank(each.source) is not None and not _domain_may(each)]
    assert not wrong, "\n".join(map(str, wrong))


def _rank(module: str) -> int | None:
    parts = module.split(".")
    if parts[:2] != ["tunesmith", "server"] or len(parts) == 2:
        return None
    return next((i + 1 for i, names in enumerate(SERVER_RANKS) if parts[2] in names), 0)


def _domain_may(each: Import) -> bool:
    target_rank, source_rank = _rank(each.target), _rank(each.source)
    if target_rank is None or source_rank is None:
        return True
    same = each.source.split(".")[2] == each.target.split(".")[2]
    top = len(SERVER_RANKS)
    return same or target_rank < source_rank or source_rank == target_rank in (0, top)


def test_the_server_takes_from_the_base_models_only_what_needs_no_torch():
    wrong = [
        each
        for each in OURS
        if each.source.startswith("tunesmith.server.")
        and each.target.startswith("tunesmith.base_models.")
        and each.target.split(".")[2] not in WITHOUT_TORCH
    ]
    assert not wrong, "\n".join(map(str, wrong))


def test_only_training_engines_and_the_loading_of_base_models_import_torch():
    wrong = [
        each
        for each in IMPORTS
        if each.target.split(".")[0] in TORCH
        and each.source.split(".")[1] not in ("training", "engines")
        and not (each.source.startswith("tunesmith.base_models.") and (each.lazy or each.source.endswith(".load")))
        and not each.source.startswith("tunesmith.cli.doctor")
    ]
    assert not wrong, "\n".join(map(str, wrong))


def test_no_module_imports_its_importer():
    graph: dict[str, set[str]] = {name: set() for name in modules()}
    for each in OURS:
        graph[each.source].add(each.target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as e:
        pytest.fail(f"imports go in a circle: {' <- '.join(e.args[1])}")
