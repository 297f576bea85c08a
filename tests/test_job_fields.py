"""The page's form has the server's bounds and words."""

import importlib.util
import json
from pathlib import Path

ROOT = Path(__file__).parents[1]
spec = importlib.util.spec_from_file_location("job_fields", ROOT / "scripts" / "job_fields.py")
assert spec is not None
assert spec.loader is not None
job_fields = importlib.util.module_from_spec(spec)
spec.loader.exec_module(job_fields)


def test_the_file_is_what_the_code_would_write():
    assert job_fields.FILE.read_text() == job_fields.fields(), "run scripts/job_fields.py"


def test_every_hyperparameter_has_its_bounds_and_its_line():
    told = json.loads(job_fields.fields())["hyperparameters"]
    assert told["n_epochs"] == {
        "type": "integer",
        "auto": True,
        "min": 1,
        "max": 50,
        "help": "Passes over the data, 1-50.",
    }
    assert told["lr_schedule"]["choices"] == ["linear", "cosine", "constant"]
    assert [name for name, field in told.items() if not field.get("help")] == []
