"""A job as a YAML file, and the faults in one."""

import pytest
import typer

from tunesmith.cli.job_file import read_job


@pytest.fixture
def written(tmp_path):
    def write(text: str):
        path = tmp_path / "job.yaml"
        path.write_text(text)
        return path

    return write


def test_a_job_is_read_as_it_was_written_and_nothing_added(written):
    path = written("model: m\ntraining_file: file-1\nseed: 3\nmethod:\n  type: dpo\n")
    assert read_job(path) == {"model": "m", "training_file": "file-1", "seed": 3, "method": {"type": "dpo"}}


def test_data_lies_beside_the_file_that_names_it(written):
    assert read_job(written("model: m\ntraining_file: ds_1@3\n"))["training_file"] == "ds_1@3"
    path = written("model: m\ntraining_file: data/a.jsonl\nvalidation_file: /srv/b.jsonl\n")
    found = read_job(path)
    assert found["training_file"] == str(path.parent / "data/a.jsonl")
    assert found["validation_file"] == "/srv/b.jsonl"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model: m\n", "'training_file' is missing"),
        ("modle: m\ntraining_file: file-1\n", "no key 'modle'. A job has: model,"),
        ("model: m\ntraining_file: f\nmethod: {type: dpo, dpo: {hyperparameters: {epochs: 3}}}\n", "epochs"),
        ("model: m\ntraining_file: f\nsuffix: 1.0\n", "'suffix' is wrong"),
        ("model: m\ntraining_file: f\nhyperparameters: {n_epochs: 99}\n", "n_epochs"),
        ("- model\n", "must hold keys and values"),
        ("", "must hold keys and values"),
        ("model: [\n", "is not YAML"),
    ],
)
def test_a_fault_names_the_key_and_the_file(written, text, said):
    path = written(text)
    with pytest.raises(typer.BadParameter) as raised:
        read_job(path)
    assert said in raised.value.message
    assert str(path) in raised.value.message


def test_a_file_that_is_not_there_or_not_text_is_said(tmp_path):
    with pytest.raises(typer.BadParameter, match="no file"):
        read_job(tmp_path / "absent.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(typer.BadParameter, match="cannot be read"):
        read_job(tmp_path / "bytes.yaml")


@pytest.fixture
def fasta(tmp_path):
    path = tmp_path / "t.fasta"
    path.write_text("".join(f">s{n}\nMKV{'ACDEFGHIKL'[n % 10] * 8}{'MNPQRSTVWY'[n // 10]}\n" for n in range(20)))
    return path


def test_train_takes_a_file_or_options_and_never_both(on_server, written, fasta):
    path = str(written("model: protein-mini\ntraining_file: t.fasta\nname: from a file\npriority: low\n"))
    made = on_server("train", "--file", path)
    assert made.returncode == 0, made.stderr
    job_id = made.stdout.split()[0]
    assert "from a file" in on_server("jobs", "show", job_id).stdout
    for arguments, said in (
        (("--file", path, "--model", "m"), "--file says the whole job. Write into it what you gave beside it: model"),
        ((str(fasta),), "--model is missing"),
        (("--model", "m"), "FILE is missing"),
        ((str(fasta), "--model", "m", "--set", "n_epochs"), "NAME=VALUE"),
        ((str(fasta), "--model", "m", "--epochs", "2", "--set", "n_epochs=3"), "n_epochs is given twice"),
        ((str(fasta), "--model", "m", "--metadata", "a=b"), "JSON object"),
    ):
        refused = on_server("train", *arguments)
        assert refused.returncode == 2
        assert said in refused.stderr, refused.stderr


def test_jobs_are_filtered_renamed_put_first_told_and_cancelled(on_server, fasta):
    one, two = (
        on_server("train", str(fasta), "--model", "protein-mini", "--name", name, "--json").stdout for name in "xy"
    )
    ids = [text.split('"id":"')[1].split('"')[0] for text in (one, two)]
    assert on_server("jobs", "rename", ids[0], "findable").stdout == f"{ids[0]} is called findable.\n"
    assert on_server("jobs", "priority", ids[0], "high").stdout.startswith(f"{ids[0]} has high priority")
    listed = on_server("jobs", "ls", "--search", "findable").stdout.splitlines()
    assert [line.split("\t")[0] for line in listed] == ["ID", ids[0]]
    assert on_server("jobs", "timeline", ids[0]).stdout.startswith("PHASE\tBEGAN\tLASTED")
    assert "name: findable" in on_server("jobs", "script", ids[0]).stdout
    assert "--name findable" in on_server("jobs", "script", ids[0], "--as", "cli").stdout
    done = on_server("jobs", "cancel", *ids)
    assert (done.returncode, done.stdout.count("is cancelled.")) == (0, 2)
    again = on_server("jobs", "cancel", *ids)
    assert (again.returncode, "2 of 2 were not cancelled" in again.stderr) == (1, True)
    assert ids[0] in on_server("jobs", "ls", "--status", "cancelled", "--status", "failed").stdout
    assert on_server("jobs", "ls", "--status", "asleep").returncode == 3
