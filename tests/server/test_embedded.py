"""The embedded PostgreSQL lets in the user it runs for, wherever its socket lies."""

import os
import pwd
import shutil
import subprocess

import psycopg
import pytest

from tunesmith.server import embedded

_PYTHON = shutil.which("python3", path="/usr/bin:/usr/local/bin")
"""A Python that every user can run."""
_LOGIN = """
import socket, struct, sys
with socket.socket(socket.AF_UNIX) as s:
    s.connect(sys.argv[1])
    words = struct.pack(">i", 196608) + b"user\\0postgres\\0database\\0postgres\\0\\0"
    s.sendall(struct.pack(">i", len(words) + 4) + words)
    print(s.recv(500).decode(errors="replace"))
"""
"""A login as postgres in PostgreSQL's own protocol, with nothing but the standard library."""


@pytest.mark.parametrize("depth", [0, 12])
def test_it_serves_this_user_also_under_a_path_too_long_for_a_socket(tmp_path, depth):
    folder = tmp_path.joinpath(*["a-rather-long-name"] * depth)
    folder.mkdir(parents=True, exist_ok=True)
    for _ in range(2):
        with embedded.running(folder) as postgres, psycopg.connect(postgres.url) as c:
            assert c.execute("SELECT session_user").fetchone() == ("postgres",)
            socket_dir = c.execute("SHOW unix_socket_directories").fetchone()[0]
            assert len(f"{socket_dir}/.s.PGSQL.5432") < 104
            rules = c.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall()
    assert rules == [("peer",)]


def test_a_first_start_that_was_killed_is_made_anew(tmp_path):
    folder = tmp_path / "postgres"
    folder.mkdir()
    (folder / "PG_VERSION").write_text("18\n")  # initdb writes it first of all
    (tmp_path / "postgres.making").write_text("999999999")
    with embedded.running(tmp_path) as postgres, psycopg.connect(postgres.url) as c:
        assert c.execute("SELECT 1").fetchone() == (1,)
        c.execute("CREATE TABLE kept (n int)")
    assert not (tmp_path / "postgres.making").exists()
    with embedded.running(tmp_path) as postgres, psycopg.connect(postgres.url) as c:
        assert c.execute("SELECT count(*) FROM kept").fetchone() == (0,)


@pytest.mark.skipif(os.geteuid() != 0 or _PYTHON is None, reason="only root can be another user")
def test_another_user_of_the_machine_is_not_let_in(tmp_path):
    nobody = pwd.getpwnam("nobody")
    folder = tmp_path.joinpath(*["a-rather-long-name"] * 12)
    folder.mkdir(parents=True)
    with embedded.running(folder) as postgres:
        socket_dir = postgres.url.partition("host=")[2]
        found = subprocess.run(
            [_PYTHON, "-c", _LOGIN, f"{socket_dir}/.s.PGSQL.5432"],
            user=nobody.pw_uid, capture_output=True, text=True, timeout=60, cwd="/",
        )  # fmt: skip
    assert found.stdout.startswith("E"), found.stdout + found.stderr  # the protocol's ErrorResponse
    assert "28000" in found.stdout  # invalid_authorization_specification
