"""FASTA in, a tuned protein model, ranked new sequences out."""

import httpx
import pytest

from tunesmith.client import Tunesmith

pytestmark = [pytest.mark.training, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def client(stack) -> Tunesmith:
    return Tunesmith(stack.url, stack.key())


@pytest.fixture(scope="module")
def tuned(client: Tunesmith, fasta_file, stack):
    uploaded = client.files.create(fasta_file)
    assert client.files.report(uploaded.id).n_records == 30
    job = client.jobs.create(
        model="protein-mini",
        training_file=uploaded.id,
        task="protein",
        adaptation="lora",
        validation_split=0.2,
        hyperparameters={"n_epochs": 1, "max_seq_len": 200},
    )
    seen = list(client.jobs.follow(job.id))
    assert len({e.id for e in seen}) == len(seen)
    done = client.jobs.retrieve(job.id)
    assert done.status == "succeeded", done.error
    return done


def test_the_event_stream_tells_the_run_to_its_end(client, tuned):
    assert "completed" in list(client.jobs.follow(tuned.id))[-1].message


def test_the_engine_repeats_what_training_saw(client, tuned, stack):
    def parity():
        found = client.models.registry(tuned.fine_tuned_model).parity
        return found if found is not None and found.status != "pending" else None

    found = stack.until(parity)
    assert (found.status, found.n_probes, found.prompts_equal, found.output_agreement) == ("passed", 4, 4, 1.0)
    assert any("Parity passed" in e.message for e in client.jobs.events(tuned.id).data)


def test_both_held_out_sets_are_compared_with_intervals(client, tuned):
    version = client.models.registry(tuned.fine_tuned_model)
    by_set = {c.set: c for c in version.comparisons}
    assert set(by_set) == {"random", "clusters"}
    for comparison in by_set.values():
        assert comparison.metric == "perplexity"
        assert comparison.after.low <= comparison.after.value <= comparison.after.high


def test_new_sequences_are_ranked_and_measured(client, tuned):
    reply = client.generate.create(model=tuned.fine_tuned_model, n=4, seed=3, max_residues=40)
    perplexities = [s.perplexity for s in reply.data]
    assert perplexities == sorted(perplexities)
    assert [s.rank for s in reply.data] == [1, 2, 3, 4]
    for made in reply.data:
        assert made.length == len(made.sequence) <= 40
        assert 0 < made.confidence <= 1
        assert made.nearest_identity is not None
        assert 0 <= made.nearest_identity <= 1
    again = client.generate.create(model=tuned.fine_tuned_model, n=4, seed=3, max_residues=40)
    assert [s.sequence for s in again.data] == [s.sequence for s in reply.data]


def test_base_and_tuned_generate_with_a_prompt_and_as_fasta(client, tuned, stack):
    based = client.generate.create(model="protein-mini", n=2, prompt="MKALIVLG", max_residues=20, seed=1)
    assert all(s.sequence.startswith("MKALIVLG") and s.nearest_identity is None for s in based.data)
    text = httpx.post(
        f"{stack.url}/v1/generate",
        json={"model": tuned.fine_tuned_model, "n": 2, "max_residues": 20, "format": "fasta"},
        headers={"Authorization": f"Bearer {stack.key()}"},
        timeout=60,
    ).text
    assert text.count(">") == 2


def test_a_download_is_whole_and_loads_as_a_peft_adapter(client, tuned, tmp_path):
    client.models.download(tuned.fine_tuned_model, tmp_path / "model")
    names = {p.name for p in (tmp_path / "model").iterdir()}
    assert {"adapter_config.json", "adapter_model.safetensors", "training_sequences.fasta"} <= names
