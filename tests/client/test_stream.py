"""Event streams: resumed where they broke, ended by the server, errors on the way."""

import pytest
from fastapi.responses import JSONResponse

from tunesmith.client import AsyncTunesmith, ServerUnreachable, Tunesmith
from tunesmith.client._stream import FrameReader
from tunesmith.schemas import errors

CHUNK = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m",'
    b'"choices":[{"index":0,"delta":{"content":"%s"}}]}\n\n'
)


def test_a_broken_stream_goes_on_after_the_last_event(client: Tunesmith, site, frame):
    site.events = [frame(1) + frame(2) + b"!", frame(3), b""]
    assert [e.message for e in client.jobs.follow("ftjob-1")] == ["event 1", "event 2", "event 3"]
    asked = [r["headers"].get("last-event-id") for r in site.requests]
    assert asked == [None, "2", "3"]
    assert site.requests[0]["query"] == {"stream": "true"}


async def test_the_async_stream_goes_on_alike(async_client: AsyncTunesmith, site, frame):
    site.events = [frame(1) + b"data: {half", frame(2) + b"event: end\ndata: {}\n\n"]
    assert [e.message async for e in async_client.jobs.follow("ftjob-1")] == ["event 1", "event 2"]
    assert len(site.requests) == 2


def test_a_stream_waits_as_long_as_the_server_asks(client: Tunesmith, site, frame):
    naps: list[float] = []
    client.sender.sleep = naps.append
    site.events = [b"retry: 3000\n" + frame(1), b""]
    list(client.jobs.follow("ftjob-1"))
    assert naps == [3.0]


def test_a_refused_stream_raises_the_server_s_reason(client: Tunesmith, site):
    site.answers.append(JSONResponse(errors.JobNotFound("ftjob-9").body(), 404))
    with pytest.raises(errors.JobNotFound):
        list(client.jobs.follow("ftjob-9"))


def test_a_server_that_stays_away_ends_the_stream_with_an_error(client: Tunesmith, site):
    site.events = [b": hello\n\n!"] * 20
    with pytest.raises(ServerUnreachable):
        list(client.jobs.follow("ftjob-1"))
    assert len(site.requests) == 11


def test_chat_pieces_arrive_until_done(client: Tunesmith, site):
    site.events = [CHUNK % b"he" + CHUNK % b"llo" + b"data: [DONE]\n\n"]
    message = {"role": "user", "content": "hi"}
    assert "".join(c.text for c in client.chat.stream(model="m", messages=[message])) == "hello"
    assert site.requests[-1]["body"] == {"model": "m", "messages": [message], "stream": True}
    assert client.chat.create(model="m", messages=[message]).text == "hi"


def test_a_failure_after_the_first_piece_is_raised(client: Tunesmith, site):
    body = (
        b'data: {"error": {"message": "engine died", "type": "server_error", "param": null, "code": "no_engine"}}\n\n'
    )
    site.events = [CHUNK % b"he" + body]
    stream = client.chat.stream(model="m", messages=[])
    assert next(stream).text == "he"
    with pytest.raises(errors.NoEngine, match="engine died"):
        next(stream)


def test_an_answer_cut_short_is_an_error_not_an_end(client: Tunesmith, site):
    site.events = [CHUNK % b"he"]
    with pytest.raises(ServerUnreachable, match="broke off"):
        list(client.chat.stream(model="m", messages=[]))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_frames_are_the_same_however_the_bytes_are_cut(size: int):
    text = ": ping\r\n\r\nid: a\r\nevent: x\r\ndata: 1\r\ndata: 2\r\n\r\ndata:é\n\nid: b\n\n".encode()
    reader = FrameReader()
    found = [f for i in range(0, len(text), size) for f in reader.feed(text[i : i + size])]
    assert [(f.event, f.data, f.id) for f in found] == [("x", "1\n2", "a"), ("message", "é", "a")]
    assert reader.last_id == "b"
