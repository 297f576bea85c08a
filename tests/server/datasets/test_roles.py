"""What the report says of columns and keys: their roles, examples that give nothing away, and what they could be."""

import json

from tunesmith.server.datasets.validation import FileCheck, Findings

KEY = "AKIA" + "IOSFODNN7EXAMPLE"


def check(content: str, file_format: str = "csv", *, hints: bool = True) -> Findings:
    looking = FileCheck(file_format, hints=hints)  # type: ignore[arg-type]
    looking.feed(content.encode())
    return looking.finish()


def shown(found: Findings) -> list[tuple[str, str | None, list[str]]]:
    return [(each.name, each.role, each.examples) for each in found.roles]


def test_columns_are_shown_with_their_roles_and_first_distinct_values():
    found = check("ID,Text,label\n1,a,x\n2,b,x\n3,,y\n4,c,y\n5,d,z\n6,e,w\n")
    assert shown(found) == [("ID", None, ["1", "2", "3"]), ("Text", "text", ["a", "b", "c"]),
                            ("label", "label", ["x", "y", "z"])]  # fmt: skip
    assert {"text", "label", "prompt", "sequence", "anchor"} <= set(found.possible_roles)


def test_unknown_columns_have_no_role_and_still_examples():
    found = check("Frage,Antwort\nWas?,Das.\n")
    assert shown(found) == [("Frage", None, ["Was?"]), ("Antwort", None, ["Das."])]


def test_keys_of_json_lines_are_shown_in_the_order_in_which_they_came():
    lines = [{"prompt": "p", "completion": "c", "metadata": {"a": 1}}, {"extra": 1, "prompt": "q", "completion": "d"}]
    found = check("\n".join(map(json.dumps, lines)), "jsonl")
    assert shown(found) == [("prompt", "prompt", ["p", "q"]), ("completion", "completion", ["c", "d"]),
                            ("metadata", None, ['{"a":1}']), ("extra", None, ["1"])]  # fmt: skip
    assert "messages" in found.possible_roles


def test_examples_are_short_and_hold_neither_secrets_nor_personal_data():
    rows = ["text,label", f"use {KEY},a", "mail ada@lovelace.org,a", "x " * 100 + ",b", '"two\nlines",b']
    (text, _) = check("\n".join(rows)).roles
    assert text.examples == [("x " * 40)[:79] + "…", "two lines"]
    late = check("text,label\n" + "y " * 60 + f"{KEY},a\n")
    assert late.roles[0].examples == [], "nor what begins before a secret"


def test_fasta_has_no_columns_and_a_jobs_check_asks_for_none():
    found = check(">a\nMKV\n", "fasta")
    assert (found.roles, found.possible_roles) == ([], [])
    found = check("a,b\n1,2\n", hints=False)
    assert (found.roles, found.faults[0].repairs, found.n_faults) == ([], [], 1)
