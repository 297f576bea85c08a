"""Uploads as a stream: flat memory, nothing left of what was cut off, forms in every odd shape."""

import asyncio
import gc
import json
import time

import psutil
import pytest

BOUNDARY = "b0undary"
MIB = 1024**2


def form(*parts: tuple[str, str | None, bytes], end: bool = True) -> bytes:
    """A multipart body of (name, filename, content)."""
    body = b""
    for name, filename, content in parts:
        named = f'; filename="{filename}"' if filename is not None else ""
        body += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode()
        body += content + b"\r\n"
    return body + (f"--{BOUNDARY}--\r\n".encode() if end else b"")


PURPOSE = ("purpose", None, b"fine-tune")
LINE = json.dumps({"prompt": "a", "completion": "b"}).encode() + b"\n"


@pytest.fixture
def post(server):
    """Posts a body that is bytes or an async iterator of chunks."""

    async def do(body, **headers):
        given = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"} | headers
        return await server.http.post("/v1/files", content=body, headers=server.bearer() | given, timeout=300)

    return do


@pytest.fixture
def stored(server):
    """Every object in the store, half-written ones too."""

    def look() -> list[str]:
        folder = server.data_dir / "blobs"
        return [str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()]

    return look


def lines(n_bytes: int):
    """About so many bytes of distinct records, a line at a time."""
    made, n = 0, 0
    while made < n_bytes:
        line = json.dumps({"prompt": f"question {n} " * 9, "completion": f"answer {n} " * 9}).encode() + b"\n"
        yield line
        made += len(line)
        n += 1


async def chunks(n_bytes: int):
    """A form of that size, made as it is sent."""
    head = form(PURPOSE, ("file", "big.jsonl", b""), end=False)
    yield head.removesuffix(b"\r\n")
    piece = b""
    for line in lines(n_bytes):
        piece += line
        if len(piece) > 64 * 1024:
            yield piece
            piece = b""
    yield piece + b"\r\n" + f"--{BOUNDARY}--\r\n".encode()


async def test_memory_stays_flat_over_64_mib_and_the_loop_stays_free(server, post):
    waits: list[float] = []
    process, peak_bytes = psutil.Process(), 0

    async def beat() -> None:
        nonlocal peak_bytes
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.005)
            waits.append(time.perf_counter() - before)
            peak_bytes = max(peak_bytes, process.memory_info().rss)

    await post(chunks(24 * MIB))  # the buffers of the store have their size from now on
    gc.collect()
    before_bytes = process.memory_info().rss
    beating = asyncio.create_task(beat())
    reply = await post(chunks(64 * MIB))
    beating.cancel()
    assert reply.status_code == 200, reply.text
    report = (await server.http.get(f"/v1/files/{reply.json()['id']}/report", headers=server.bearer())).json()
    assert (report["n_faults"], report["duplicates"]) == (0, 0)
    assert report["n_records"] > 200_000
    assert reply.json()["bytes"] > 64 * MIB
    assert peak_bytes - before_bytes < 40 * MIB
    assert sorted(waits)[len(waits) // 2] < 0.1


async def test_an_upload_that_breaks_leaves_nothing(server, stored):
    """The client goes away in the middle, as uvicorn tells it to an app."""
    body = form(PURPOSE, ("file", "a.jsonl", LINE * 200_000))
    sent = [
        {"type": "http.request", "body": body[:MIB], "more_body": True},
        {"type": "http.request", "body": body[MIB : 2 * MIB], "more_body": True},
        {"type": "http.disconnect"},
    ]
    answers: list[dict] = []

    async def receive() -> dict:
        return sent.pop(0)

    async def send(message: dict) -> None:
        answers.append(message)

    headers = {**server.bearer(), "content-type": f"multipart/form-data; boundary={BOUNDARY}", "host": "localhost"}
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": "/v1/files", "raw_path": b"/v1/files", "query_string": b"", "root_path": "",
        "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
        "client": ("127.0.0.1", 1), "server": ("localhost", 80), "state": {},
    }  # fmt: skip
    await server.app(scope, receive, send)
    assert answers == []
    assert stored() == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (form(PURPOSE), "Missing required parameter: 'file'"),
        (form(("file", "a.jsonl", LINE)), "Missing required parameter: 'purpose'"),
        (form(("file", "a.jsonl", LINE), ("purpose", None, b"x")), "Invalid value for 'purpose'"),
        (form(("file", "a.txt", b"a"), PURPOSE), "Must be .jsonl"),
        (form(("file", "a.jsonl", b"no json"), PURPOSE), "Expected file to have JSONL format"),
        (form(("file", None, LINE), PURPOSE), "a file without a name"),
        (form(PURPOSE, ("file", "a.jsonl", LINE), ("file", "b.jsonl", LINE)), "more than one 'file'"),
        (form(PURPOSE, PURPOSE, ("file", "a.jsonl", LINE)), "more than one 'purpose'"),
        (form(PURPOSE, ("file", "a.jsonl", LINE), ("colour", None, b"red")), "Unknown parameter: 'colour'"),
        (form(PURPOSE, ("image", "a.png", b"x"), ("file", "a.jsonl", LINE)), "Unknown parameter: 'image'"),
        (form(PURPOSE, ("file", "a.jsonl", LINE))[:-4], "ended in the middle of a file"),
        (form(PURPOSE, ("file", "a.jsonl", LINE), end=False), "ended in the middle of a file"),
        (form(PURPOSE, ("file", "a.jsonl", LINE), end=False)[:150], "ended before its last boundary"),
        (b"no form at all", "cannot be read"),
        (b"", "ended before its last boundary"),
        (form(("purpose", None, b"x" * 20_000)), "longer than"),
        (form(*[("purpose", None, b"")] * 40), "more than"),
        (form(PURPOSE, ("file", "a.jsonl", LINE), ("expires_after[seconds]", None, b"3600")), "expires_after[anchor]"),
        (
            form(PURPOSE, ("expires_after[anchor]", None, b"created_at"), ("expires_after[seconds]", None, b"60"),
                 ("file", "a.jsonl", LINE)),
            "below minimum value",
        ),
        (
            form(PURPOSE, ("expires_after[anchor]", None, b"created_at"), ("expires_after[seconds]", None, b"soon"),
                 ("file", "a.jsonl", LINE)),
            "expected an integer",
        ),
    ],
)  # fmt: skip
async def test_a_bad_form_gets_400_with_the_reason_and_leaves_nothing(post, stored, body, said):
    reply = await post(body)
    assert reply.status_code == 400
    error = reply.json()["error"]
    assert said in error["message"]
    assert set(error) == {"message", "type", "param", "code"}
    assert stored() == []


