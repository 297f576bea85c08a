"""The embedded engine's models: decoding, adapters side by side, memory."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from tunesmith.base_models.prompts import chat_prompt_ids
from tunesmith.engines import transformers as engine_module
from tunesmith.engines.base import Decoding, Model, PromptScores, Token
from tunesmith.engines.transformers import TransformersEngine
from tunesmith.schemas.errors import InUse, Invalid, Unavailable, UnsafeWeights
from tunesmith.schemas.inference import ServedModel
from tunesmith.schemas.models import BaseModelEntry
from tunesmith.schemas.shape import Adaptation

PROMPT = [5, 9, 40, 77, 12]


def greedy(max_tokens: int = 20, **changed: Any) -> Decoding:
    return Decoding(**{"max_tokens": max_tokens, "seed": 0, "temperature": 0.0, "stop_ids": frozenset(), **changed})


async def tokens(model: Model, prompt: list[int], decoding: Decoding) -> list[list[Token]]:
    """Tokens by row."""
    rows: list[list[Token]] = [[] for _ in range(decoding.n)]
    async for step in model.start([prompt], decoding):
        assert not isinstance(step, PromptScores)
        for token in step:
            rows[token.row].append(token)
    return rows


async def ids(model: Model, prompt: list[int], decoding: Decoding) -> list[int]:
    return [token.id for token in (await tokens(model, prompt, decoding))[0]]


def reference(model: Any, prompt: list[int], **options: Any) -> list[int]:
    """transformers' own greedy generate."""
    with torch.inference_mode():
        made = model.generate(
            torch.tensor([prompt]), max_new_tokens=20, do_sample=False, eos_token_id=None, pad_token_id=0, **options
        )
    return made[0, len(prompt) :].tolist()


async def test_greedy_is_what_generate_says(engine: TransformersEngine, llama, llama_folder, served) -> None:
    async with engine.lease(served(llama)) as model:
        found = await ids(model, PROMPT, greedy())
    assert found == reference(AutoModelForCausalLM.from_pretrained(llama_folder), PROMPT)


async def test_greedy_bfloat16_is_what_generate_says_in_bfloat16(make_engine, llama, llama_folder, served) -> None:
    engine = make_engine(dtype="bfloat16")
    async with engine.lease(served(llama)) as model:
        found = await ids(model, PROMPT, greedy())
    await engine.close()
    assert found == reference(AutoModelForCausalLM.from_pretrained(llama_folder, dtype=torch.bfloat16), PROMPT)


async def test_greedy_with_repetition_penalty_is_what_generate_says(engine, llama, llama_folder, served) -> None:
    async with engine.lease(served(llama)) as model:
        found = await ids(model, PROMPT, greedy(repetition_penalty=1.7))
    assert found == reference(AutoModelForCausalLM.from_pretrained(llama_folder), PROMPT, repetition_penalty=1.7)


async def test_a_prompt_read_in_slices_gives_the_same_answer(engine, llama, served, monkeypatch) -> None:
    prompt = [(i * 37) % 300 for i in range(100)]
    async with engine.lease(served(llama)) as model:
        whole = await ids(model, prompt, greedy())
        monkeypatch.setattr("tunesmith.engines.scheduler.PROMPT_SLICE", 7)
        assert await ids(model, prompt, greedy()) == whole


async def test_logprobs_are_those_of_the_plain_model(engine, llama, llama_folder, served) -> None:
    """Whatever the temperature, bias and penalties."""
    decoding = greedy(8, alternatives=3, repetition_penalty=1.3, logit_bias={7: 5.0})
    async with engine.lease(served(llama)) as model:
        found = (await tokens(model, PROMPT, decoding))[0]
    plain = AutoModelForCausalLM.from_pretrained(llama_folder)
    with torch.inference_mode():
        logits = plain(torch.tensor([PROMPT + [t.id for t in found]])).logits[0, len(PROMPT) - 1 : -1]
    expected = logits.log_softmax(-1)
    for place, token in enumerate(found):
        assert token.logprob == pytest.approx(expected[place, token.id].item(), abs=1e-4)
        top = expected[place].topk(3)
        assert [i for i, _ in token.alternatives] == top.indices.tolist()
        assert [v for _, v in token.alternatives] == pytest.approx(top.values.tolist(), abs=1e-4)


