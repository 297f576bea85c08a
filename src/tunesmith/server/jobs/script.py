"""A job as curl, Python, a command line and YAML: each makes the same job, with all that is usual left out."""

import json
import pprint
import shlex
from collections.abc import Mapping
from typing import Any

import yaml

from tunesmith.schemas.jobs import JobCreate, JobScript

PATH = "/v1/fine_tuning/jobs"
OPENAI = ("model", "training_file", "validation_file", "suffix", "seed", "metadata", "method")
"""What the openai package takes by name; the rest goes as extra_body."""
LINE = 100
OPTIONS = {
    "model": "--model",
    "task": "--task",
    "adaptation": "--adaptation",
    "validation_file": "--validation",
    "validation_split": "--validation-split",
    "suffix": "--suffix",
    "seed": "--seed",
    "name": "--name",
    "priority": "--priority",
    "project": "--project",
    "output_model": "--output-model",
    "output_weights": "--output-weights",
}
NUMBERS = {
    "n_epochs": "--epochs",
    "batch_size": "--batch-size",
    "learning_rate": "--learning-rate",
    "lora_rank": "--lora-rank",
    "max_seq_len": "--max-seq-len",
}
"""The same of hyperparameters; others go by --set."""
"""Of `tunesmith train`, by the body's key."""


def script_of(body: JobCreate, base_url: str) -> JobScript:
    """The job of this body. `base_url` is the server's, without /v1."""
    wanted = minimal(body)
    return JobScript(
        curl=_curl(wanted, base_url), python=_python(wanted, base_url), cli=_cli(wanted, base_url), yaml=_yaml(wanted)
    )


def minimal(body: JobCreate) -> dict[str, Any]:
    """The body as JSON without what is left to its default; hyperparameters stand in `method`."""
    given = body.model_dump(mode="json", exclude_defaults=True, exclude={"method", "hyperparameters", "integrations"})
    kind = body.training_method.value
    hyperparameters = body.wanted_hyperparameters().model_dump(mode="json", exclude_defaults=True)
    if hyperparameters:
        given["method"] = {"type": kind, kind: {"hyperparameters": hyperparameters}}
    elif kind != "supervised":
        given["method"] = {"type": kind}
    return given


def _curl(wanted: Mapping[str, Any], base_url: str) -> str:
    body = json.dumps(wanted, indent=2, ensure_ascii=False)
    lines = (
        f"curl --fail-with-body {shlex.quote(base_url + PATH)}",
        '-H "Authorization: Bearer $TUNESMITH_API_KEY"',
        '-H "Content-Type: application/json"',
        f"-d {shlex.quote(body)}",
    )
    return " \\\n  ".join(lines) + "\n"


def _python(wanted: Mapping[str, Any], base_url: str) -> str:
    known = {key: wanted[key] for key in OPENAI if key in wanted}
    ours = {key: value for key, value in wanted.items() if key not in known}
    arguments = [f"    {key}={_literal(value)}," for key, value in known.items()]
    if ours:
        arguments.append(f"    extra_body={_literal(ours)},")
    lines = (
        "import os",
        "",
        "from openai import OpenAI",
        "",
        f'client = OpenAI(base_url={_literal(base_url + "/v1")}, api_key=os.environ["TUNESMITH_API_KEY"])',
        "job = client.fine_tuning.jobs.create(",
        *arguments,
        ")",
        "print(job.id, job.status)",
    )
    return "\n".join(lines) + "\n"


def _literal(value: Any) -> str:
    text = pprint.pformat(value, width=LINE, sort_dicts=False)
    return text.replace("\n", "\n    ")


def _cli(wanted: Mapping[str, Any], base_url: str) -> str:
    parts = [f"tunesmith --url {shlex.quote(base_url)} train {shlex.quote(wanted['training_file'])}"]
    parts += [f"{OPTIONS[key]} {shlex.quote(str(wanted[key]))}" for key in OPTIONS if key in wanted]
    method: Mapping[str, Any] = wanted.get("method", {})
    kind = method.get("type", "supervised")
    if kind != "supervised":
        parts.append(f"--method {kind}")
    hyperparameters: Mapping[str, Any] = method.get(kind, {}).get("hyperparameters", {})
    for name, value in hyperparameters.items():
        number = json.dumps(value)
        parts.append(f"{NUMBERS[name]} {number}" if name in NUMBERS else f"--set {shlex.quote(f'{name}={number}')}")
    if "metadata" in wanted:
        parts.append(f"--metadata {shlex.quote(json.dumps(wanted['metadata'], ensure_ascii=False))}")
    return " \\\n  ".join(parts) + "\n"


def _yaml(wanted: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(wanted), sort_keys=False, allow_unicode=True, width=LINE)
