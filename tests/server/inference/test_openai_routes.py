"""Chat and completions: the right engine gets the right call, and its bytes come back as they are."""

import asyncio
import json
import socket

import pytest

CHAT = {"model": "smollm2-135m-instruct", "messages": [{"role": "user", "content": "hi"}]}
ANSWER = {"id": "chatcmpl-1", "object": "chat.completion", "choices": [{"index": 0}], "odd": "kept as it is"}


async def whole(talk):
    await talk.json(ANSWER)


async def test_the_engine_gets_model_and_request_and_its_answer_comes_back_unchanged(live, make_engine):
    engine = await make_engine(whole)
    reply = await live.post(
        "/v1/chat/completions", json={**CHAT, "temperature": 0.5, "stop": "END", "user": "ada", "seed": None}
    )
    assert reply.status_code == 200
    assert reply.json() == ANSWER
    assert reply.headers["x-request-id"].startswith("req_")
    assert engine.paths == ["/engine/v1/chat"]
    (call,) = engine.calls
    assert call["served"]["name"] == call["served"]["base"]["key"] == "smollm2-135m-instruct"
    assert call["chat"]["temperature"] == 0.5
    assert call["chat"]["stop"] == ["END"]
    assert call["chat"]["messages"] == [{"role": "user", "content": "hi"}]
    assert "user" not in call["chat"]
    assert "completion" not in call


async def test_completions_go_to_their_own_path_with_token_ids_untouched(live, make_engine):
    engine = await make_engine(whole)
    reply = await live.post("/v1/completions", json={"model": CHAT["model"], "prompt": [[1, 2], [3]], "echo": True})
    assert reply.status_code == 200
    assert engine.paths == ["/engine/v1/completions"]
    assert engine.calls[0]["completion"]["prompt"] == [[1, 2], [3]]


async def test_frames_come_through_one_by_one_as_the_engine_sends_them(live, make_engine):
    goes_on = asyncio.Event()

    async def two_frames(talk):
        await talk.start_stream()
        await talk.frame('{"n": 1}')
        await goes_on.wait()
        await talk.frame('{"n": 2}')
        await talk.frame("[DONE]")
        await talk.end()

    await make_engine(two_frames)
    async with live.stream("POST", "/v1/chat/completions", json={**CHAT, "stream": True}) as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        assert reply.headers["x-request-id"].startswith("req_")
        chunks = reply.aiter_bytes()
        assert await anext(chunks) == b'data: {"n": 1}\n\n'
        goes_on.set()
        rest = b"".join([chunk async for chunk in chunks])
    assert rest == b'data: {"n": 2}\n\ndata: [DONE]\n\n'


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_while_waiting_ends_the_engines_work(live, make_engine, stream):
    asked = asyncio.Event()

    async def never(talk):
        if stream:
            await talk.start_stream()
        asked.set()
        await talk.until_gone()

    engine = await make_engine(never)
    request = asyncio.create_task(live.post("/v1/chat/completions", json={**CHAT, "stream": stream}))
    await asked.wait()
    request.cancel()
    await asyncio.wait_for(engine.gone.wait(), 10)


async def test_a_client_that_leaves_in_the_middle_of_a_stream_ends_the_engines_work(server, live, make_engine):
    async def one_frame(talk):
        await talk.start_stream()
        await talk.frame('{"n": 1}')
        await talk.until_gone()

    engine = await make_engine(one_frame)
    async with live.stream("POST", "/v1/chat/completions", json={**CHAT, "stream": True}) as reply:
        await anext(reply.aiter_bytes())
    await asyncio.wait_for(engine.gone.wait(), 10)
    assert sum(server.app.state.engines.busy.values()) == 0


def _cut(talk):
    """Ends the connection as a killed process does."""
    talk.send.__self__.transport.abort()


