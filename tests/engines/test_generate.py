"""Protein sequences from protein-mini."""

import math
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tunesmith.base_models.fetch import local_folder
from tunesmith.base_models.identity import identity
from tunesmith.schemas.inference import GenerateReply, ServedModel

RESIDUES = set("ACDEFGHIKLMNPQRSTVWY")


async def ask(client, served: ServedModel, **wanted) -> GenerateReply:
    reply = await client.ask("generate", served, **wanted)
    assert reply.status_code == 200, reply.text
    return GenerateReply.model_validate_json(reply.content)


async def test_sequences_are_ranked_and_their_figures_are_the_models(client, served, protein, tmp_path) -> None:
    reply = await ask(client, served(protein), n=4, prompt="MKV", max_residues=40, seed=1, temperature=0.7, top_k=9)
    folder = local_folder(protein, tmp_path)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert [s.rank for s in reply.data] == [1, 2, 3, 4]
    assert sorted(s.perplexity for s in reply.data) == [s.perplexity for s in reply.data]
    for sequence in reply.data:
        assert sequence.sequence.startswith("MKV")
        assert sequence.length == len(sequence.sequence) <= 43
        assert set(sequence.sequence) <= RESIDUES
        assert sequence.valid
        ids = [1, *tokenizer.convert_tokens_to_ids(list(sequence.sequence))]
        ids += [2] if sequence.finish_reason == "stop" else []
        with torch.inference_mode():
            logprobs = model(torch.tensor([ids])).logits[0, :-1].log_softmax(-1)
        told = logprobs.gather(1, torch.tensor(ids[1:])[:, None])[3:, 0]
        assert sequence.log_likelihood == pytest.approx(told.sum().item(), abs=1e-3)
        assert sequence.perplexity == pytest.approx(math.exp(-told.mean().item()), rel=1e-4)
        residues = told[: sequence.length - 3]
        assert sequence.confidence == pytest.approx(residues.exp().mean().item(), rel=1e-4)
        assert sequence.nearest_identity is None


async def test_a_seed_gives_the_same_sequences_and_is_told(client, served, protein) -> None:
    one = await ask(client, served(protein), n=3, max_residues=30, seed=7)
    two = await ask(client, served(protein), n=3, max_residues=30, seed=7)
    assert [s.sequence for s in one.data] == [s.sequence for s in two.data]
    assert one.seed == 7
    free = await ask(client, served(protein), n=3, max_residues=30)
    again = await ask(client, served(protein), n=3, max_residues=30, seed=free.seed)
    assert [s.sequence for s in free.data] == [s.sequence for s in again.data]


async def test_a_tuned_model_names_the_nearest_training_sequence(
    client, protein, served_adapter, make_adapter, tmp_path
) -> None:
    base = local_folder(protein, tmp_path)
    folder: Path = make_adapter(base, 9, target_modules=["c_attn"], fan_in_fan_out=True)
    known = {"P1": "MKVLAWGGHHKKLLMMNNPPQQ", "P2": "WWYYFFGGSSTTVVIILLAACC"}
    (folder / "training_sequences.fasta").write_text("".join(f">{k} x\n{v}\n" for k, v in known.items()))
    reply = await ask(client, served_adapter(protein, folder, "tuned"), n=3, max_residues=20, seed=2)
    for sequence in reply.data:
        best = max(known, key=lambda k: identity(sequence.sequence, known[k]))
        assert sequence.nearest_identity == identity(sequence.sequence, known[best])
        assert sequence.nearest_id == best
    assert reply.model == "tuned"


async def test_invalid_prompt_residues_are_counted(client, served, protein) -> None:
    reply = await ask(client, served(protein), n=1, prompt="mkvxb", max_residues=5, seed=1)
    assert reply.data[0].sequence.startswith("MKVXB")
    assert not reply.data[0].valid
    assert reply.data[0].invalid_residues == {"X": 1, "B": 1}


async def test_without_a_length_a_sequence_may_fill_the_context(client, served, protein) -> None:
    reply = await ask(client, served(protein), n=1, prompt="M" * 1000, seed=3)
    assert reply.data[0].length <= 1023
    refused = await client.ask("generate", served(protein), n=1, prompt="M" * 1024)
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "context_length_exceeded"


async def test_a_chat_model_generates_no_proteins(client, served, llama) -> None:
    reply = await client.ask("generate", served(llama), n=1)
    assert reply.status_code == 400
    assert "no protein model" in reply.json()["error"]["message"]