async def test_prompt_scores_are_those_of_the_plain_model(engine, llama, llama_folder, served) -> None:
    prompt = [(i * 31) % 300 for i in range(150)]
    async with engine.lease(served(llama)) as model:
        steps = [step async for step in model.start([prompt], greedy(1, score_prompt=True, alternatives=1))]
    scores = steps[0]
    assert isinstance(scores, PromptScores)
    with torch.inference_mode():
        logits = AutoModelForCausalLM.from_pretrained(llama_folder)(torch.tensor([prompt])).logits[0, :-1]
    expected = logits.log_softmax(-1).gather(1, torch.tensor(prompt[1:])[:, None])[:, 0]
    assert scores.logprobs[0] is None
    assert scores.logprobs[1:] == pytest.approx(expected.tolist(), abs=1e-4)
    assert len(scores.alternatives) == len(prompt)


async def test_a_seed_gives_the_same_rows_alone_and_among_others(engine, llama, served) -> None:
    sampled = Decoding(max_tokens=15, seed=11, n=3, temperature=1.3, top_p=0.95, top_k=50, stop_ids=frozenset())
    async with engine.lease(served(llama)) as model:
        alone = await tokens(model, PROMPT, sampled)
        others = [tokens(model, [i, i + 1], greedy(25, seed=i, temperature=1.0)) for i in range(5)]
        together = (await asyncio.gather(tokens(model, PROMPT, sampled), *others))[0]
        assert together == alone
        assert len({tuple(t.id for t in row) for row in alone}) == 3, "rows of one seed differ"
        another = await tokens(model, PROMPT, Decoding(**{**vars(sampled), "seed": 12}))
    assert another != alone


async def test_a_row_that_ends_early_leaves_the_others_as_they_were(engine, llama, served) -> None:
    sampled = Decoding(max_tokens=15, seed=4, n=3, temperature=1.0, stop_ids=frozenset())
    async with engine.lease(served(llama)) as model:
        whole = await tokens(model, PROMPT, sampled)
        stop = frozenset({whole[1][3].id})
        shorter = await tokens(model, PROMPT, Decoding(**{**vars(sampled), "stop_ids": stop}))
    for row, short in zip(whole, shorter, strict=True):
        expected = [t.id for t in row]
        ends = [i for i, t in enumerate(expected) if t in stop]
        assert [t.id for t in short] == (expected[: ends[0] + 1] if ends else expected)
        assert short[-1].finish == ("stop" if ends else "length")
    assert len(shorter[1]) < 15


async def test_frequency_penalty_forbids_what_was_said(engine, llama, served) -> None:
    async with engine.lease(served(llama)) as model:
        found = await ids(model, PROMPT, greedy(30, frequency_penalty=1000.0))
        assert len(set(found)) == 30
        biased = await ids(model, PROMPT, greedy(5, logit_bias={33: 1000.0}))
    assert biased == [33] * 5


async def test_two_adapters_and_the_base_answer_side_by_side_as_they_do_alone(
    engine: TransformersEngine, llama, llama_folder: Path, served, served_adapter, make_adapter
) -> None:
    folders = [make_adapter(llama_folder, 1), make_adapter(llama_folder, 2, r=8)]
    names = ["base", "one", "two"]
    models = [served(llama, "base"), *(served_adapter(llama, f, n) for f, n in zip(folders, names[1:], strict=True))]

    async def ask(model: ServedModel) -> list[int]:
        async with engine.lease(model) as leased:
            return await ids(leased, PROMPT, greedy())

    found = await asyncio.gather(*(ask(model) for model in models * 3))
    plain = AutoModelForCausalLM.from_pretrained(llama_folder)
    expected = [reference(plain, PROMPT)]
    for folder in folders:
        tuned = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(llama_folder), folder).eval()
        expected.append(reference(tuned, PROMPT))
    assert list(found) == expected * 3
    assert len({tuple(row) for row in expected}) == 3, "the adapters make no difference"
    assert engine.loaded() == ["base", "one", "two"]


