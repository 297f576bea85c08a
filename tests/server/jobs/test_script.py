"""A job as a body, a program, a command line and a file: each makes the same job again."""

import json
import os
import shlex
import subprocess
import sys

import httpx
import pytest
import yaml

from tunesmith.schemas.jobs import JobCreate
from tunesmith.server.jobs import script

JOBS = "/v1/fine_tuning/jobs"
FASTA = "".join(f">s{n}\nMKV{'ACDEFGHIKL'[n % 10] * 8}{'MNPQRSTVWY'[n // 10]}\n" for n in range(40))
URL = "https://lab.example"
ODD = """it's "odd"; $(rm -rf /) `x` \\ %s {a} é"""
WANTED = {
    "model": "protein-mini",
    "suffix": "mine",
    "seed": 7,
    "name": ODD,
    "priority": "high",
    "project": "default",
    "task": "protein",
    "adaptation": "full",
    "validation_split": 0.2,
    "metadata": {"a=b": ODD, "team": "x"},
    "method": {
        "type": "supervised",
        "supervised": {
            "hyperparameters": {"n_epochs": 3, "learning_rate": 0.0005, "weight_decay": 0.1, "use_rslora": True}
        },
    },
    "output_model": "ada/proteins",
    "output_weights": "merged",
}
TOLD_ANEW = {
    "id", "created_at", "queued_at", "status", "queue", "progress", "sparkline", "error", "finished_at", "result_files"
}  # fmt: skip


@pytest.fixture
def api(live_server):
    """A client of the live server as its admin."""
    headers = {"Authorization": f"Bearer {live_server.admin_key}"}
    with httpx.Client(base_url=live_server.base_url, headers=headers) as client:
        yield client


@pytest.fixture
def first(api):
    """A job with everything that can be said of one, as it was answered."""
    uploaded = api.post("/v1/files", files={"file": ("t.fasta", FASTA)}, data={"purpose": "fine-tune"}).json()
    made = api.post(JOBS, json=WANTED | {"training_file": uploaded["id"]})
    assert made.status_code == 200, made.text
    return made.json()


def same(one, other):
    """Whether two jobs are one but for what each has of its own."""
    kept = [{k: v for k, v in job.items() if k not in TOLD_ANEW} for job in (one, other)]
    assert kept[0] == kept[1]
    return one["id"] != other["id"]


def test_the_config_makes_the_same_job_again(api, first):
    found = api.get(f"{JOBS}/{first['id']}/config").json()
    again = api.post(JOBS, json=found["request"])
    assert again.status_code == 200, again.text
    assert same(again.json(), first)
    assert api.get(f"{JOBS}/{again.json()['id']}/config").json() == found


@pytest.mark.parametrize("language", ["python", "cli", "curl", "yaml"])
def test_each_text_runs_and_makes_the_same_job(api, first, live_server, tmp_path, language):
    text = api.get(f"{JOBS}/{first['id']}/script").json()[language]
    done = run(language, text, tmp_path, live_server)
    assert done.returncode == 0, done.stderr
    newest = api.get(JOBS, params={"limit": 1}).json()["data"][0]
    assert same(newest, first)
    body = api.get(f"{JOBS}/{newest['id']}/config").json()["request"]
    assert body == api.get(f"{JOBS}/{first['id']}/config").json()["request"]


def run(language, text, folder, live_server):
    """The text as its reader would run it, with the key in the environment and `tunesmith` on the path."""
    tools = folder / "bin"
    tools.mkdir()
    (tools / "tunesmith").write_text(f'#!/bin/sh\nexec {sys.executable} -m tunesmith.cli.main "$@"\n')
    (tools / "tunesmith").chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TUNESMITH_")}
    environment = kept | {"TUNESMITH_API_KEY": live_server.admin_key, "PATH": f"{tools}:{os.environ['PATH']}"}
    if language == "yaml":
        (folder / "job.yaml").write_text(text)
        text = f"tunesmith --url {live_server.base_url} train --file {shlex.quote(str(folder / 'job.yaml'))}"
    command = [sys.executable, "-c", text] if language == "python" else ["sh", "-ec", text]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_what_is_usual_is_left_out():
    body = JobCreate(model="m", training_file="file-1")
    found = script.script_of(body, URL)
    assert yaml.safe_load(found.yaml) == {"model": "m", "training_file": "file-1"}
    assert found.cli.split() == f"tunesmith --url {URL} train file-1 \\ --model m".split()
    assert "extra_body" not in found.python
    assert "TUNESMITH_API_KEY" in found.python
    assert "TUNESMITH_API_KEY" in found.curl


def test_the_deprecated_place_of_hyperparameters_is_told_as_method():
    body = JobCreate.model_validate({"model": "m", "training_file": "f", "hyperparameters": {"n_epochs": 2}})
    method = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2}}}
    assert script.minimal(body)["method"] == method
    dpo = JobCreate.model_validate({"model": "m", "training_file": "f", "method": {"type": "dpo"}})
    assert script.minimal(dpo)["method"] == {"type": "dpo"}


def test_every_field_of_a_job_has_its_flag():
    """Or the command line would make another job than the body."""
    said_otherwise = {
        "training_file", "metadata", "method", "hyperparameters", "integrations", "backend", "provider"
    }  # fmt: skip
    assert set(script.OPTIONS) | said_otherwise == set(JobCreate.model_fields)


async def test_a_body_is_told_as_a_script_without_making_a_job(remote):
    reply = await remote.http.post(
        "/v1/fine_tuning/script", json={"model": "m", "training_file": "file-1", "seed": 3}, headers=remote.bearer()
    )
    found = reply.json()
    assert json.loads(found["curl"].split("-d ")[1].strip().strip("'"))["seed"] == 3
    assert "--seed 3" in found["cli"]
    assert (await remote.get(JOBS))["data"] == []
    for body in ({"model": "m"}, {"model": "m", "training_file": "f", "name": "a\x00"}, {"n_trials": 2}):
        refused = await remote.http.post("/v1/fine_tuning/script", json=body, headers=remote.bearer())
        assert refused.status_code == 400


async def test_the_config_has_the_numbers_once_the_run_has_told_them(remote, trained):
    found = await remote.get(f"{JOBS}/{trained['id']}/config")
    assert (found["request"]["method"]["supervised"]["hyperparameters"]["n_epochs"], found["resolved"]["n_epochs"]) == (
        "auto",
        2,
    )
    assert (await remote.get(f"{JOBS}/{await remote.queued()}/config"))["resolved"] is None
