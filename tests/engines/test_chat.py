"""Chat completions over HTTP, held against the OpenAI SDK's own types."""

import asyncio
from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

HELLO: dict[str, Any] = {"messages": [{"role": "user", "content": "Hello?"}], "temperature": 0}
SAID = "1€na-ïv日 +👩!"


def joined(frames: list[dict[str, Any]], index: int = 0) -> str:
    choices = [c for f in frames for c in f["choices"] if c["index"] == index]
    return "".join(c["delta"].get("content") or "" for c in choices)


@pytest.fixture(scope="session")
def parrot(make_parrot):
    return make_parrot(SAID)


async def test_an_answer_is_openais_object(client, served, parrot, tokenizer) -> None:
    reply = await client.ask("chat", served(parrot, "ft:parrot:x::1"), **HELLO)
    assert reply.status_code == 200, reply.text
    body = reply.json()
    found = ChatCompletion.model_validate(body, strict=True)
    assert found.model == "ft:parrot:x::1"
    assert found.choices[0].message.content == SAID
    assert found.choices[0].finish_reason == "stop"
    assert found.id.startswith("chatcmpl-")
    assert {"logprobs", "finish_reason"} <= body["choices"][0].keys()
    assert body["choices"][0]["message"].keys() == {"role", "content", "refusal"}
    text = "<|im_start|>user\nHello?<|im_end|>\n<|im_start|>assistant\n"
    assert found.usage is not None
    assert found.usage.prompt_tokens == len(tokenizer(text).input_ids)
    assert found.usage.completion_tokens == len(tokenizer(SAID).input_ids) + 1  # the end token
    assert found.usage.total_tokens == found.usage.prompt_tokens + found.usage.completion_tokens


async def test_a_stream_says_the_same_in_whole_characters(client, served, parrot) -> None:
    frames = await client.ask_frames("chat", served(parrot), **HELLO)
    chunks = [ChatCompletionChunk.model_validate(frame, strict=True) for frame in frames]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert not chunks[0].choices[0].delta.content
    assert joined(frames) == SAID
    assert "�" not in joined(frames)
    assert len(frames) > 8, "it came in pieces"
    assert [c.choices[0].finish_reason for c in chunks if c.choices[0].finish_reason] == ["stop"]
    assert chunks[-1].choices[0].delta.model_dump(exclude_none=True) == {}
    assert len({(c.id, c.created, c.model, c.object) for c in chunks}) == 1
    assert not any("usage" in frame for frame in frames)


async def test_include_usage_adds_null_to_every_chunk_and_one_more_chunk(client, served, parrot) -> None:
    whole = (await client.ask("chat", served(parrot), **HELLO)).json()
    frames = await client.ask_frames("chat", served(parrot), **HELLO, stream_options={"include_usage": True})
    assert all(frame["usage"] is None for frame in frames[:-1])
    assert frames[-1]["choices"] == []
    assert frames[-1]["usage"] == whole["usage"]


async def test_several_choices_stream_with_a_role_and_an_end_each(client, served, llama) -> None:
    wanted = {**HELLO, "temperature": 1.1, "seed": 3, "n": 3, "max_tokens": 12}
    whole = (await client.ask("chat", served(llama), **wanted)).json()
    frames = await client.ask_frames("chat", served(llama), **wanted)
    assert [c["index"] for c in whole["choices"]] == [0, 1, 2]
    for choice in whole["choices"]:
        mine = [c for f in frames for c in f["choices"] if c["index"] == choice["index"]]
        assert joined(frames, choice["index"]) == choice["message"]["content"]
        assert mine[0]["delta"]["role"] == "assistant"
        assert [c["finish_reason"] for c in mine if c["finish_reason"]] == [choice["finish_reason"]]
    assert len({c["message"]["content"] for c in whole["choices"]}) == 3


async def test_logprobs_bytes_join_to_the_content(client, served, parrot) -> None:
    wanted = {**HELLO, "logprobs": True, "top_logprobs": 2}
    body = (await client.ask("chat", served(parrot), **wanted)).json()
    ChatCompletion.model_validate(body, strict=True)
    content = body["choices"][0]["logprobs"]["content"]
    assert bytes(b for entry in content for b in entry["bytes"]).decode() == SAID
    assert all(len(entry["top_logprobs"]) == 2 for entry in content)
    assert all(entry["top_logprobs"][0]["logprob"] == entry["logprob"] for entry in content)
    frames = await client.ask_frames("chat", served(parrot), **wanted)
    streamed = [e for f in frames for c in f["choices"] if c["logprobs"] for e in c["logprobs"]["content"]]
    assert streamed == content


async def test_logprobs_without_top_have_empty_tops(client, served, parrot) -> None:
    body = (await client.ask("chat", served(parrot), **HELLO, logprobs=True)).json()
    assert {len(e["top_logprobs"]) for e in body["choices"][0]["logprobs"]["content"]} == {0}


@pytest.mark.parametrize("stop", ["-ïv", ["👩", "v日"], "日"])
async def test_stop_strings_end_the_answer_before_them(client, served, parrot, stop) -> None:
    first = min(SAID.index(s) for s in ([stop] if isinstance(stop, str) else stop))
    wanted = {**HELLO, "stop": stop, "logprobs": True}
    body = (await client.ask("chat", served(parrot), **wanted)).json()
    choice = body["choices"][0]
    assert choice["message"]["content"] == SAID[:first]
    assert choice["finish_reason"] == "stop"
    assert bytes(b for e in choice["logprobs"]["content"] for b in e["bytes"]).decode() == SAID[:first]
    assert joined(await client.ask_frames("chat", served(parrot), **wanted)) == SAID[:first]


