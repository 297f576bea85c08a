"""`tunesmith sign-in`, and keys with scopes: one server for all of them."""

import httpx
import pytest

from tunesmith.cli import browser
from tunesmith.schemas.accounts import SignInLink


def sign_in(url: str) -> httpx.Response:
    base, _, token = url.strip().partition("/sign-in#")
    return httpx.post(f"{base}/v1/session", json={"token": token})


def test_the_link_alone_is_on_stdout_and_signs_in_once(on_server):
    done = on_server("sign-in", "--user", "bea")
    assert done.returncode == 0, done.stderr
    assert "Signs bea in, once" in done.stderr
    signed = sign_in(done.stdout)
    assert (signed.json()["user"], signed.json()["role"]) == ("bea", "member")
    assert sign_in(done.stdout).status_code == 401


def test_json_is_the_wire_object(on_server):
    link = SignInLink.model_validate_json(on_server("sign-in", "--json", "--minutes", "60").stdout)
    assert link.user == "admin"
    assert sign_in(link.url).json()["role"] == "admin"


def test_a_person_makes_no_link_for_others(on_server):
    key = on_server("keys", "create", "--user", "ada").stdout.strip()
    refused = on_server("sign-in", "--user", "bea", "--api-key", key)
    assert (refused.returncode, refused.stdout) == (3, "")
    assert "Only an admin" in refused.stderr
    assert sign_in(on_server("sign-in", "--api-key", key).stdout).json()["user"] == "ada"


def test_a_key_is_restricted_to_the_scopes_that_are_named(on_server):
    key = on_server("keys", "create", "--scope", "read", "--scope", "infer", "--name", "narrow").stdout.strip()
    assert on_server("jobs", "ls", "--api-key", key).returncode == 0
    refused = on_server("keys", "create", "--api-key", key)
    assert refused.returncode == 3
    assert "'manage'" in refused.stderr
    (row,) = [line.split("\t") for line in on_server("keys", "ls").stdout.splitlines() if "narrow" in line]
    assert "read, infer" in row


def test_an_unknown_scope_is_an_error_of_usage(on_server):
    done = on_server("keys", "create", "--scope", "root")
    assert done.returncode == 2
    assert "read, train, infer, manage" in done.stderr


@pytest.mark.parametrize("more", [{"SSH_CONNECTION": "1 2 3 4"}, {"DISPLAY": "", "WAYLAND_DISPLAY": ""}])
def test_no_browser_is_opened_where_nobody_would_see_it(monkeypatch, more):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("SSH_CONNECTION", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISPLAY", ":0")
    assert browser.can_open()
    for name, value in more.items():
        monkeypatch.setenv(name, value)
    assert not browser.can_open()


def test_the_browser_is_told_the_address_and_is_nobodys_child(monkeypatch, tmp_path):
    told = tmp_path / "told"
    program = tmp_path / "a-browser"
    program.write_text(f'#!/bin/sh\nprintf %s "$1" > {told}\n')
    program.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{program} %s")
    assert browser.open_page("http://127.0.0.1:1/sign-in#tsl_x")
    assert told.read_text() == "http://127.0.0.1:1/sign-in#tsl_x"
    monkeypatch.setenv("BROWSER", "false")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not browser.open_page("http://127.0.0.1:1/")