async def test_an_engine_that_dies_in_the_middle_of_a_stream_is_told_in_a_frame_and_no_half_frame_is_seen(
    live, make_engine
):
    async def dies(talk):
        await talk.start_stream()
        await talk.frame('{"n": 1}')
        await talk.bytes(b'data: {"n": 2')
        await asyncio.sleep(0.05)
        _cut(talk)

    await make_engine(dies)
    reply = await live.post("/v1/chat/completions", json={**CHAT, "stream": True})
    assert reply.status_code == 200
    first, error, end = reply.text.split("\n\n")
    assert first == 'data: {"n": 1}'
    assert json.loads(error.removeprefix("data: "))["error"]["code"] == "unavailable"
    assert end == ""


@pytest.mark.parametrize("stream", [False, True])
async def test_an_engine_that_dies_before_its_first_byte_is_a_plain_error(live, make_engine, stream):
    async def dies(talk):
        if stream:
            await talk.start_stream()
        _cut(talk)

    await make_engine(dies)
    reply = await live.post("/v1/chat/completions", json={**CHAT, "stream": stream})
    assert reply.status_code == 503
    assert reply.json()["error"]["code"] == "unavailable"
    assert "retry-after" in reply.headers


async def test_the_engines_own_error_comes_back_with_its_status_also_for_a_stream(live, make_engine):
    told = {
        "message": "This model's maximum context length is 8192 tokens.",
        "type": "invalid_request_error",
        "param": "messages",
        "code": "context_length_exceeded",
    }

    async def refuses(talk):
        await talk.json({"error": told}, 400)

    await make_engine(refuses)
    for stream in (False, True):
        reply = await live.post("/v1/chat/completions", json={**CHAT, "stream": stream})
        assert (reply.status_code, reply.json()) == (400, {"error": told})


async def test_an_engine_that_answers_strangely_is_told_as_such(live, make_engine):
    async def strange(talk):
        await talk.json(b"<html>Bad Gateway</html>", 502)

    await make_engine(strange)
    reply = await live.post("/v1/chat/completions", json=CHAT)
    assert reply.status_code == 503
    assert "502" in reply.json()["error"]["message"]


async def test_a_bad_request_never_reaches_an_engine(live, make_engine):
    engine = await make_engine(whole)
    for body, param in (
        ({**CHAT, "tools": [{}]}, "tools"),
        ({**CHAT, "colour": 1}, "colour"),
        ({**CHAT, "stream_options": {"include_usage": True}}, "stream_options"),
        ({**CHAT, "stream": True, "temperature": 9}, "temperature"),
    ):
        reply = await live.post("/v1/chat/completions", json=body)
        assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)
    assert engine.calls == []


async def test_an_unknown_model_does_not_exist(live, make_engine):
    await make_engine(whole)
    reply = await live.post("/v1/chat/completions", json={**CHAT, "model": "gpt-9"})
    assert reply.status_code == 404
    assert reply.json()["error"]["code"] == "model_not_found"
    assert "does not exist" in reply.json()["error"]["message"]


async def test_a_protein_model_does_not_chat_and_says_what_to_call(live, make_engine):
    engine = await make_engine(whole)
    reply = await live.post("/v1/chat/completions", json={**CHAT, "model": "protein-mini"})
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == "model"
    assert "POST /v1/generate" in reply.json()["error"]["message"]
    assert engine.calls == []


async def test_without_an_engine_the_answer_says_how_to_start_one(live):
    reply = await live.post("/v1/chat/completions", json=CHAT)
    assert reply.status_code == 503
    assert reply.json()["error"]["code"] == "no_engine"
    assert "tunesmith up" in reply.json()["error"]["message"]
    assert "tunesmith engine" in reply.json()["error"]["message"]


async def test_an_engine_that_was_silent_for_too_long_is_not_asked(server, live, make_engine):
    engine = await make_engine(whole)
    server.app.state.clock.advance(server.app.state.settings.engine_timeout_s + 1)
    assert (await live.post("/v1/chat/completions", json=CHAT)).json()["error"]["code"] == "no_engine"
    assert engine.calls == []


def _dead_url() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


