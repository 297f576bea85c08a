"""`python -m bench`: which benches run, and what becomes of one that breaks."""

import sys
from types import SimpleNamespace

import pytest

from bench import __main__ as command


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """Three benches that note how they were run; `broken` breaks."""
    notes: list[tuple[str, bool]] = []

    def bench(name: str) -> SimpleNamespace:
        def run(*, quick: bool) -> None:
            notes.append((name, quick))
            if name == "broken":
                raise RuntimeError("no such peer")

        return SimpleNamespace(run=run)

    names = ("first", "broken", "last")
    for name in names:
        monkeypatch.setitem(sys.modules, f"bench.{name}", bench(name))
    monkeypatch.setattr(command, "BENCHES", names)
    return notes


def test_all_run_in_order_and_one_that_breaks_does_not_keep_the_others(ran: list[tuple[str, bool]]):
    assert command.main([]) == 1
    assert ran == [("first", False), ("broken", False), ("last", False)]


def test_named_ones_run_alone(ran: list[tuple[str, bool]]):
    assert command.main(["last", "--quick"]) == 0
    assert ran == [("last", True)]


def test_an_unknown_name_is_refused_before_anything_runs(
    ran: list[tuple[str, bool]], capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit):
        command.main(["first", "frist"])
    assert ran == []
    assert "no bench is called frist" in capsys.readouterr().err


def test_each_listed_bench_is_there():
    import importlib

    for name in command.BENCHES:
        assert callable(importlib.import_module(f"bench.{name}").run)
