"""Question and answer pairs from the Python standard library's own documentation, read from the running interpreter.

For each public function, method and class: its qualified name, its signature, and the first sentence of its docstring.
Real text under the PSF licence that is on every machine, so nothing is downloaded or copied.
"""

import contextlib
import hashlib
import importlib
import inspect
import io
import pkgutil
import random
import re
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

SHORTEST, LONGEST = 20, 160
"""Characters of a sentence that is used."""
HELD_OUT_OF = 6
LEFT_OUT = frozenset(
    {
        # These open a browser, print, or run something when they are imported.
        "antigravity", "this", "idlelib", "turtledemo", "__phello__",
        # Graphical ones need a screen.
        "tkinter", "turtle", "lib2to3",
        # These are of one platform only, and would make the pairs differ between machines.
        "curses", "msvcrt", "winreg", "winsound", "nt", "posix", "pwd", "grp", "spwd", "crypt", "nis", "ossaudiodev",
        "fcntl", "termios", "tty", "pty", "readline", "resource", "syslog", "msilib", "test", "ensurepip", "venv",
    }
)  # fmt: skip
FIELDS = {
    "networking": (
        "asynchat asyncore cgi ftplib http imaplib ipaddress netrc nntplib poplib select selectors smtpd smtplib "
        "socket socketserver ssl telnetlib urllib webbrowser wsgiref xmlrpc"
    ),
    "concurrency": "asyncio concurrent contextvars multiprocessing queue sched signal subprocess threading",
    "numbers": "calendar cmath datetime decimal fractions math numbers random statistics time zoneinfo",
    "files": (
        "bz2 dbm filecmp fileinput fnmatch genericpath glob gzip io lzma mailbox ntpath os pathlib posixpath shelve "
        "shutil stat tarfile tempfile zipapp zipfile zlib"
    ),
    "text": (
        "base64 binascii codecs configparser csv difflib email encodings gettext html json locale plistlib quopri re "
        "string textwrap tomllib unicodedata xml"
    ),
    "code": (
        "ast bdb code codeop compileall dis doctest gc importlib inspect linecache modulefinder pdb pkgutil "
        "pstats pyclbr runpy symtable sys sysconfig timeit tokenize trace traceback tracemalloc types "
        "unittest warnings zipimport"
    ),
}
"""What a top-level module is about: the classes of `labelled`. Modules of no clear field have none."""
TESTS = frozenset({"test", "tests", "idle_test"})


@dataclass(frozen=True)
class Pair:
    """A documented thing: `module` is its top-level module, `name` qualified, `sentence` the first of its docstring."""

    module: str
    name: str
    signature: str
    sentence: str


@dataclass(frozen=True)
class Documentation:
    """All pairs of this interpreter, sorted by name, one for each distinct sentence."""

    pairs: tuple[Pair, ...]
    n_modules: int
    n_failed: int
    """Modules that could not be imported here."""


@cache
def pairs(*, submodules: bool = False) -> Documentation:
    """Every pair of this interpreter's standard library; about a second, then kept.

    With `submodules` those of packages too, under their top-level module: a third more.
    """
    modules = sorted(m for m in sys.stdlib_module_names if not m.startswith("_") and m not in LEFT_OUT)
    found: list[Pair] = []
    n_read = failed = 0
    for name in modules:
        module = _imported(name)
        if module is None:
            failed += 1
            continue
        n_read += 1
        found += _of_module(module)
        if submodules:
            below, n_missing = _below(module)
            n_read += len(below)
            failed += n_missing
            found += [pair for each in below for pair in _of_module(each)]
    return Documentation(tuple(_distinct(found)), n_read, failed)


def held_out(module: str) -> bool:
    """Whether the module is held out whole, so that no neighbour of a test record is trained on."""
    return int(hashlib.md5(module.encode(), usedforsecurity=False).hexdigest(), 16) % HELD_OUT_OF == 0


def sample(n_train: int = 320, n_held_out: int = 80, *, seed: int = 0) -> tuple[list[Pair], list[Pair]]:
    """Pairs to train on and pairs held out, drawn by `seed`; never from the same module."""
    everything = pairs().pairs
    rng = random.Random(seed)
    train = rng.sample([p for p in everything if not held_out(p.module)], n_train)
    test = rng.sample([p for p in everything if held_out(p.module)], n_held_out)
    return train, test


def question(pair: Pair) -> str:
    """What is asked about the pair."""
    return f"What does `{pair.name}{pair.signature}` do?"


def chat_record(pair: Pair) -> dict[str, Any]:
    """The pair as one line of a chat training file."""
    return {"messages": [{"role": "user", "content": question(pair)}, {"role": "assistant", "content": pair.sentence}]}


