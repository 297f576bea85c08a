"""Writes web/src/api/job-fields.json from the shape of a job: what the page's form needs of each field, so that its
bounds and words are the server's.

`python scripts/job_fields.py` writes; tests/test_job_fields.py fails when the file differs from what this would write.
"""

import json
import re
from pathlib import Path
from typing import Any

from tunesmith.schemas.jobs import JobCreate
from tunesmith.schemas.training import Hyperparameters

FILE = Path(__file__).parents[1] / "web" / "src" / "api" / "job-fields.json"
TYPED = ("suffix", "name", "output_model", "seed", "validation_split")
"""Fields of the job itself that a person types."""
BOUNDS = {
    "minimum": "min",
    "maximum": "max",
    "exclusiveMinimum": "above",
    "exclusiveMaximum": "below",
    "minLength": "minLength",
    "maxLength": "maxLength",
    "maxItems": "maxItems",
    "pattern": "pattern",
    "enum": "choices",
}


def fields() -> str:
    """The file's text."""
    numbers = Hyperparameters.model_json_schema()["properties"]
    shape = JobCreate.model_json_schema()
    job = {name: shape["properties"][name] for name in TYPED}
    told = {
        "hyperparameters": {name: _field(schema) for name, schema in numbers.items()},
        "job": {name: _field(schema) for name, schema in job.items()},
    }
    text = json.dumps(told, indent=2, ensure_ascii=False)
    # A list of choices on one line, as the page's formatter has it.
    return re.sub(r"\[\s+([^\[\]{}]*?)\s+\]", lambda found: f"[{' '.join(found[1].split())}]", text) + "\n"


def _field(schema: dict[str, Any]) -> dict[str, Any]:
    """Type, bounds, default and help; `auto` says that the server chooses unless told."""
    branches: list[dict[str, Any]] = schema.get("anyOf", [schema])
    auto = any(branch.get("const") == "auto" for branch in branches)
    main = next(branch for branch in branches if branch.get("const") != "auto" and branch.get("type") != "null")
    found: dict[str, Any] = {"type": main["type"], "auto": auto}
    found |= {name: main[key] for key, name in BOUNDS.items() if key in main}
    if "items" in main:
        found["items"] = {name: main["items"][key] for key, name in BOUNDS.items() if key in main["items"]}
    if schema.get("description"):
        found["help"] = " ".join(schema["description"].split())
    return found


if __name__ == "__main__":
    FILE.write_text(fields(), encoding="utf-8")