@pytest.mark.parametrize(
    "kind", ["application/json", "multipart/form-data", "", "multipart/form-data; boundary=" + "x" * 300]
)
async def test_another_body_than_a_form_gets_400(post, kind):
    reply = await post(b"{}", **{"content-type": kind})
    assert reply.status_code == 400


async def test_a_file_over_the_limit_gets_413_and_leaves_nothing(make_server):
    async with make_server(max_file_bytes=1000) as server:
        for size, announced in ((1001, False), (3 * MIB, True)):
            body = form(PURPOSE, ("file", "a.jsonl", b"{}" + b" " * size))

            async def sent(body=body):
                yield body

            reply = await server.http.post(
                "/v1/files",
                content=body if announced else sent(),
                headers=server.bearer() | {"content-type": f"multipart/form-data; boundary={BOUNDARY}"},
            )
            assert (reply.status_code, reply.json()["error"]["code"]) == (413, "too_large")
        assert [p for p in (server.data_dir / "blobs").rglob("*") if p.is_file()] == []


async def test_without_a_key_nothing_is_read(server):
    reply = await server.http.post("/v1/files", content=form(PURPOSE, ("file", "a.jsonl", LINE)))
    assert reply.status_code == 401


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("../../etc/passwd.jsonl", "passwd.jsonl"), ("C:\\data\\a.jsonl", "a.jsonl"), ("a\tb.jsonl", "ab.jsonl"),
     ("x" * 300 + ".jsonl", "x" * 249 + ".jsonl"), ("日本.jsonl", "日本.jsonl")],
)  # fmt: skip
async def test_a_filename_is_a_name_and_never_a_path(post, sent, kept):
    reply = await post(form(PURPOSE, ("file", sent, LINE)))
    assert reply.json()["filename"] == kept


async def test_the_purpose_may_be_known_last_for_files_that_are_no_training_data(post):
    reply = await post(form(("file", "a.jsonl", b"anything"), ("purpose", None, b"user_data")))
    assert reply.status_code == 200
    reply = await post(form(("file", "a.bin", bytes(range(256))), ("purpose", None, b"assistants")))
    assert reply.status_code == 200
