"""Calls, retries and errors against a real server."""

import hashlib
import tracemalloc
from pathlib import Path

import pytest
from fastapi import Response
from fastapi.responses import JSONResponse

from tunesmith.client import AsyncTunesmith, ServerUnreachable, Tunesmith, UnreadableReply, problem_of
from tunesmith.schemas import errors
from tunesmith.schemas.worker import ReportRequest


def test_upload_streams_the_file_without_holding_it(client: Tunesmith, site, tmp_path: Path):
    path = tmp_path / "data.jsonl"
    with path.open("wb") as f:
        for _ in range(24):
            f.write(b"x" * 1024 * 1024)
    sent: list[int] = []
    tracemalloc.start()
    file = client.files.create(path, on_progress=sent.append)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert file.bytes == 24 * 1024 * 1024
    assert site.uploaded_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert sent[-1] == file.bytes
    # The server of this test shares the process and spools its own copy in pieces.
    assert peak_bytes < 12 * 1024 * 1024


def test_an_upload_that_met_a_busy_server_is_sent_whole_again(client: Tunesmith, site, tmp_path: Path):
    path = tmp_path / "data.jsonl"
    path.write_bytes(b"abc")
    site.answers.append(JSONResponse(errors.Unavailable("busy").body(), 503))
    assert client.files.create(path).bytes == 3
    keys = [r["headers"]["idempotency-key"] for r in site.requests]
    assert len(keys) == 2
    assert keys[0] == keys[1]


async def test_the_async_client_makes_the_same_calls(async_client: AsyncTunesmith, site, tmp_path: Path):
    path = tmp_path / "data.jsonl"
    path.write_bytes(b"abc")
    assert (await async_client.files.create(path, purpose="fine-tune")).filename == "data.jsonl"
    assert (await async_client.files.list()).data[0].id == "file-1"
    assert site.requests[0]["headers"]["authorization"] == "Bearer ts-test"


def test_a_job_is_created_with_openai_s_method_and_only_what_was_given(client: Tunesmith, site):
    job = client.jobs.create(model="m", training_file="file-1", hyperparameters={"n_epochs": 2})
    assert job.id == "ftjob-1"
    assert site.requests[-1]["body"] == {
        "model": "m",
        "training_file": "file-1",
        "method": {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2}}},
    }


def test_a_model_name_with_slashes_and_colons_arrives_whole(client: Tunesmith, site):
    assert client.models.retrieve("ft:org/base:me::1").id == "ft:org/base:me::1"
    assert site.requests[-1]["path"] == "/v1/models/ft:org%2Fbase:me::1"


def test_keys_of_a_newer_server_are_passed_over(client: Tunesmith):
    assert len(client.files.list().data) == 1


def test_an_error_body_becomes_its_class_with_code_and_param(client: Tunesmith, site):
    site.answers.append(JSONResponse(errors.JobNotFound("ftjob-9").body(), 404))
    with pytest.raises(errors.JobNotFound) as caught:
        client.jobs.retrieve("ftjob-9")
    assert caught.value.param == "fine_tune_id"
    assert "ftjob-9" in caught.value.message


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "unknown_parameter", errors.Invalid),
        (400, "in_use", errors.InUse),
        (401, "invalid_api_key", errors.Unauthenticated),
        (404, None, errors.NotFound),
        (405, "method_not_supported", errors.MethodNotAllowed),
        (413, "too_large", errors.TooLarge),
        (418, None, errors.Invalid),
        (429, "rate_limit_exceeded", errors.LimitReached),
        (500, None, errors.Internal),
        (503, "no_engine", errors.NoEngine),
        (507, None, errors.StorageFull),
    ],
)
def test_each_status_and_code_raises_its_class(client: Tunesmith, site, status: int, code: str | None, expected: type):
    body = {"error": {"message": "said", "type": "x", "param": None, "code": code}}
    site.answers += [JSONResponse(body, status) for _ in range(3)]
    with pytest.raises(errors.TunesmithError) as caught:
        client.files.list()
    assert type(caught.value) is expected
    assert caught.value.message == "said"
    if code:
        assert caught.value.error_code == code


def test_every_class_of_the_tree_comes_back_by_its_own_code():
    from tunesmith.client.errors import build

    for kind in errors.error_classes():
        if "code" in kind.__dict__:
            assert type(build(kind.status, kind.code, "m", None)) is kind, kind


def test_a_worker_s_problem_carries_the_job_and_epoch(client: Tunesmith, site):
    from tunesmith.client.resources.worker import Lease

    body = '{"title":"LeaseLost","status":409,"code":"lease_lost","detail":"gone","job_id":"ftjob-1","epoch":3}'
    site.answers.append(Response(body, 409, media_type="application/problem+json"))
    with pytest.raises(errors.LeaseLost) as caught:
        client.worker.report(Lease("ftjob-1", 3, "lease"), ReportRequest(epoch=3, report_seq=1))
    problem = problem_of(caught.value)
    assert problem is not None
    assert (problem.job_id, problem.epoch) == ("ftjob-1", 3)
    assert site.requests[-1]["headers"]["authorization"] == "Bearer lease"
    assert "idempotency-key" not in site.requests[-1]["headers"]


def test_a_409_from_a_proxy_is_no_problem_of_ours(client: Tunesmith, site):
    site.answers.append(Response("<html>409</html>", 409, media_type="text/html"))
    with pytest.raises(errors.WorkerConflict) as caught:
        client.files.list()
    assert problem_of(caught.value) is None


def test_a_login_page_is_not_taken_for_an_answer(client: Tunesmith, site):
    site.answers.append(Response("<html>Sign in</html>", 200, media_type="text/html"))
    with pytest.raises(UnreadableReply, match="TUNESMITH_URL"):
        client.files.list()


@pytest.mark.parametrize(
    ("status", "headers", "tries"),
    [
        (500, {}, 3),
        (429, {"retry-after": "1"}, 3),
        (408, {}, 3),
        (409, {"retry-after": "1"}, 3),
        (409, {}, 1),
        (400, {}, 1),
        (429, {"retry-after": "500"}, 1),
        (500, {"x-should-retry": "false"}, 1),
    ],
)
def test_what_is_worth_a_retry(client: Tunesmith, site, status: int, headers: dict[str, str], tries: int):
    site.answers += [JSONResponse({}, status, headers) for _ in range(5)]
    with pytest.raises(errors.TunesmithError):
        client.files.list()
    assert len(site.requests) == tries


def test_retry_after_is_how_long_it_waits(client: Tunesmith, site):
    naps: list[float] = []
    client.sender.sleep = naps.append
    site.answers += [JSONResponse({}, 503, {"retry-after": "7"}), JSONResponse({}, 500)]
    client.files.list()
    assert naps[0] == 7
    assert 0.75 <= naps[1] <= 1.0


def test_a_server_that_is_away_is_told_with_the_next_step():
    client = Tunesmith("http://127.0.0.1:9", "k", max_retries=0)
    with client, pytest.raises(ServerUnreachable, match="tunesmith up"):
        client.files.list()


def test_a_missing_file_is_told_before_anything_is_sent(client: Tunesmith, site, tmp_path: Path):
    with pytest.raises(errors.Invalid, match=r"nothing\.jsonl"):
        client.files.create(tmp_path / "nothing.jsonl")
    assert site.requests == []
