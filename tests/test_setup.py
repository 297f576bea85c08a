"""Set-up: what a fresh clone relies on. python3, apt-get and id are small scripts that note how they were called."""

import importlib.util
import os
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[1]
TOOLS = ("sh", "dirname", "cat", "cksum", "uname", "env", "mkdir", "chmod")

FAKE_PYTHON = """#!/bin/sh
echo "python $*" >> "$CALLS"
case "$*" in
    *"version_info < (3, 11)"*) exit {too_old} ;;
    *"import ensurepip, venv"*) [ -e "$CALLS.venv" ] || exit {no_venv} ;;
    *"version_info[:2]"*) echo python3.12 ;;
    *"-m venv"*) for last; do :; done; mkdir -p "$last/bin"; cat "$0" > "$last/bin/python"
        chmod +x "$last/bin/python" ;;
    *"-m pip --version"* | *urllib*) exit 1 ;;
    *"-m pip install"*) exit {pip_fails} ;;
esac
"""
FAKE_APT = """#!/bin/sh
echo "apt-get $*" >> "$CALLS"
cat /dev/null > "$CALLS.venv"
"""


class Clone:
    """A clone in a folder of its own, and a PATH with nothing but a few tools and what the test puts there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "clone"
        (self.folder / "scripts").mkdir(parents=True)
        shutil.copy(ROOT / "scripts/bootstrap", self.folder / "scripts/bootstrap")
        for name in ("pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, self.folder / name)
        self.path = folder / "bin"
        self.path.mkdir()
        for tool in TOOLS:
            (self.path / tool).symlink_to(shutil.which(tool) or pytest.skip(f"no {tool} here"))
        self._calls = folder / "calls"

    def add(self, name: str, script: str) -> None:
        (self.path / name).write_text(script)
        (self.path / name).chmod(0o755)

    def add_python(self, *, too_old: int = 0, no_venv: int = 0, pip_fails: int = 0, name: str = "python3") -> None:
        script = FAKE_PYTHON.replace("{too_old}", str(too_old)).replace("{no_venv}", str(no_venv))
        self.add(name, script.replace("{pip_fails}", str(pip_fails)))

    def bootstrap(self) -> subprocess.CompletedProcess[str]:
        env = {"PATH": str(self.path), "CALLS": str(self._calls)}
        return subprocess.run([self.folder / "scripts/bootstrap"], env=env, capture_output=True, text=True, check=False)

    def calls(self) -> list[str]:
        found = self._calls.read_text().splitlines() if self._calls.exists() else []
        self._calls.unlink(missing_ok=True)
        return found


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


def test_without_python_every_system_is_told_its_command(clone: Clone) -> None:
    done = clone.bootstrap()
    assert done.returncode == 1
    assert "Python 3.11 or newer was not found" in done.stderr
    for command in (
        "apt-get install -y python3 python3-venv",
        "dnf install -y",
        "brew install python",
        "wsl --install",
    ):
        assert command in done.stderr


def test_a_python_that_is_too_old_is_passed_over_for_a_newer_one(clone: Clone) -> None:
    clone.add_python(too_old=1)
    clone.add_python(name="python3.12")
    assert clone.bootstrap().returncode == 0
    assert any("-m venv" in call for call in clone.calls())


def test_the_pins_are_followed_and_a_second_run_only_looks_at_the_page(clone: Clone) -> None:
    clone.add_python()
    assert clone.bootstrap().returncode == 0
    installs = [call for call in clone.calls() if "pip install" in call]
    assert len(installs) == 1
    assert "--constraint constraints.txt --editable .[train,dev]" in installs[0]
    assert clone.bootstrap().returncode == 0
    assert clone.calls() == ["python scripts/build_page.py"]


def test_changed_pins_are_installed_again(clone: Clone) -> None:
    clone.add_python()
    clone.bootstrap()
    clone.calls()
    (clone.folder / "constraints.txt").write_text("torch==2.13.1\n")
    assert clone.bootstrap().returncode == 0
    assert any("pip install" in call for call in clone.calls())


def test_a_failed_installation_is_tried_again_next_time(clone: Clone) -> None:
    clone.add_python(pip_fails=1)
    done = clone.bootstrap()
    assert done.returncode == 1
    assert "run the same command again" in done.stderr
    clone.add_python()
    shutil.copy(clone.path / "python3", clone.folder / ".venv/bin/python")
    assert clone.bootstrap().returncode == 0


def test_root_on_debian_gets_the_missing_venv_module_installed(clone: Clone) -> None:
    clone.add_python(no_venv=1)
    clone.add("apt-get", FAKE_APT)
    clone.add("id", "#!/bin/sh\necho 0\n")
    assert clone.bootstrap().returncode == 0
    assert "apt-get install -y python3.12-venv" in clone.calls()


def test_without_root_the_line_to_run_is_printed_and_nothing_is_installed(clone: Clone) -> None:
    clone.add_python(no_venv=1)
    clone.add("apt-get", FAKE_APT)
    clone.add("id", "#!/bin/sh\necho 1000\n")
    done = clone.bootstrap()
    assert done.returncode == 1
    assert "sudo sh -c 'apt-get update && apt-get install -y python3.12-venv'" in done.stderr
    assert not any("apt-get" in call for call in clone.calls())


def test_every_package_of_the_installation_is_pinned_to_what_is_tested() -> None:
    pins = dict(
        line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if line and line[0] != "#"
    )
    needed = dict(_script("pin").closure(Requirement("tunesmith[train,dev]")))
    assert {name: pins.get(name) for name in needed} == needed
    assert pins["torch"] == Version(version("torch")).public, "a local part such as +cpu would exclude other platforms"


def test_the_page_is_built_again_when_its_sources_change_and_only_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_page = _script("build_page")
    asked: list[str] = []
    monkeypatch.setattr(build_page, "WEB", tmp_path / "web")
    monkeypatch.setattr(build_page, "STAMP", tmp_path / ".built-from")
    monkeypatch.setattr(build_page, "_npm", lambda *arguments: asked.append(arguments[0]))
    monkeypatch.delenv("TUNESMITH_WEB", raising=False)
    (tmp_path / "web/src").mkdir(parents=True)
    (tmp_path / "web/package-lock.json").write_text("{}")
    (tmp_path / "web/src/a.tsx").write_text("1")

    def asked_by_a_build() -> list[str]:
        asked.clear()
        build_page.build()
        return asked

    assert asked_by_a_build() == ["install", "run"]
    assert asked_by_a_build() == []
    (tmp_path / "web/src/a.test.tsx").write_text("a test is no part of the page")
    assert asked_by_a_build() == []
    (tmp_path / "web/src/a.tsx").write_text("2")
    assert asked_by_a_build() == ["install", "run"]


def _script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / f"scripts/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_make_help_tells_every_target() -> None:
    text = (ROOT / "Makefile").read_text()
    (phony,) = [line for line in text.splitlines() if line.startswith(".PHONY:")]
    told = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True, env=_plain_environment())
    for target in phony.split()[1:]:
        assert f"make {target} " in told.stdout


def test_ci_runs_what_a_developer_runs() -> None:
    script = (ROOT / ".ci/run").read_text()
    assert "make --no-print-directory check" in script
    assert "make --no-print-directory test" in script
    assert os.access(ROOT / ".ci/run", os.X_OK)


def _plain_environment() -> dict[str, str]:
    """Without what an outer make hands down."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