async def test_an_adapter_on_gpt2_layers_answers_as_peft_does(
    engine, protein, served, served_adapter, make_adapter, tmp_path
) -> None:
    from tunesmith.base_models.fetch import local_folder

    base = local_folder(protein, tmp_path)
    folder = make_adapter(base, 3, target_modules=["c_attn", "c_proj", "c_fc"], fan_in_fan_out=True)
    async with engine.lease(served_adapter(protein, folder, "tuned")) as model:
        found = await ids(model, [1, 14, 12], greedy())
    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    tuned = PeftModel.from_pretrained(plain, folder).eval()
    assert found == reference(tuned, [1, 14, 12])


async def test_an_adapter_comes_while_another_request_is_answered_and_the_base_is_not_loaded_again(
    engine: TransformersEngine, llama, llama_folder: Path, served, served_adapter, make_adapter, monkeypatch
) -> None:
    loads: list[str] = []
    load = engine_module.load_model
    monkeypatch.setattr(engine_module, "load_model", lambda *a, **k: (loads.append("load"), load(*a, **k))[1])
    tuned = served_adapter(llama, make_adapter(llama_folder, 4), "tuned")
    async with engine.lease(served(llama)) as model:
        alone = await ids(model, PROMPT, greedy(300))
        run = model.start([PROMPT], greedy(300))
        steps = aiter(run)
        found = [step[0].id for step in [await anext(steps) for _ in range(3)]]
        async with engine.lease(tuned) as other:
            assert len(await ids(other, PROMPT, greedy(3))) == 3
        assert len(found) == 3
        found += [step[0].id async for step in steps]
    assert found == alone
    assert loads == ["load"]


async def test_many_who_ask_for_a_cold_model_load_it_once(engine, llama, served, monkeypatch) -> None:
    loads: list[str] = []
    load = engine_module.load_model
    monkeypatch.setattr(engine_module, "load_model", lambda *a, **k: (loads.append("load"), load(*a, **k))[1])

    async def ask() -> None:
        async with engine.lease(served(llama)):
            pass

    await asyncio.gather(*(ask() for _ in range(8)))
    assert loads == ["load"]


async def test_a_caller_who_goes_away_while_a_model_loads_does_not_end_the_load(engine, llama, served) -> None:
    async def ask() -> list[str]:
        async with engine.lease(served(llama)):
            return engine.loaded()

    leaving, staying = asyncio.create_task(ask()), asyncio.create_task(ask())
    await asyncio.sleep(0)
    leaving.cancel()
    assert await staying == ["tiny-llama"]


async def test_a_cancelled_run_frees_its_rows(engine: TransformersEngine, llama, served) -> None:
    async with engine.lease(served(llama)) as model:
        run = model.start([PROMPT], greedy(400))
        steps = aiter(run)
        await anext(steps)
        assert engine.active_rows() == 1
        run.cancel()
        rest = [step async for step in steps]
        assert len(rest) < 399
        assert engine.active_rows() == 0


async def test_requests_beyond_the_rows_wait_and_are_all_answered(make_engine, llama, served) -> None:
    engine = make_engine(max_rows=2)
    async with engine.lease(served(llama)) as model:
        found = await asyncio.gather(*(ids(model, PROMPT, greedy(5)) for _ in range(7)))
        wide = await tokens(model, PROMPT, greedy(5, n=5))
    await engine.close()
    assert all(row == found[0] for row in found)
    assert [[t.id for t in row] for row in wide] == [found[0]] * 5


async def test_a_failing_step_ends_its_own_request_only(engine, llama, served) -> None:
    async with engine.lease(served(llama)) as model:
        good = asyncio.create_task(ids(model, PROMPT, greedy(50)))
        with pytest.raises(Exception, match="failed while generating"):
            await ids(model, [10**6], greedy(5))
        assert len(await good) == 50


