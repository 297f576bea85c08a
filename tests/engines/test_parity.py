"""Probes answered by the very code that requests go through."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tunesmith.schemas.inference import ServedModel
from tunesmith.schemas.models import BaseModelEntry
from tunesmith.schemas.parity import ParityReply

MESSAGES = [{"role": "user", "content": "what is the answer"}]


async def ask(client, served: ServedModel, *probes: dict[str, Any]) -> ParityReply:
    reply = await client.post(
        "/engine/v1/parity", json={"served": served.model_dump(mode="json"), "probes": list(probes)}
    )
    assert reply.status_code == 200, reply.text
    return ParityReply.model_validate_json(reply.content)


def plain(folder: Path, prompt_ids: list[int], most: int) -> list[int]:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    made = model.generate(torch.tensor([prompt_ids]), max_new_tokens=most, do_sample=False)
    return made[0, len(prompt_ids) :].tolist()


def rendered(folder: Path) -> list[int]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    return tokenizer.apply_chat_template(MESSAGES, add_generation_prompt=True, return_dict=False)


async def test_a_conversation_is_rendered_and_continued_as_a_request_is(
    client, served: Callable[..., ServedModel], llama: BaseModelEntry, llama_folder: Path
) -> None:
    ids = rendered(llama_folder)
    expected = plain(llama_folder, ids, 12)
    probe = {"messages": MESSAGES, "prompt_ids": ids, "output_ids": expected}
    (answer,) = (await ask(client, served(llama), probe)).answers
    assert answer.prompt_ids == ids
    assert answer.output_ids == expected
    assert answer.behind is None


async def test_another_output_is_told_with_how_near_each_of_its_tokens_was(
    client, served: Callable[..., ServedModel], llama: BaseModelEntry, llama_folder: Path
) -> None:
    ids = rendered(llama_folder)
    wanted = plain(llama_folder, ids, 6)
    wanted[3] = (wanted[3] + 1) % 300
    probe = {"messages": MESSAGES, "prompt_ids": ids, "output_ids": wanted}
    (answer,) = (await ask(client, served(llama), probe)).answers
    model = AutoModelForCausalLM.from_pretrained(llama_folder, dtype=torch.float32)
    with torch.inference_mode():
        logprobs = model(torch.tensor([ids + wanted])).logits[0].log_softmax(-1)[len(ids) - 1 : -1]
    expected = [float(row.max() - row[token]) for row, token in zip(logprobs, wanted, strict=True)]
    assert answer.behind == pytest.approx(expected, abs=1e-4)
    assert answer.behind[:3] == pytest.approx([0, 0, 0], abs=1e-6)
    assert answer.behind[3] > 0.01


async def test_residues_are_continued_as_a_protein(client, served: Callable[..., ServedModel], protein) -> None:
    folder = Path(__file__).parents[2] / "src/tunesmith/base_models/protein-mini"
    ids = [1, *AutoTokenizer.from_pretrained(folder)("MKTAYIAK", add_special_tokens=False).input_ids]
    probe = {"prompt": "MKTAYIAK", "prompt_ids": ids, "output_ids": plain(folder, ids, 16)}
    (answer,) = (await ask(client, served(protein), probe)).answers
    assert answer.prompt_ids == ids
    assert answer.output_ids == probe["output_ids"]


async def test_what_the_engine_cannot_take_is_said_and_the_others_are_answered(
    client, served: Callable[..., ServedModel], llama: BaseModelEntry, llama_folder: Path
) -> None:
    long = {"prompt": "the " * 600, "prompt_ids": [5], "output_ids": [1]}
    tools = {"messages": MESSAGES, "tools": [{"type": "function", "function": {"name": "f"}}], "prompt_ids": [5],
             "output_ids": [1]}  # fmt: skip
    fine = {"messages": MESSAGES, "prompt_ids": rendered(llama_folder), "output_ids": [1]}
    answers = (await ask(client, served(llama), long, tools, fine)).answers
    assert "context length" in str(answers[0].refused)
    assert "tools" in str(answers[1].refused)
    assert answers[2].refused is None
    assert answers[2].prompt_ids == fine["prompt_ids"]


async def test_a_call_without_probes_or_the_secret_is_refused(client, served, llama: BaseModelEntry) -> None:
    body = {"served": served(llama).model_dump(mode="json"), "probes": []}
    assert (await client.post("/engine/v1/parity", json=body)).status_code == 400
    body["probes"] = [{"prompt": "a", "prompt_ids": [1]}]
    reply = await client.post("/engine/v1/parity", json=body, headers={"Authorization": "Bearer wrong"})
    assert reply.status_code == 401


async def test_a_vector_is_of_the_text_with_the_models_prefix_for_questions(
    client, served: Callable[..., ServedModel], bert: BaseModelEntry, word_tokenizer
) -> None:
    probe = {"text": "long is a lease", "prompt_ids": [1], "vector": [0.0] * 16}
    (answer,) = (await ask(client, served(bert), probe)).answers
    assert answer.prompt_ids == word_tokenizer("how long is a lease").input_ids
    whole = await client.ask("embeddings", served(bert), input="long is a lease", input_type="query")
    assert answer.vector == pytest.approx(whole.json()["data"][0]["embedding"][:16], abs=1e-6)
