"""Where the address and the key come from."""

from pathlib import Path

import pytest

from tunesmith.client import Config
from tunesmith.schemas.errors import Invalid, Unauthenticated


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for name in ("TUNESMITH_URL", "TUNESMITH_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TUNESMITH_DATA_DIR", str(tmp_path))


def test_the_local_server_and_its_admin_key_are_the_default(tmp_path: Path):
    (tmp_path / "admin.key").write_text("ts-admin\n")
    found = Config.find()
    assert (found.base_url, found.key()) == ("http://127.0.0.1:8000", "ts-admin")


def test_an_address_with_v1_is_understood():
    assert Config.find("http://box:8000/v1/", "k").base_url == "http://box:8000"


def test_the_environment_names_server_and_key(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TUNESMITH_URL", "https://far.example")
    monkeypatch.setenv("TUNESMITH_API_KEY", "ts-far")
    assert (Config.find().base_url, Config.find().key()) == ("https://far.example", "ts-far")


def test_this_machine_s_admin_key_is_not_sent_to_a_remote_server(tmp_path: Path):
    (tmp_path / "admin.key").write_text("ts-admin")
    with pytest.raises(Unauthenticated, match="TUNESMITH_API_KEY"):
        Config.find("https://far.example").key()
    assert Config.find("https://far.example", data_dir=tmp_path).key() == "ts-admin"


def test_no_key_names_the_places_that_were_looked_at(tmp_path: Path):
    with pytest.raises(Unauthenticated, match=r"admin\.key does not exist"):
        Config.find().key()


def test_a_bad_address_is_refused():
    with pytest.raises(Invalid, match="localhost:8000"):
        Config.find("localhost:8000")
