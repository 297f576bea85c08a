"""What the demo says of a model, and when it calls itself failed."""

import pytest

from tunesmith.cli import demo_report
from tunesmith.cli.command import Cli, Connection
from tunesmith.cli.exit_codes import WorkFailed
from tunesmith.schemas.models import Comparison, Estimate, ModelVersion


def model(*verdicts: str) -> ModelVersion:
    comparisons = [
        Comparison(
            set="clusters",
            metric="perplexity",
            count=31,
            before=Estimate(value=16.41, low=16.3, high=16.5),
            after=Estimate(value=10.44, low=9.31, high=11.8),
            difference=Estimate(value=-5.97, low=-7.07, high=-4.65),
            verdict=verdict,  # pyright: ignore[reportArgumentType]
            sentence=f"{verdict}: as told",
        )
        for verdict in verdicts
    ]
    return ModelVersion.model_construct(id="ft:protein-mini:default:x:1", comparisons=comparisons)


def test_the_table_has_every_held_out_set_with_its_intervals(capsys):
    demo_report.comparisons(Cli(Connection()), model("better", "undecided"))
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["held", "out", "records", "metric", "before", "after", "difference", "verdict"]
    assert "16.4 (16.3 to 16.5)  10.4 (9.31 to 11.8)  -5.97 (-7.07 to -4.65)  better" in rows[0]
    assert "undecided: the interval holds zero" in rows[1]
    assert head.index("before") == rows[0].index("16.4 (")


def test_a_worse_model_fails_the_demo_and_is_named():
    with pytest.raises(WorkFailed, match="ft:protein-mini:default:x:1: worse: as told"):
        demo_report.raise_if_worse([model("better"), model("better", "worse")])


def test_an_undecided_comparison_is_no_failure():
    demo_report.raise_if_worse([model("better", "undecided")])


def test_how_to_go_on_holds_commands_that_can_be_pasted(capsys, tmp_path):
    demo_report.how_to_go_on(Cli(Connection()), "http://127.0.0.1:8000", tmp_path, model(), model())
    out = capsys.readouterr().out
    assert f"{demo_report.program()} chat ft:protein-mini:default:x:1 --data-dir {tmp_path}" in out
    assert "curl http://127.0.0.1:8000/v1/chat/completions" in out
    assert 'OpenAI(base_url="http://127.0.0.1:8000/v1"' in out