async def test_unload_frees_adapters_first_and_refuses_what_is_in_use(
    engine: TransformersEngine, llama, llama_folder, served, served_adapter, make_adapter
) -> None:
    tuned = served_adapter(llama, make_adapter(llama_folder, 5), "tuned")
    async with engine.lease(tuned) as model:
        first = await ids(model, PROMPT, greedy())
        with pytest.raises(InUse, match="answering"):
            await engine.unload("tuned")
    async with engine.lease(served(llama)):
        pass
    assert await engine.unload("tuned")
    assert engine.loaded() == ["tiny-llama"]
    assert not await engine.unload("tuned")
    async with engine.lease(tuned) as model:
        assert await ids(model, PROMPT, greedy()) == first
    assert await engine.unload("tiny-llama")
    assert engine.loaded() == []


async def test_the_least_recently_used_model_makes_room(make_engine, make_parrot, served) -> None:
    one, two, three = (served(make_parrot("ab"), name) for name in ("one", "two", "three"))
    engine = make_engine(memory_bytes=4_000_000)  # each is 1.8 MB in float32
    for model in (one, two, one, three):
        async with engine.lease(model):
            pass
    assert engine.loaded() == ["one", "three"]
    async with engine.lease(one), engine.lease(three):
        with pytest.raises(Unavailable, match="answering now"):
            async with engine.lease(two):
                pass
    await engine.close()


async def test_a_model_above_the_memory_limit_is_refused_with_the_setting(make_engine, llama, served) -> None:
    engine = make_engine(memory_bytes=1000)
    with pytest.raises(Unavailable, match="TUNESMITH_ENGINE_MEMORY_BYTES"):
        async with engine.lease(served(llama)):
            pass
    await engine.close()


async def test_a_fully_tuned_model_is_a_model_of_its_own(engine, llama, files, make_parrot, tokenizer) -> None:
    parrot = make_parrot("I am tuned")
    folder = Path(parrot.source.path)
    full = ServedModel(name="full", task="chat", base=llama, adaptation=Adaptation.FULL, files=files.downloads(folder))
    async with engine.lease(full) as model:
        prompt = chat_prompt_ids(model.tokenizer, [{"role": "user", "content": "hi"}])
        found = await ids(model, prompt, Decoding(max_tokens=20, seed=0, temperature=0.0))
    assert tokenizer.decode(found, skip_special_tokens=True) == "I am tuned"


async def test_an_adapter_of_another_base_is_refused_and_harms_nothing(
    engine, llama, served, served_adapter, make_adapter, protein, tmp_path
) -> None:
    from tunesmith.base_models.fetch import local_folder

    foreign = make_adapter(local_folder(protein, tmp_path), 6, target_modules=["c_attn"], fan_in_fan_out=True)
    async with engine.lease(served(llama)) as model:
        before = await ids(model, PROMPT, greedy())
        with pytest.raises(Invalid, match="fit"):
            async with engine.lease(served_adapter(llama, foreign, "foreign")):
                pass
        assert await ids(model, PROMPT, greedy()) == before
    assert engine.loaded() == ["tiny-llama"]


async def test_pickled_weights_are_refused(
    engine, llama, llama_folder, served_adapter, make_adapter, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("pickled")
    torch.save({"a": torch.zeros(1)}, folder / "adapter_model.bin")
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(UnsafeWeights):
        async with engine.lease(served_adapter(llama, folder, "pickled")):
            pass


async def test_the_adapter_brings_its_own_tokenizer(
    engine, llama: BaseModelEntry, llama_folder, served_adapter, make_adapter: Callable[..., Path]
) -> None:
    folder = make_adapter(llama_folder, 7)
    own = AutoTokenizer.from_pretrained(folder)
    own.chat_template = "{{ 'only this' }}"
    own.save_pretrained(folder)
    async with engine.lease(served_adapter(llama, folder, "own")) as model:
        found = chat_prompt_ids(model.tokenizer, [{"role": "user", "content": "hi"}])
    assert model.tokenizer.decode(found) == "only this"


async def test_close_ends_what_is_running(make_engine, llama, served, until) -> None:
    engine = make_engine()

    async def ask() -> list[int]:
        async with engine.lease(served(llama)) as model:
            return await ids(model, PROMPT, greedy(400))

    task = asyncio.create_task(ask())
    await until(engine.active_rows)
    await engine.close()
    with pytest.raises(Unavailable, match="unloaded"):
        await task
