"""Text completions over HTTP, held against the OpenAI SDK's own types."""

from typing import Any

import pytest
import torch
from openai.types import Completion
from transformers import AutoModelForCausalLM


def joined(frames: list[dict[str, Any]], index: int) -> str:
    return "".join(c["text"] for f in frames for c in f["choices"] if c["index"] == index)


async def test_greedy_text_is_what_generate_says(client, served, llama, llama_folder, tokenizer) -> None:
    body = (await client.ask("completions", served(llama), prompt="the answer", temperature=0)).json()
    found = Completion.model_validate(body, strict=True)
    ids = tokenizer("the answer", return_tensors="pt").input_ids
    with torch.inference_mode():
        model = AutoModelForCausalLM.from_pretrained(llama_folder)
        made = model.generate(ids, max_new_tokens=16, do_sample=False, pad_token_id=0)[0, ids.shape[1] :]
    assert found.choices[0].text == tokenizer.decode(made, skip_special_tokens=True)
    assert found.usage is not None
    assert found.usage.completion_tokens == len(made)
    assert found.usage.prompt_tokens == ids.shape[1]


async def test_prompts_and_samples_are_numbered_prompt_by_prompt(client, served, llama) -> None:
    wanted = {"prompt": ["the", "an answer for"], "n": 2, "seed": 5, "max_tokens": 9}
    body = (await client.ask("completions", served(llama), **wanted)).json()
    assert [c["index"] for c in body["choices"]] == [0, 1, 2, 3]
    frames = await client.ask_frames("completions", served(llama), **wanted, stream_options={"include_usage": True})
    for choice in body["choices"]:
        assert joined(frames, choice["index"]) == choice["text"]
    assert frames[-1]["choices"] == []
    assert frames[-1]["usage"] == body["usage"]
    ends = [c["index"] for f in frames for c in f["choices"] if c["finish_reason"]]
    assert sorted(ends) == [0, 1, 2, 3]
    assert {f["object"] for f in frames} == {"text_completion"}


async def test_ids_are_taken_as_they_are(client, served, llama, tokenizer) -> None:
    ids = tokenizer("the answer is").input_ids
    for prompt in ("the answer is", ids, [ids]):
        body = (await client.ask("completions", served(llama), prompt=prompt, temperature=0)).json()
        assert body["usage"]["prompt_tokens"] == len(ids)
        if prompt == "the answer is":
            said = body["choices"][0]["text"]
        assert body["choices"][0]["text"] == said


async def test_echo_repeats_the_prompt(client, served, llama, tokenizer) -> None:
    plain = (await client.ask("completions", served(llama), prompt="the answer", temperature=0)).json()
    for prompt in ("the answer", tokenizer("the answer").input_ids):
        wanted = {"prompt": prompt, "temperature": 0, "echo": True}
        body = (await client.ask("completions", served(llama), **wanted)).json()
        assert body["choices"][0]["text"] == "the answer" + plain["choices"][0]["text"]
        frames = await client.ask_frames("completions", served(llama), **wanted)
        assert joined(frames, 0) == body["choices"][0]["text"]


async def test_no_tokens_wanted_is_an_empty_answer(client, served, llama) -> None:
    for echo, text in ((False, ""), (True, "the")):
        wanted = {"prompt": "the", "max_tokens": 0, "echo": echo}
        body = (await client.ask("completions", served(llama), **wanted)).json()
        assert (body["choices"][0]["text"], body["choices"][0]["finish_reason"]) == (text, "length")
        assert body["usage"]["completion_tokens"] == 0
        frames = await client.ask_frames("completions", served(llama), **wanted)
        assert joined(frames, 0) == text


async def test_echoed_ids_are_scored_as_the_plain_model_scores_them(client, served, llama, llama_folder) -> None:
    """The way lm-evaluation-harness asks: it sums token_logprobs[context:-1]."""
    prompts = [[(i * 29 + j) % 300 for i in range(12 + j)] for j in range(3)]
    wanted = {"prompt": prompts, "max_tokens": 1, "temperature": 0, "echo": True, "logprobs": 1}
    body = (await client.ask("completions", served(llama), **wanted)).json()
    model = AutoModelForCausalLM.from_pretrained(llama_folder)
    for prompt, choice in zip(prompts, body["choices"], strict=True):
        scores = choice["logprobs"]
        assert {len(values) for values in scores.values()} == {len(prompt) + 1}
        assert scores["token_logprobs"][0] is None
        with torch.inference_mode():
            logprobs = model(torch.tensor([prompt])).logits[0].log_softmax(-1)
        expected = [logprobs[i, prompt[i + 1]].item() for i in range(len(prompt) - 1)]
        assert scores["token_logprobs"][1:-1] == pytest.approx(expected, abs=1e-4)
        greedy = logprobs[-1].max().item()
        assert scores["token_logprobs"][-1] == pytest.approx(greedy, abs=1e-4)
        for tops, value in zip(scores["top_logprobs"][1:], scores["token_logprobs"][1:], strict=True):
            assert value in tops.values()
            assert 1 <= len(tops) <= 2
        assert scores["text_offset"] == sorted(scores["text_offset"])


async def test_logprobs_have_offsets_into_the_text(client, served, make_parrot) -> None:
    parrot = make_parrot("the answer")
    wanted = {"prompt": "\n", "temperature": 0, "logprobs": 0}
    body = (await client.ask("completions", served(parrot), **wanted)).json()
    found, choice = body["choices"][0]["logprobs"], body["choices"][0]
    assert choice["text"] == "the answer"
    assert "".join(found["tokens"]) == "the answer<|im_end|>"
    for token, offset in list(zip(found["tokens"], found["text_offset"], strict=True))[:-1]:
        assert choice["text"][offset:].startswith(token)


@pytest.mark.parametrize(
    ("wanted", "code", "param"),
    [
        ({"best_of": 3}, "unsupported_parameter", "best_of"),
        ({"prompt": []}, "empty_array", "prompt"),
        ({"prompt": [[]]}, "empty_array", "prompt"),
        ({"prompt": [1, 99999]}, "invalid_value", "prompt"),
        ({"max_tokens": 600}, "context_length_exceeded", "prompt"),
    ],
)
async def test_bad_requests_are_told(client, served, llama, wanted, code, param) -> None:
    reply = await client.ask("completions", served(llama), **{"prompt": "the", **wanted})
    assert reply.status_code == 400
    assert (reply.json()["error"]["code"], reply.json()["error"]["param"]) == (code, param)


async def test_best_of_n_is_just_n(client, served, llama) -> None:
    reply = await client.ask("completions", served(llama), prompt="the", n=2, best_of=2, max_tokens=3)
    assert len(reply.json()["choices"]) == 2


async def test_an_empty_prompt_begins_a_text(client, served, llama) -> None:
    body = (await client.ask("completions", served(llama), prompt="", max_tokens=3, temperature=0)).json()
    assert body["usage"]["prompt_tokens"] == 1
