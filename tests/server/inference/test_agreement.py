"""The rule by which an engine is said to do what training saw."""

import pytest

from tunesmith.schemas.models import Probe
from tunesmith.schemas.parity import ProbeAnswer
from tunesmith.server.inference.agreement import judge

TEN = list(range(100, 110))


def chat(**changed) -> Probe:
    return Probe(
        **{"messages": [{"role": "user", "content": "hi"}], "prompt_ids": [1, 2, 3], "output_ids": TEN, **changed}
    )


def test_equal_prompts_and_outputs_pass():
    found = judge([chat(), chat()], [ProbeAnswer(prompt_ids=[1, 2, 3], output_ids=TEN)] * 2)
    assert (found.status, found.prompts_equal, found.output_agreement, found.note) == ("passed", 2, 1.0, "")


def test_one_other_token_in_a_prompt_fails_however_alike_the_outputs_are():
    answer = ProbeAnswer(prompt_ids=[1, 9, 3, 4], output_ids=TEN)
    found = judge([chat(), chat()], [ProbeAnswer(prompt_ids=[1, 2, 3], output_ids=TEN), answer])
    assert (found.status, found.prompts_equal, found.output_agreement) == ("failed", 1, 1.0)
    assert "Prompt 2 has 3 tokens in training and 4 in the engine; they part at token 2" in found.note


@pytest.mark.parametrize(("nats", "status"), [(0.1, "passed"), (0.4, "failed")])
def test_texts_that_part_at_nearly_equal_tokens_pass_and_others_do_not(nats, status):
    parted = [*TEN[:4], 7, 7, 7, 7, 7, 7]
    behind = [0.0] * 4 + [nats, 0.0, 0.0, nats, 0.0, 0.0]
    found = judge([chat()], [ProbeAnswer(prompt_ids=[1, 2, 3], output_ids=parted, behind=behind)])
    assert found.status == status
    assert found.output_agreement == (1.0 if status == "passed" else 0.8)


def test_an_engine_that_ends_early_or_does_not_say_how_near_it_was_counts_as_different():
    found = judge([chat()], [ProbeAnswer(prompt_ids=[1, 2, 3], output_ids=TEN[:3])])
    assert (found.status, found.output_agreement) == ("failed", 0.3)
    assert "3 of 10 tokens agree" in found.note


@pytest.mark.parametrize(
    ("theirs", "status"),
    [([0.6, 0.8], "passed"), ([0.61, 0.79], "passed"), ([0.8, 0.6], "failed"), ([0.6], "failed"), ([0, 0], "failed")],
)
def test_vectors_agree_within_a_hundredth_of_cosine_distance(theirs, status):
    probe = Probe(text="a", prompt_ids=[1], vector=[0.6, 0.8])
    assert judge([probe], [ProbeAnswer(prompt_ids=[1], vector=theirs)]).status == status


@pytest.mark.parametrize(
    ("theirs", "status"),
    [({"a": 0.71, "b": 0.29}, "passed"), ({"a": 0.67, "b": 0.33}, "failed"), ({"a": 0.7, "c": 0.3}, "failed")],
)
def test_probabilities_agree_within_two_hundredths_under_the_same_labels(theirs, status):
    probe = Probe(text="a", prompt_ids=[1], probabilities={"a": 0.7, "b": 0.3})
    assert judge([probe], [ProbeAnswer(prompt_ids=[1], probabilities=theirs)]).status == status


def test_a_probe_that_the_engine_cannot_take_leaves_it_open_and_says_why():
    found = judge([chat(), chat()], [ProbeAnswer(refused="no tools"), ProbeAnswer(prompt_ids=[1, 2, 3])])
    assert (found.status, found.note) == ("impossible", "no tools")
