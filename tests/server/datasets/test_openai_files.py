"""Files with the unmodified openai SDK, strict about every answer, over a real socket."""

import io
import json

import httpx
import openai
import pytest

LINES = [
    {"messages": [{"role": "user", "content": f"question {n}"}, {"role": "assistant", "content": f"answer {n}"}]}
    for n in range(12)
]
JSONL = "".join(json.dumps(line) + "\n" for line in LINES).encode()


@pytest.fixture
def sdk(live_server) -> openai.OpenAI:
    return openai.OpenAI(
        base_url=f"{live_server.base_url}/v1",
        api_key=live_server.admin_key,
        _strict_response_validation=True,
        max_retries=0,
    )


def test_a_file_lives_from_create_to_delete(sdk, tmp_path):
    path = tmp_path / "chäts.jsonl"
    path.write_bytes(JSONL)
    made = sdk.files.create(file=path, purpose="fine-tune")
    assert made.id.startswith("file-")
    assert (made.object, made.bytes, made.filename, made.purpose, made.status, made.status_details) == (
        "file", len(JSONL), "chäts.jsonl", "fine-tune", "processed", None,
    )  # fmt: skip
    assert made._request_id
    assert sdk.files.wait_for_processing(made.id).status == "processed"
    assert sdk.files.retrieve(made.id) == made
    assert [f.id for f in sdk.files.list()] == [made.id]
    assert sdk.files.content(made.id).read() == JSONL
    with sdk.files.with_streaming_response.content(made.id) as streamed:
        assert b"".join(streamed.iter_bytes()) == JSONL
    deleted = sdk.files.delete(made.id)
    assert (deleted.id, deleted.object, deleted.deleted) == (made.id, "file", True)
    with pytest.raises(openai.NotFoundError) as gone:
        sdk.files.retrieve(made.id)
    assert gone.value.body == {
        "message": f"No such File object: {made.id}", "type": "invalid_request_error", "param": "id",
        "code": "not_found",
    }  # fmt: skip


def test_every_page_of_the_list_comes_once(sdk):
    made = [sdk.files.create(file=(f"{n}.jsonl", JSONL), purpose="fine-tune").id for n in range(7)]
    other = sdk.files.create(file=("notes.txt", b"notes"), purpose="user_data").id
    assert [f.id for f in sdk.files.list(limit=3)] == [other, *reversed(made)]
    assert [f.id for f in sdk.files.list(limit=3, order="asc", purpose="fine-tune")] == made
    page = sdk.files.list(limit=3, after=made[5])
    assert [f.id for f in page.data] == [made[4], made[3], made[2]]
    assert page.has_more
    sdk.files.delete(made[5])
    assert [f.id for f in sdk.files.list(limit=3, after=made[5]).data] == [made[4], made[3], made[2]]


def test_a_file_can_be_given_an_end(sdk):
    made = sdk.files.create(
        file=("a.jsonl", JSONL), purpose="fine-tune", expires_after={"anchor": "created_at", "seconds": 3600}
    )
    assert made.expires_at == made.created_at + 3600


def test_bytes_and_open_files_are_taken_as_well_as_paths(sdk):
    named = io.BytesIO(JSONL)
    named.name = "named.jsonl"
    assert sdk.files.create(file=named, purpose="fine-tune").filename == "named.jsonl"
    with pytest.raises(openai.BadRequestError, match=r"Must be \.jsonl"):
        sdk.files.create(file=JSONL, purpose="fine-tune")


@pytest.mark.parametrize(
    ("name", "content", "purpose", "param", "said"),
    [
        ("a.txt", b"a,b", "fine-tune", "file", "Invalid file format for Fine-Tuning API. Must be .jsonl"),
        ("a.jsonl.zip", b"PK\x03\x04", "fine-tune", "file", "Unpack it first"),
        ("a.jsonl.gz", b"\x1f\x8b\x08", "fine-tune", "file", "gzip file ends too early"),
        ("a.csv", b"a,b", "batch", "file", "Invalid file format for Batch API. Must be .jsonl"),
        ("a.jsonl", b"not json", "fine-tune", "file", "Expected file to have JSONL format"),
        ("a.jsonl", b'[\n{"messages": []}\n]', "fine-tune", "file", "Expected file to have JSONL format"),
        ("a.jsonl", b"\x1f\x8b\x08\x00gzip", "fine-tune", "file", "gzip"),
        ("a.jsonl", b"", "fine-tune", "file", "empty"),
        ("a.jsonl", b" \n\n", "fine-tune", "file", "empty"),
        ("a.jsonl", JSONL + b'{"messages": "\xe9"}\n', "fine-tune", "file", "Line 13 holds bytes that are not UTF-8"),
        ("a.jsonl", b"\xff\xfe{\x00", "fine-tune", "file", "UTF-16"),
        ("a.fasta", b"MKVL", "fine-tune", "file", "Expected file to have FASTA format"),
        ("a.jsonl", b">a\nMK", "fine-tune", "file", "name it .fasta"),
        ("a.jsonl", JSONL, "other", "purpose", "Invalid value for 'purpose'"),
        ("a.jsonl", JSONL, "evals", "purpose", "not offered"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_bad_request(sdk, name, content, purpose, param, said):
    with pytest.raises(openai.BadRequestError) as refused:
        sdk.files.create(file=(name, content), purpose=purpose)
    assert refused.value.status_code == 400
    assert said in refused.value.message
    assert refused.value.param == param
    assert refused.value.type == "invalid_request_error"
    assert [f.id for f in sdk.files.list()] == []


@pytest.mark.parametrize("order", ["file first", "purpose first"])
def test_the_order_of_the_form_is_free(live_server, order):
    parts = [("file", ("a.jsonl", JSONL)), ("purpose", (None, "fine-tune"))]
    reply = httpx.post(
        f"{live_server.base_url}/v1/files",
        files=parts if order == "file first" else parts[::-1],
        headers={"Authorization": f"Bearer {live_server.admin_key}"},
    )
    assert reply.status_code == 200, reply.text
    assert reply.json()["purpose"] == "fine-tune"


def test_lines_at_fault_do_not_refuse_the_upload_and_are_in_the_report(sdk):
    made = sdk.files.create(file=("a.jsonl", JSONL + b'{"messages": []}\n'), purpose="fine-tune")
    assert made.status == "processed"
    assert made.status_details is not None
    assert "1 line at fault" in made.status_details
    report = sdk.get(f"/files/{made.id}/report", cast_to=object)
    assert report["n_records"] == 12
    assert report["faults"] == [
        {"line": 13, "code": "invalid_training_file", "param": "messages", "repairs": [{"type": "drop_faulty"}],
         "message": 'Line 13: "messages" must be a list with messages in it, got an empty list.'},
    ]  # fmt: skip


def test_anothers_file_answers_as_one_that_is_not_there(live_server, sdk):
    mine = sdk.files.create(file=("a.jsonl", JSONL), purpose="fine-tune").id
    bob = sdk.with_options(api_key=live_server.new_user("bob"))
    for call in (bob.files.retrieve, bob.files.content, bob.files.delete):
        with pytest.raises(openai.NotFoundError, match="No such File object"):
            call(mine)
    assert list(bob.files.list()) == []
    with pytest.raises(openai.BadRequestError):
        bob.files.list(after=mine)
    assert sdk.files.content(mine).read() == JSONL
