"""Environments of peers, and their scripts told by JSON lines."""

import sys
from pathlib import Path

import pytest

from bench import peers

ECHO = """
from commands import serve

def double(number):
    print("noise of the peer")
    return 2 * number

def die():
    raise SystemExit(7)

serve({"double": double, "die": die})
"""


@pytest.fixture
def side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A peer's script in this environment."""
    (tmp_path / "commands.py").write_text((peers.SIDES / "commands.py").read_text())
    (tmp_path / "echo.py").write_text(ECHO)
    monkeypatch.setattr(peers, "SIDES", tmp_path)
    monkeypatch.setattr(peers, "python_of", lambda _peer: sys.executable)
    with peers.Side("any", "echo.py") as running:
        yield running


def test_a_script_answers_command_after_command_whatever_it_prints(side: peers.Side):
    assert [side.ask("double", number=n) for n in (1, 2, 3)] == [2, 4, 6]


def test_a_script_that_ends_is_told_with_its_command_and_status(side: peers.Side):
    with pytest.raises(RuntimeError, match=r"echo\.py ended at 'die' with 7"):
        side.ask("die")


def test_an_environment_is_made_once_and_anew_when_its_pins_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(peers, "ROOT", tmp_path)
    monkeypatch.setattr(peers, "ENVIRONMENTS", tmp_path)
    monkeypatch.setattr(peers, "PINS", {"pip alone": ("pip",)})  # venv brings it: nothing is downloaded
    python = peers.python_of("pip alone")
    mark = tmp_path / "pip alone" / "mark"
    mark.touch()
    assert peers.python_of("pip alone") == python
    assert mark.exists()
    monkeypatch.setattr(peers, "PINS", {"pip alone": ("pip", "pip>=1")})
    assert peers.python_of("pip alone") == python
    assert not mark.exists()


def test_an_environment_that_cannot_be_made_is_told_with_what_pip_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(peers, "ROOT", tmp_path)
    monkeypatch.setattr(peers, "ENVIRONMENTS", tmp_path)
    monkeypatch.setattr(peers, "PINS", {"wrong": ("not a requirement",)})
    with pytest.raises(RuntimeError, match="Invalid requirement"):
        peers.python_of("wrong")


def test_versions_are_read_from_the_pins(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(peers, "PINS", {"both": ("a==1.2", "b[extra]==3")})
    assert peers.versions_of("both") == {"a": "1.2", "b": "3"}
