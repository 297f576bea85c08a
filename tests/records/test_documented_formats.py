"""Every example of docs/reference/data-formats.md is read as the kind that the page says it is."""

import re
from pathlib import Path

from tunesmith.records.read import read_records
from tunesmith.records.tables import COLUMNS
from tunesmith.schemas.records import RecordKind

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "data-formats.md").read_text(encoding="utf-8")


def test_every_kind_has_an_example_that_is_read(tmp_path):
    seen: set[RecordKind] = set()
    for section in PAGE.split("\n## ")[1:]:
        heading = section.partition("\n")[0]
        for file_format, example in re.findall(r"```(jsonl|csv|fasta)\n(.*?)```", section, re.DOTALL):
            path = tmp_path / "example"
            path.write_text(example, encoding="utf-8")
            kinds = {record.kind for _, record in read_records(path, file_format)}
            assert len(kinds) == 1
            assert all(f"`{kind}`" in heading for kind in kinds), (heading, kinds)
            seen |= kinds
    assert seen == set(RecordKind)


def test_every_column_is_named_on_the_page():
    columns = {column for needed, more in COLUMNS for column in needed | more}
    assert not [column for column in columns if not re.search(rf"\b{column}\b", PAGE)]
