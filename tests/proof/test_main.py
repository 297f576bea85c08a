"""`python -m proof`: its exit code, its tables, and what it keeps of the estimates' errors."""

from pathlib import Path

import pytest
import yaml
from proof.outcome import Outcome
from proof.table import show

from proof import __main__ as command


@pytest.fixture
def carried_out(monkeypatch: pytest.MonkeyPatch):
    """What the runs will have come to."""

    def give(*outcomes: Outcome) -> None:
        monkeypatch.setattr(command, "prove", lambda runs, home, *, quick: list(outcomes))

    return give


def test_it_fails_when_one_run_misses_its_bar(carried_out, outcome):
    carried_out(outcome())
    assert command.main(["chat-lora"]) == 0
    carried_out(outcome(), outcome(after=3.0))
    assert command.main(["chat-lora"]) == 1
    carried_out(outcome(judged=[], cost=None, fault="out of memory"))
    assert command.main(["chat-lora"]) == 1


def test_a_run_that_is_not_there_is_refused_with_those_that_are(capsys):
    with pytest.raises(SystemExit, match="2"):
        command.main(["nonsense"])
    assert "protein-full" in capsys.readouterr().err


def test_the_markdown_table_has_figures_intervals_and_errors(outcome, capsys):
    show([outcome(), outcome(judged=[], cost=None, fault="out of memory")], markdown=True)
    lines = capsys.readouterr().out.splitlines()
    assert {line.count("|") for line in lines[:4]} == {14}
    assert "3.600 (3.500-3.700) | 2.500 (2.400-2.600)" in lines[2]
    assert "100 s (+10 %)" in lines[2]
    assert "(-25 %)" in lines[2]
    assert lines[2].rstrip(" |").endswith("passed")
    assert "FAILED: out of memory" in lines[3]


def test_errors_are_recorded_in_place_of_the_same_runs_older_ones(tmp_path: Path, outcome):
    costs = tmp_path / "costs.yaml"
    costs.write_text("# kept\nstart_s: 7.0\n\nrecorded: []\n")
    command.record([outcome(), outcome(name="protein-full")], costs)
    command.record([outcome(name="protein-full", cost=None), outcome()], costs)
    text = costs.read_text()
    assert text.startswith("# kept\nstart_s: 7.0\n")
    assert yaml.safe_load(text)["recorded"] == [
        {"run": "chat-lora", "memory_percent": -25.0, "time_percent": 10.0},
        {"run": "protein-full", "memory_percent": -25.0, "time_percent": 10.0},
    ]
