"""Signed downloads: whole, by range, by HEAD; refused when changed or late."""

import datetime as dt

import pytest

from tunesmith.server.storage import links

CONTENT = bytes(range(256)) * 40


async def stream(*pieces):
    for piece in pieces:
        yield piece


@pytest.fixture
async def link(server):
    """A signed link to CONTENT under an awkward name."""
    stored = await server.app.state.blobs.put(stream(CONTENT), limit_bytes=10**6)
    return links.sign(
        server.app.state.secrets["link"], f"/storage/v1/{stored.sha256}", life_s=900, name='a "b" ü.safetensors'
    )


async def test_a_link_gives_the_bytes_as_an_attachment(server, link):
    reply = await server.http.get(link)
    assert reply.status_code == 200
    assert reply.content == CONTENT
    assert reply.headers["content-length"] == str(len(CONTENT))
    assert reply.headers["content-disposition"] == (
        "attachment; filename=\"a _b_ _.safetensors\"; filename*=UTF-8''a%20%22b%22%20%C3%BC.safetensors"
    )
    assert reply.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [("bytes=0-0", 0, 1), ("bytes=100-", 100, 10240), ("bytes=-5", 10235, 10240), ("bytes=10-99999", 10, 10240),
     ("Bytes = 7-8", 7, 9), ("bytes=-99999", 0, 10240)],
)  # fmt: skip
async def test_a_range_gives_that_part(server, link, wanted, start, end):
    reply = await server.http.get(link, headers={"range": wanted})
    assert reply.content == CONTENT[start:end]
    if (start, end) != (0, len(CONTENT)):
        assert reply.status_code == 206
        assert reply.headers["content-range"] == f"bytes {start}-{end - 1}/{len(CONTENT)}"


@pytest.mark.parametrize("wanted", ["bytes=10240-", "bytes=99999-", "bytes=-0"])
async def test_a_range_beyond_the_end_is_416_with_the_size(server, link, wanted):
    reply = await server.http.get(link, headers={"range": wanted})
    assert reply.status_code == 416
    assert reply.headers["content-range"] == f"bytes */{len(CONTENT)}"


@pytest.mark.parametrize("wanted", ["bytes=0-1,5-6", "lines=1-2", "bytes=9-3", "bytes=-"])
async def test_a_range_that_is_not_understood_gives_all(server, link, wanted):
    reply = await server.http.get(link, headers={"range": wanted})
    assert (reply.status_code, reply.content) == (200, CONTENT)


async def test_a_resumed_download_of_other_bytes_starts_again(server, link):
    etag = (await server.http.head(link)).headers["etag"]
    same = await server.http.get(link, headers={"range": "bytes=5-", "if-range": etag})
    other = await server.http.get(link, headers={"range": "bytes=5-", "if-range": '"other"'})
    assert (same.status_code, other.status_code) == (206, 200)


async def test_head_tells_the_size_and_sends_nothing(server, link):
    reply = await server.http.head(link)
    assert (reply.status_code, reply.headers["content-length"], reply.content) == (200, str(len(CONTENT)), b"")


@pytest.mark.parametrize(
    "change",
    [
        lambda url: url.replace("name=a", "name=b"),
        lambda url: url.replace("expires=", "expires=9"),
        lambda url: url[:-4],
        lambda url: url.partition("?")[0],
        lambda url: url + "&name=x",
    ],
)
async def test_a_changed_link_is_refused(server, link, change):
    reply = await server.http.get(change(link))
    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "bad_signature")


async def test_a_link_runs_out(server, link):
    server.app.state.clock.advance(901)
    reply = await server.http.get(link)
    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "link_expired")


async def test_a_link_to_deleted_bytes_is_404(server, link):
    await server.app.state.blobs.delete(link.split("/")[3].partition("?")[0])
    reply = await server.http.get(link)
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "blob_not_found")


def test_two_parameter_sets_never_share_a_signature():
    at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    signed = {
        links.sign(b"k" * 32, "/p", life_s=1, now=at, **params).rpartition("signature=")[2]
        for params in ({"a": "1", "b": "2"}, {"a": "1&b=2"}, {"a": "1\nb=2"}, {"a": "1b", "b": ""}, {"ab": "12"})
    }
    assert len(signed) == 5