async def test_max_tokens_ends_with_length(client, served, parrot) -> None:
    for name in ("max_tokens", "max_completion_tokens"):
        body = (await client.ask("chat", served(parrot), **HELLO, **{name: 2})).json()
        assert body["choices"][0]["finish_reason"] == "length"
        assert body["usage"]["completion_tokens"] == 2


async def test_developer_is_system_and_parts_are_joined(client, served, parrot) -> None:
    parts = [{"type": "text", "text": "He"}, {"type": "text", "text": "llo?"}]
    one = [{"role": "developer", "content": "Be short."}, {"role": "user", "content": parts}]
    two = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Hello?"}]
    found = [(await client.ask("chat", served(parrot), messages=m, temperature=0)).json()["usage"] for m in (one, two)]
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("wanted", "code", "param", "words"),
    [
        ({"max_tokens": 5000}, "context_length_exceeded", "messages", "maximum context length"),
        ({"messages": [{"role": "user", "content": "x" * 4000}]}, "context_length_exceeded", "messages", "512"),
        ({"top_logprobs": 2}, "invalid_value", "top_logprobs", "logprobs"),
        ({"stream_options": {"include_usage": True}}, "invalid_value", "stream_options", "stream"),
        ({"logit_bias": {"99999": 1}}, "invalid_value", "logit_bias", "99999"),
        ({"stop": [""]}, "invalid_value", "stop", "empty"),
        ({"temperature": 9}, "invalid_value", "chat.temperature", "less than"),
    ],
)
async def test_bad_requests_have_openais_error_body(client, served, llama, wanted, code, param, words) -> None:
    for stream in (False, "stream_options" not in wanted):
        reply = await client.ask("chat", served(llama), **{**HELLO, **wanted}, **({"stream": True} if stream else {}))
        assert reply.status_code == 400
        error = reply.json()["error"]
        assert error.keys() == {"message", "type", "param", "code"}
        assert (error["code"], error["param"], error["type"]) == (code, param, "invalid_request_error")
        assert words in error["message"]


async def test_a_model_without_chat_template_says_what_to_do(client, served, protein) -> None:
    reply = await client.ask("chat", served(protein), **HELLO)
    assert reply.status_code == 400
    assert "chat template" in reply.json()["error"]["message"]


async def test_the_secret_is_needed(client, served, llama, make_call) -> None:
    for headers in ({"Authorization": "Bearer wrong"}, {"Authorization": ""}):
        for method, path in (("POST", "chat"), ("POST", "unload"), ("GET", "health")):
            reply = await client.request(method, f"/engine/v1/{path}", headers=headers, json={})
            assert reply.status_code == 401
            assert reply.json()["error"]["code"] == "invalid_api_key"


async def test_health_and_unload(client, served, llama) -> None:
    assert (await client.get("/engine/v1/health")).json()["loaded"] == []
    await client.ask("chat", served(llama), **HELLO, max_tokens=1)
    assert (await client.get("/engine/v1/health")).json()["loaded"] == ["tiny-llama"]
    assert (await client.post("/engine/v1/unload", json={"name": "tiny-llama"})).json()["unloaded"] is True
    assert (await client.get("/engine/v1/health")).json()["loaded"] == []
    assert (await client.post("/engine/v1/unload", json={"name": "tiny-llama"})).json()["unloaded"] is False
    assert (await client.get("/engine/v1/nothing")).json()["error"]["message"].startswith("Invalid URL (GET ")


LONG: dict[str, Any] = {**HELLO, "max_tokens": 450, "logit_bias": {"1": -100}}
"""Token 1 is the end token: this would go on for long."""


async def test_a_client_that_leaves_a_stream_frees_its_row(client, engine, served, llama, make_call, until) -> None:
    body = make_call("chat", served(llama), **LONG, stream=True)
    async with client.stream("POST", "/engine/v1/chat", json=body) as reply:
        async for _ in reply.aiter_bytes():
            break
        assert engine.active_rows() == 1
    await until(lambda: not engine.active_rows())
    assert (await client.post("/engine/v1/unload", json={"name": "tiny-llama"})).json()["unloaded"] is True


async def test_a_client_that_leaves_a_plain_request_frees_its_row(client, engine, served, llama, until) -> None:
    task = asyncio.create_task(client.ask("chat", served(llama), **LONG))
    await until(engine.active_rows)
    task.cancel()
    await until(lambda: not engine.active_rows())


async def test_a_failure_in_the_midst_of_a_stream_is_a_last_frame_with_the_error(
    client, engine, served, llama, make_call
) -> None:
    body = make_call("chat", served(llama), **LONG, stream=True)
    received = b""
    async with client.stream("POST", "/engine/v1/chat", json=body) as reply:
        async for chunk in reply.aiter_bytes():
            if not received:
                await engine.close()
            received += chunk
    last = received.decode().strip().split("\n\n")[-1]
    assert last.startswith('data: {"error":{"message":"The model was unloaded')
    assert "[DONE]" not in received.decode()