async def test_a_dead_engine_is_passed_over_and_not_asked_again_until_it_tells_of_itself(
    server, live, make_engine, register_engine
):
    alive = await make_engine(whole, engine_id="alive")
    dead = {**alive.registration(), "engine_id": "dead", "url": _dead_url(), "loaded": [CHAT["model"]]}
    await register_engine(dead)
    for _ in range(2):
        assert (await live.post("/v1/chat/completions", json=CHAT)).json() == ANSWER
    assert await _away(server) == {"alive": False, "dead": True}
    await register_engine(dead)
    assert await _away(server) == {"alive": False, "dead": False}


async def _away(server) -> dict[str, bool]:
    from sqlalchemy import select

    from tunesmith.server.inference.tables import EngineRow

    async with server.app.state.db.session() as session:
        return {row.id: row.away_since is not None for row in await session.scalars(select(EngineRow))}


async def test_when_every_engine_is_dead_the_answer_names_them(live, register_engine):
    await register_engine({"engine_id": "gone", "url": _dead_url(), "secret": "s" * 16, "loaded": [], "version": "1"})
    reply = await live.post("/v1/chat/completions", json=CHAT)
    assert reply.json()["error"]["code"] == "no_engine"
    assert "gone" in reply.json()["error"]["message"]


async def test_an_engine_that_does_not_know_the_secret_is_passed_over(live, make_engine):
    wrong = await make_engine(whole, engine_id="a", secret="another-secret-0123", loaded=[CHAT["model"]])
    right = await make_engine(whole, engine_id="b")
    assert (await live.post("/v1/chat/completions", json=CHAT)).json() == ANSWER
    assert (wrong.calls, len(right.calls)) == ([], 1)


async def test_an_engine_that_still_loads_is_passed_over_where_another_can_answer(live, make_engine):
    async def loading(talk):
        told = {"message": "Still loading.", "type": "server_error", "param": None, "code": "engine_starting"}
        await talk.json({"error": told}, 503)

    await make_engine(loading, engine_id="a", loaded=[CHAT["model"]])
    alone = await live.post("/v1/chat/completions", json=CHAT)
    assert (alone.status_code, alone.json()["error"]["code"]) == (503, "engine_starting")
    await make_engine(whole, engine_id="b")
    assert (await live.post("/v1/chat/completions", json=CHAT)).json() == ANSWER


async def test_the_engine_that_has_the_model_in_memory_is_asked_first(live, make_engine):
    cold = await make_engine(whole, engine_id="a")
    warm = await make_engine(whole, engine_id="b", loaded=[CHAT["model"]])
    await live.post("/v1/chat/completions", json=CHAT)
    assert (len(cold.calls), len(warm.calls)) == (0, 1)


async def test_of_equal_engines_the_less_busy_one_is_asked(live, make_engine, until):
    goes_on = asyncio.Event()
    both = asyncio.Barrier(3)

    async def waits(talk):
        await both.wait()
        await goes_on.wait()
        await talk.json(ANSWER)

    a = await make_engine(waits, engine_id="a")
    b = await make_engine(waits, engine_id="b")
    requests = []
    for engine in (a, b):
        requests.append(asyncio.create_task(live.post("/v1/chat/completions", json=CHAT)))
        await until(lambda engine=engine: bool(engine.calls))
    await asyncio.wait_for(both.wait(), 10)
    goes_on.set()
    assert [(await r).status_code for r in requests] == [200, 200]


async def test_no_database_connection_is_held_while_engines_work(live, server, make_engine, until):
    goes_on = asyncio.Event()

    async def waits(talk):
        await goes_on.wait()
        await talk.json(ANSWER)

    engine = await make_engine(waits)
    pool = server.app.state.settings.database_pool
    requests = [asyncio.create_task(live.post("/v1/chat/completions", json=CHAT)) for _ in range(pool + 2)]
    await until(lambda: len(engine.calls) == pool + 2)
    assert (await live.get("/v1/keys")).status_code == 200
    goes_on.set()
    assert {(await request).status_code for request in requests} == {200}
