"""Every error is one line with the next step, and an exit code that means something."""

import pytest

from tunesmith.cli.exit_codes import FAILED, REFUSED, UNREACHABLE, code_of
from tunesmith.client import ServerUnreachable
from tunesmith.schemas.errors import Internal, LimitReached, ModelNotFound, NoEngine, StateConflict, Unauthenticated


def one_line(done) -> str:
    (line,) = done.stderr.splitlines()
    assert line.startswith("tunesmith: ")
    assert done.stdout == ""
    return line


def test_no_server_is_4_and_says_how_to_start_one(tunesmith):
    done = tunesmith("jobs", "ls", "--url", "http://127.0.0.1:9")
    assert done.returncode == 4
    assert "tunesmith up" in one_line(done)


def test_a_page_that_is_not_ours_is_4(on_server, tunesmith):
    url = on_server("keys", "ls", "--json")  # the server answers; its HTML page is another program's answer
    assert url.returncode == 0
    done = tunesmith("keys", "ls", "--url", "ftp://example.org")
    assert done.returncode == 3
    assert "http://host:port" in one_line(done)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nonsense"], "No such command"),
        (["jobs", "show"], "Missing argument"),
        (["jobs"], "Missing command"),
        (["train", "x.jsonl"], "--model is missing"),
        (["train", "absent.jsonl", "--model", "m"], "There is no file absent.jsonl"),
        (["files", "add", "absent.jsonl"], "does not exist"),
        (["generate", "m", "-n", "1000"], "--number"),
        (["server", "--no-such-setting", "1"], "No such option: --no-such-setting"),
        (["server", "--lease-ttl-s", "soon"], "--lease-ttl-s"),
        (["up", "--lease-ttl-s"], "requires a value"),
    ],
)
def test_usage_is_2_and_points_at_the_help(tunesmith, arguments, told):
    done = tunesmith(*arguments)
    assert done.returncode == 2
    line = one_line(done)
    assert told in line
    assert "--help" in line


def test_what_the_server_refuses_is_3(on_server):
    for arguments in (
        ["jobs", "show", "ftjob-absent"],
        ["files", "show", "file-absent"],
        ["models", "show", "ft:no:such::model"],
        ["keys", "revoke", "key_absent"],
        ["keys", "ls", "--api-key", "tsk_wrong"],
    ):
        done = on_server(*arguments)
        assert done.returncode == 3, (arguments, done.stderr)
        one_line(done)


def test_no_key_names_the_ways_to_give_one(on_server, tmp_path):
    done = on_server("keys", "ls", "--data-dir", str(tmp_path))
    assert done.returncode == 3
    assert "TUNESMITH_API_KEY" in one_line(done)


def test_a_class_of_error_decides_its_code():
    assert code_of(ServerUnreachable("away")) == UNREACHABLE
    assert code_of(NoEngine("none")) == FAILED
    assert code_of(Internal("ours")) == FAILED
    assert code_of(StateConflict("no")) == REFUSED
    assert code_of(ModelNotFound("m")) == REFUSED
    assert code_of(Unauthenticated("no")) == REFUSED
    assert code_of(LimitReached("later")) == REFUSED
    assert code_of(OSError("disk")) == FAILED
    assert code_of(KeyError("a fault of ours shows its trace")) is None
