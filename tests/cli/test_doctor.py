"""`tunesmith doctor`: a missing thing is named with the command that mends it."""

import json
import socket

from tunesmith.cli import checks
from tunesmith.cli.checks import Machine


def test_a_machine_that_has_everything_is_told_so(tunesmith, tmp_path):
    done = tunesmith("doctor", "--json", "--data-dir", str(tmp_path))
    found = {finding["subject"]: finding for finding in json.loads(done.stdout)["data"]}
    assert {"Python", "training", "memory", "data folder", "port", "database", "base models"} <= set(found)
    for needed in ("Python", "training", "data folder", "database"):
        assert found[needed]["state"] == "ok", found[needed]
    missing = [subject for subject, finding in found.items() if finding["state"] == "missing"]
    assert done.returncode == (1 if missing else 0)


def test_a_database_that_does_not_answer_is_missing(monkeypatch, tmp_path):
    monkeypatch.setenv("TUNESMITH_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    finding = checks.database(Machine(tmp_path, 8000))
    assert finding.state == "missing"
    assert "TUNESMITH_DATABASE_URL" in finding.mend


def test_training_packages_that_lack_are_named_with_the_command(monkeypatch, tmp_path):
    monkeypatch.setattr(checks, "TRAIN", ("torch", "no_such_package"))
    finding = checks.training(Machine(tmp_path, 8000))
    assert finding.state == "missing"
    assert "no_such_package" in finding.found
    assert "pip install 'tunesmith[train]'" in finding.mend


def test_a_busy_port_is_a_note_with_another_one(tmp_path):
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        finding = checks.port(Machine(tmp_path, port))
    assert finding.state == "note"
    assert f"--port {port + 1}" in finding.mend


def test_a_full_disk_is_missing_room(monkeypatch, tmp_path):
    monkeypatch.setattr(checks, "MODELS_NEED_BYTES", 10**18)
    finding = checks.data_folder(Machine(tmp_path / "not" / "made" / "yet", 8000))
    assert finding.state == "missing"
    assert "--data-dir" in finding.mend


def test_a_release_that_the_registry_lacks_is_not_offered():
    assert not checks._registry_has("pip==0.0.0.0.1")
