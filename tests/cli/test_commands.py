"""Commands against a live server: tab-separated when piped, wire objects with --json."""

import json

import pytest

from tunesmith.schemas.accounts import ApiKey, CreatedKey
from tunesmith.schemas.models import BaseModelEntry
from tunesmith.schemas.shape import Page

CHAT = '{"messages": [{"role": "user", "content": "hi %d"}, {"role": "assistant", "content": "ho"}]}\n'


@pytest.fixture
def examples(tmp_path):
    path = tmp_path / "examples.jsonl"
    path.write_text("".join(CHAT % n for n in range(12)))
    return path


def test_help_without_a_command_and_the_version(tunesmith):
    assert "Commands:" in tunesmith().stdout
    assert tunesmith("--version").stdout.startswith("tunesmith ")


def test_start_up_is_quick_and_without_heavy_imports(tunesmith):

    done = tunesmith("--help", PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == 0
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not loaded & {"torch", "transformers", "sqlalchemy", "fastapi", "httpx", "pydantic_settings"}


def test_keys_are_made_listed_and_revoked(on_server):
    made = on_server("keys", "create", "--name", "for a test")
    assert made.returncode == 0
    key = made.stdout.strip()
    assert key.startswith("tsk_")
    assert "not shown again" in made.stderr
    listed = on_server("keys", "ls").stdout.splitlines()
    assert listed[0].split("\t")[:3] == ["ID", "NAME", "KIND"]
    (row,) = [line.split("\t") for line in listed if "for a test" in line]
    assert key not in "".join(listed)
    assert on_server("jobs", "ls", "--api-key", key).returncode == 0
    assert on_server("keys", "revoke", row[0]).returncode == 0
    assert on_server("jobs", "ls", "--api-key", key).returncode == 3


def test_json_is_the_object_of_the_api(on_server):
    created = CreatedKey.model_validate_json(on_server("keys", "create", "--name", "wire", "--json").stdout)
    assert created.name == "wire"
    page = Page[ApiKey].model_validate_json(on_server("--json", "keys", "ls").stdout)
    assert created.id in {key.id for key in page.data}
    catalog = Page[BaseModelEntry].model_validate_json(on_server("models", "catalog", "--json").stdout)
    assert {"protein-mini", "smollm2-135m-instruct"} <= {entry.key for entry in catalog.data}


def test_the_catalogue_and_the_models_are_listed(on_server):
    assert "smollm2-135m-instruct\tchat, classification\t135 M" in on_server("models", "catalog").stdout
    assert "protein-mini" in on_server("models", "ls").stdout


def test_a_file_is_added_shown_and_listed(on_server, examples):
    added = on_server("files", "add", str(examples))
    assert added.returncode == 0, added.stderr
    assert "12 (chat)" in added.stdout
    file_id = added.stdout.splitlines()[0].split()[-1]
    assert file_id.startswith("file-")
    assert json.loads(on_server("files", "show", file_id, "--json").stdout)["n_records"] == 12
    assert f"{file_id}\texamples.jsonl\tfine-tune" in on_server("files", "ls").stdout


def test_bad_lines_are_numbered_with_their_reasons(on_server, tmp_path):
    path = tmp_path / "bad.jsonl"
    path.write_text("".join(CHAT % n for n in range(11)) + "{oops\n")
    shown = on_server("files", "add", str(path)).stdout
    assert "bad lines  1" in shown
    assert "Line 12" in shown


def test_a_job_is_made_from_a_path_and_cancelled(on_server, examples):
    made = on_server("train", str(examples), "--model", "smollm2-135m-instruct", "--epochs", "1", "--json")
    assert made.returncode == 0, made.stderr
    job = json.loads(made.stdout)
    assert job["method"]["supervised"]["hyperparameters"]["n_epochs"] == 1
    assert job["training_file"].startswith("file-")
    assert on_server("jobs", "show", job["id"]).stdout.splitlines()[0].split() == ["id", job["id"]]
    assert job["id"] in on_server("jobs", "ls").stdout
    cancelled = on_server("jobs", "cancel", job["id"])
    assert cancelled.stdout == f"{job['id']} is cancelled.\n"


def test_watching_a_job_that_did_not_succeed_is_1(on_server, examples):
    made = json.loads(on_server("train", str(examples), "--model", "smollm2-135m-instruct", "--json").stdout)
    on_server("jobs", "cancel", made["id"])
    watched = on_server("jobs", "watch", made["id"])
    assert watched.returncode == 1
    assert f"Job {made['id']} cancelled" in watched.stderr
    lines = on_server("jobs", "watch", made["id"], "--json").stdout.splitlines()
    assert json.loads(lines[0])["object"] == "fine_tuning.job.event"
    assert json.loads(lines[-1])["object"] == "fine_tuning.job"


def test_training_on_bad_lines_fails_and_tells_the_line(on_server, tmp_path):
    path = tmp_path / "bad.jsonl"
    path.write_text("".join(CHAT % n for n in range(11)) + "{oops\n")
    done = on_server("train", str(path), "--model", "smollm2-135m-instruct", "--follow")
    assert done.returncode == 1
    assert "12" in done.stderr


def test_without_an_engine_chat_says_so(on_server):
    done = on_server("chat", "smollm2-135m-instruct", "hello")
    assert done.returncode == 1
    assert "tunesmith engine" in done.stderr or "tunesmith up" in done.stderr


def test_an_empty_prompt_is_a_usage_error(on_server):
    assert on_server("chat", "smollm2-135m-instruct").returncode == 2


def test_a_data_set_is_made_from_a_table_mended_as_proposed_and_deleted(on_server, tmp_path):
    table = tmp_path / "reviews.csv"
    rows = [f"text number {n},{'YES' if n == 3 else 'no' if n % 2 else 'yes'}" for n in range(16)]
    table.write_text("\n".join(["review,sentiment", *rows, rows[0]]) + "\n")
    made = on_server("datasets", "create", "reviews", str(table))
    assert made.returncode == 0, made.stderr
    assert "names the columns 'review', 'sentiment'" in made.stdout
    first = on_server("datasets", "fix", "reviews", "--proposed")
    assert "version 2: 17 records (+17 set_columns)" in first.stdout, first.stderr
    second = on_server("datasets", "fix", "reviews", "--rename-label", "YES=yes", "--drop-duplicates")
    assert "version 3: 16 records (-1 rename_label, drop_duplicates)" in second.stdout, second.stderr
    nothing = on_server("datasets", "fix", "reviews", "--drop-duplicates")
    assert (nothing.returncode, "change nothing" in nothing.stderr) == (3, True)
    assert on_server("datasets", "fix", "reviews").returncode == 2
    shown = on_server("datasets", "show", "reviews").stdout
    assert [line.split("\t")[0] for line in shown.splitlines() if line[:1].isdigit()] == ["3", "2", "1"]
    listed = on_server("datasets", "ls", "--task", "classification").stdout.splitlines()
    assert listed[1].split("\t")[1:6] == ["reviews", "3", "classification", "16", "0"]
    gone = on_server("datasets", "rm", "reviews")
    assert gone.stdout.endswith("is deleted.\n")
    assert on_server("datasets", "show", "reviews").returncode == 2