def preferences(
    n_train: int = 320, n_held_out: int = 160, *, seed: int = 0
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Lines of preference files, drawn as `sample` draws: the documented sentence is preferred to that of another
    thing of the same module, so that only knowing what a name means tells the two apart."""
    by_module: dict[str, list[str]] = {}
    for pair in pairs().pairs:
        by_module.setdefault(pair.module, []).append(pair.sentence)
    rng = random.Random(f"rejected:{seed}")

    def lines(chosen: list[Pair]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for pair in chosen:
            others = [sentence for sentence in by_module[pair.module] if sentence != pair.sentence]
            if others:  # a module with one documented thing has nothing to reject
                found.append(preference_record(pair, rng.choice(others)))
        return found

    train, test = sample(n_train, n_held_out, seed=seed)
    return lines(train), lines(test)


def preference_record(pair: Pair, rejected: str) -> dict[str, Any]:
    """The pair as one line of a preference file, with the sentence that is not its."""
    return {
        "input": {"messages": [{"role": "user", "content": question(pair)}]},
        "preferred_output": [{"role": "assistant", "content": pair.sentence}],
        "non_preferred_output": [{"role": "assistant", "content": rejected}],
    }


def search_pairs() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Lines of an embedding file, to train on and held out by module: each sentence with the name and signature that
    it documents, submodules among them."""
    everything = pairs(submodules=True).pairs
    train, test = ([p for p in everything if held_out(p.module) is out] for out in (False, True))
    return [search_record(p) for p in train], [search_record(p) for p in test]


def search_record(pair: Pair) -> dict[str, Any]:
    """The pair as one line of an embedding file: the sentence searches, name and signature are found."""
    return {"anchor": pair.sentence, "positive": f"{pair.name}{pair.signature}"}


def labelled() -> list[dict[str, Any]]:
    """Lines of a classification file: each sentence with the field of its module, by name; submodules among them.

    To be held out at random, never by module: the module is what decides the field.
    """
    field_of = {module: field for field, modules in FIELDS.items() for module in modules.split()}
    found = pairs(submodules=True).pairs
    return [{"text": pair.sentence, "label": field_of[pair.module]} for pair in found if pair.module in field_of]


def _imported(name: str) -> ModuleType | None:
    """The module, quietly; None when it cannot be imported here (a missing system library, say)."""
    quiet = io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module(name)
        except (ImportError, OSError, AttributeError, RuntimeError):
            return None


def _of_module(module: ModuleType) -> Iterator[Pair]:
    for name, thing in _members(module):
        if inspect.isclass(thing):
            yield from _pair(module, f"{module.__name__}.{name}", thing)
            for attribute, method in _members(thing):
                if callable(method) and not inspect.isclass(method):
                    yield from _pair(module, f"{module.__name__}.{name}.{attribute}", method)
        elif callable(thing):
            yield from _pair(module, f"{module.__name__}.{name}", thing)


def _below(package: ModuleType) -> tuple[list[ModuleType], int]:
    """The package's public submodules, and how many could not be imported here."""
    found: list[ModuleType] = []
    failed = 0
    for info in pkgutil.walk_packages(getattr(package, "__path__", []), f"{package.__name__}.", onerror=lambda _: None):
        if any(part.startswith("_") or part in TESTS for part in info.name.split(".")):
            continue
        module = _imported(info.name)
        if module is None:
            failed += 1
        else:
            found.append(module)
    return found, failed


def _members(owner: Any) -> Iterator[tuple[str, Any]]:
    for name in sorted(vars(owner)):
        if name.startswith("_"):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                yield name, getattr(owner, name)
            except AttributeError:
                continue


def _pair(module: ModuleType, name: str, thing: Any) -> Iterator[Pair]:
    home = getattr(thing, "__module__", None)
    top = module.__name__.split(".")[0]
    if isinstance(home, str) and home.split(".")[0] != top:
        return
    sentence = _first_sentence(getattr(thing, "__doc__", None))
    if sentence is not None:
        yield Pair(top, name, _signature(thing), sentence)


def _signature(thing: Any) -> str:
    try:
        return str(inspect.signature(thing))
    except (ValueError, TypeError):
        return "()"


def _first_sentence(doc: Any) -> str | None:
    if not isinstance(doc, str):
        return None
    paragraph = inspect.cleandoc(doc).split("\n\n")[0]
    sentence = re.split(r"(?<=[.!?])\s", " ".join(paragraph.split()))[0]
    if not SHORTEST <= len(sentence) <= LONGEST or not sentence[0].isalpha() or not sentence.endswith("."):
        return None
    # A memory address would make the pair differ from run to run.
    return None if " at 0x" in sentence else sentence


def _distinct(found: list[Pair]) -> list[Pair]:
    """One pair a sentence, the first by name; signatures that hold a memory address are left out."""
    kept: dict[str, Pair] = {}
    for pair in sorted(found, key=lambda p: p.name):
        if " at 0x" not in pair.signature:
            kept.setdefault(pair.sentence, pair)
    return sorted(kept.values(), key=lambda p: p.name)
