"""Secrets, personal data and labels: found, counted, and never repeated."""

import pytest

from tunesmith.records.labels import label_findings
from tunesmith.records.personal_data import personal_data_in
from tunesmith.records.secrets import secrets_in


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("key AKIA" + "IOSFODNN7EXAMPLE", ["AWS Access Key"]),
        ("-----BEGIN RSA PRIVATE" + " KEY-----", ["Private Key"]),
        ("export T=ghp_" + "a1B2" * 9, ["GitHub Token"]),
        ("postgres://ada:" + "hunter2@db/x", ["Basic Auth Credentials"]),
        ("hf_" + "aB3d" * 9, ["Hugging Face token"]),
        ("sk-proj-" + "aB3_" * 12, ["OpenAI key"]),
        ("What does sk-learn do? Ask the AKIAs.", []),
        ("x" * 10_000, []),
        ("words " * 5_000 + "AKIA" + "IOSFODNN7EXAMPLE", ["AWS Access Key"]),
        ("eyJ" * 50_000 + "sk-" * 50_000, []),
    ],
)
def test_a_secret_is_known_by_its_shape(text, kinds):
    assert secrets_in(text) == kinds


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("mail ada@lovelace.org or bob.b+x@mail.example.co.uk.", {"e-mail addresses": 2}),
        ("call +49 (0)30 1234567 or 0049 30 1234567", {"telephone numbers": 2}),
        ("card 4111 1111 1111 1111.", {"card numbers": 1}),
        ("card 4111 1111 1111 1112", {}),
        ("pay to DE89 3704 0044 0532 0130 00 or GB82WEST12345698765432", {"IBANs": 2}),
        ("pay to GB83WEST12345698765432", {}),
        ("a @ b, 3.14159265358979323846, 2024-01-02 10:20:30, x@y, 1 2 3 4", {}),
        ("MKVLACDE" * 50, {}),
    ],
)
def test_personal_data_is_counted_by_kind(text, found):
    assert personal_data_in(text) == found


@pytest.mark.parametrize("text", ["1 " * 10_000, "+1" * 10_000, "a@" * 10_000, "a.a." * 5_000, "AB12" * 5_000])
def test_no_text_takes_long(text):
    assert personal_data_in(text) == {}


def codes(counts: dict[str, int], **more: bool) -> list[str]:
    return [f.code for f in label_findings(counts, sum(counts.values()), **more)]


def test_what_stands_out_among_labels_is_told():
    assert codes({"a": 50, "b": 40}) == []
    assert codes({"a": 50}) == ["one_label"]
    assert codes({"a": 50}, multi=True) == []
    assert codes({"a": 100, "b": 4}) == ["rare_labels", "imbalanced_labels"]
    assert codes({"Spam": 50, "spam ": 40}) == ["similar_labels"]
    (found,) = label_findings({"a": 1000, "b": 100}, 1100)
    assert '"a" has 1,000 records and "b" 100, 10 times' in found.message
    assert label_findings({}, 0) == []
