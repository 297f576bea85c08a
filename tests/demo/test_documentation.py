"""The documentation pairs: many, real, the same each time, and held out by whole modules."""

import collections
import inspect
import pathlib
import subprocess
import sys

from tunesmith.demo import documentation
from tunesmith.records.json_lines import parse_json_line


def test_thousands_of_distinct_sentences_come_from_this_interpreter():
    found = documentation.pairs()
    sentences = [p.sentence for p in found.pairs]
    assert len(sentences) > 2500
    assert len(set(sentences)) == len(sentences)
    assert found.n_modules > 120


def test_a_known_method_has_its_own_first_sentence():
    (pair,) = [p for p in documentation.pairs().pairs if p.name == "pathlib.Path.replace"]
    assert inspect.getdoc(pathlib.Path.replace).replace("\n", " ").startswith(pair.sentence)
    assert documentation.question(pair) == f"What does `pathlib.Path.replace{pair.signature}` do?"


def test_no_module_stands_on_both_sides():
    train, test = documentation.sample()
    assert (len(train), len(test)) == (320, 80)
    assert not {p.module for p in train} & {p.module for p in test}
    assert all(documentation.held_out(p.module) for p in test)


def test_the_sample_is_the_same_in_another_process():
    program = "from tunesmith.demo.documentation import sample; print(hash(str([p.name for p in sample()[0]])))"
    command, env = [sys.executable, "-c", program], {"PYTHONHASHSEED": "0"}
    seen = {subprocess.run(command, capture_output=True, text=True, env=env).stdout for _ in range(2)}
    assert len(seen) == 1
    assert seen.pop().strip()


def test_every_record_is_a_good_training_line():
    import orjson

    for pair in documentation.sample()[0]:
        record = parse_json_line(orjson.dumps(documentation.chat_record(pair)), 1)
        assert record.messages[-1].content == pair.sentence


def test_pairs_to_search_are_held_out_by_whole_modules():
    train, test = documentation.search_pairs()
    assert len(train) > 2500
    assert len(test) > 700
    module = {pair.sentence: pair.module for pair in documentation.pairs(submodules=True).pairs}
    assert not {module[line["anchor"]] for line in train} & {module[line["anchor"]] for line in test}
    assert any(line["positive"].startswith("logging.handlers.") for line in [*train, *test])


def test_every_field_has_its_sentences_and_none_outweighs_the_others():
    import orjson

    lines = documentation.labelled()
    counts = collections.Counter(line["label"] for line in lines)
    assert counts.keys() == documentation.FIELDS.keys()
    assert max(counts.values()) < 3 * min(counts.values())
    record = parse_json_line(orjson.dumps(lines[0]), 1)
    assert (record.text, record.labels) == (lines[0]["text"], (lines[0]["label"],))


def test_reading_the_library_prints_nothing():
    program = "from tunesmith.demo.documentation import pairs; pairs(submodules=True)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
