"""POST /v1/fine_tuning/estimate: figures before a job is made, who could run it, and what finished runs teach."""

import json
import random

import httpx
import pytest

GIB = 1024**3
WORKER = {
    "tasks": ["chat", "protein", "classification", "embedding"],
    "cpu_count": 2,
    "memory_bytes": 16 * GIB,
    "packages": {"torch": "2.13.0", "transformers": "5.23.0", "peft": "0.21.2"},
    "version": "1",
}
CHATS = "".join(
    json.dumps(
        {
            "messages": [
                {"role": "user", "content": f"What does the function number {n} of this module do?"},
                {"role": "assistant", "content": f"It returns the value of a small counter, plus {n}."},
            ]
        }
    )
    + "\n"
    for n in range(400)
)


def family(n: int, length: int) -> str:
    rng = random.Random(n)
    return "".join(f">s{i}\n{''.join(rng.choices('ACDEFGHIKLMNPQRSTVWY', k=length))}\n" for i in range(n))


async def ask(remote, **body) -> httpx.Response:
    if "training_file" not in body:
        body["training_file"] = await remote.upload(family(100, 200))
    return await remote.http.post(
        "/v1/fine_tuning/estimate", json={"model": "protein-mini"} | body, headers=remote.bearer()
    )


async def estimated(remote, **body):
    reply = await ask(remote, **body)
    assert reply.status_code == 200, reply.text
    return reply.json()


async def connect(remote, worker_id: str, **capabilities) -> None:
    reply = await remote.claim(worker_id, capabilities=WORKER | capabilities)
    assert reply.status_code == 204, reply.text


async def test_nothing_is_made_by_asking(remote):
    await estimated(remote)
    assert (await remote.get("/v1/fine_tuning/jobs"))["data"] == []


async def test_the_numbers_are_those_that_the_run_would_use(remote):
    found = await estimated(remote, hyperparameters={"n_epochs": 3, "batch_size": 8})
    assert (found["n_train"], found["n_held_out"]) == (90, 10)
    assert (found["steps"], found["hyperparameters"]["n_epochs"]) == (36, 3)
    # 200 residues with a token before and one behind, 90 sequences, three times.
    assert found["tokens"] == {"total": 90 * 202 * 3, "trained": 90 * 202 * 3, "counted_by": "residues"}
    for figure in (found["peak_memory_bytes"], found["time_s"]):
        assert 0 < figure["low"] < figure["value"] < figure["high"]


async def test_every_number_is_told_with_its_reason(remote):
    found = await estimated(remote, hyperparameters={"batch_size": 4, "max_seq_len": 5000})
    reasons = found["reasons"]
    assert set(reasons) == {*found["hyperparameters"], "adaptation", "method", "validation_split"}
    assert reasons["n_epochs"] == "6 epochs, because 90 training examples are few (under 1,000)."
    assert reasons["batch_size"].startswith("You asked for 4. The default: 11 at a time")
    assert (found["hyperparameters"]["batch_size"], found["defaults"]["batch_size"]) == (4, 11)
    assert found["defaults"]["n_epochs"] == found["hyperparameters"]["n_epochs"] == 6
    # The base reads 1,024 tokens, whatever is asked for.
    assert found["hyperparameters"]["max_seq_len"] == 1024
    assert reasons["max_seq_len"] == "1,024 tokens, all that the base can read: you asked for 5,000."
    assert reasons["validation_split"].startswith("10 of 100 different records (10 %)")


async def test_what_must_be_fetched_is_told_in_bytes(remote):
    bundled = await estimated(remote)
    assert (bundled["fetch_bytes"], bundled["fetch_s"]) == (0, 0)
    fetched = await estimated(
        remote, model="smollm2-135m-instruct", training_file=await remote.upload(CHATS, "c.jsonl")
    )
    assert 80e6 < fetched["fetch_bytes"] < 120e6


async def test_the_balance_of_the_labels_is_what_weighs_classes(remote):
    rows = "".join(f"text number {n},{'rare' if n % 10 == 0 else 'common'}\n" for n in range(100))
    file_id = await remote.upload("text,label\n" + rows, "labels.csv")
    found = await estimated(remote, model="smollm2-135m-instruct", training_file=file_id, task="classification")
    assert found["reasons"]["class_weights"].startswith("On, since the commonest label has 90 records")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"training_file": "file-absent"}, "training_file"),
        ({"validation_file": "file-absent"}, "validation_file"),
        ({"model": "gpt-9"}, "model"),
        ({"model": "smollm2-135m-instruct"}, "model"),
        ({"method": {"type": "dpo", "dpo": {}}}, "method.type"),
        ({"method": {"type": "reinforcement"}}, "method.type"),
        ({"hyperparameters": {"n_epochs": 51}}, "hyperparameters.n_epochs"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_what_a_job_is_refused_for_its_estimate_is_refused_for(remote, body, param):
    asked, made = await ask(remote, **body), await remote.create(**body)
    assert asked.status_code == made.status_code == 400
    assert asked.json()["error"] == made.json()["error"]
    assert asked.json()["error"]["param"] == param


async def test_more_work_takes_longer_and_more_memory(remote):
    short, long = await remote.upload(family(100, 100)), await remote.upload(family(100, 400))
    numbers = {"n_epochs": 2, "batch_size": 16}
    one = await estimated(remote, training_file=short, hyperparameters=numbers)
    longer = await estimated(remote, training_file=long, hyperparameters=numbers)
    twice = await estimated(remote, training_file=short, hyperparameters=numbers | {"n_epochs": 4})
    assert longer["peak_memory_bytes"]["value"] > 1.2 * one["peak_memory_bytes"]["value"]
    assert longer["time_s"]["value"] > 1.5 * one["time_s"]["value"]
    assert twice["time_s"]["value"] > one["time_s"]["value"]
    assert twice["peak_memory_bytes"]["value"] < 1.15 * one["peak_memory_bytes"]["value"]


async def test_four_bits_need_less_memory_than_all_weights_in_training(remote):
    await connect(remote, "roomy", memory_bytes=512 * GIB, adaptations=["lora", "qlora", "full"])
    file_id = await remote.upload(CHATS, "chats.jsonl")
    by = {
        adaptation: await estimated(remote, model="mistral-7b-v0.1", training_file=file_id, adaptation=adaptation)
        for adaptation in ("qlora", "lora", "full")
    }
    peaks = [by[name]["peak_memory_bytes"]["value"] for name in ("qlora", "lora", "full")]
    assert peaks == sorted(peaks)
    assert peaks[2] > 5 * peaks[0]


async def test_each_worker_is_told_whether_it_could_and_why_not(remote):
    await connect(remote, "usual", adaptations=["lora", "full"])
    await connect(remote, "small", memory_bytes=GIB // 2)
    await connect(remote, "texts", tasks=["chat"])
    await connect(remote, "bare", packages={"torch": "2.13.0"})
    found = await estimated(remote)
    workers = {worker["id"]: worker for worker in found["workers"]}
    assert workers["usual"]["fits"] == "fits"
    assert found["worker"] == "usual"
    assert "GiB" in workers["small"]["why"]
    assert "chat jobs, not protein" in workers["texts"]["why"]
    assert "transformers, peft" in workers["bare"]["why"]
    assert {workers[name]["fits"] for name in ("small", "texts", "bare")} == {"does_not_fit"}
    assert workers["texts"]["time_s"] is None


async def test_workers_that_cannot_run_four_bits_are_told_beside_one_that_can(remote):
    await connect(remote, "usual", adaptations=["lora", "full"])
    await connect(remote, "four-bits", adaptations=["lora", "qlora", "full"])
    found = await estimated(remote, adaptation="qlora")
    assert "bitsandbytes" in next(worker["why"] for worker in found["workers"] if worker["id"] == "usual")
    assert found["worker"] == "four-bits"


async def test_memory_that_no_worker_has_is_warned_of(remote):
    await connect(remote, "small", memory_bytes=GIB // 2)
    found = await estimated(remote)
    assert any("None of the connected workers" in warning for warning in found["warnings"])


async def test_a_worker_that_went_away_is_not_counted_on(remote, server):
    await connect(remote, "gone")
    server.app.state.clock.advance(600)
    found = await estimated(remote)
    assert [(w["id"], w["connected"]) for w in found["workers"]] == [("gone", False)]
    assert found["worker"] is None
    assert any("No worker is connected" in warning for warning in found["warnings"])


async def test_a_gpu_is_quicker_and_said_not_to_be_measured(remote):
    await connect(remote, "slow")
    on_cpu = await estimated(remote)
    await connect(remote, "fast", gpu="NVIDIA H100 80GB HBM3", gpu_memory_bytes=80 * GIB)
    found = await estimated(remote)
    assert (found["worker"], found["device"]) == ("fast", "gpu")
    assert found["time_s"]["value"] < on_cpu["time_s"]["value"]
    assert (on_cpu["basis"]["measured"], found["basis"]["measured"]) == (True, False)
    assert found["time_s"]["high"] / found["time_s"]["value"] > on_cpu["time_s"]["high"] / on_cpu["time_s"]["value"]


async def test_what_is_wrong_in_the_file_is_a_warning(remote):
    file_id = await remote.upload(CHATS + "not json\n", "chats.jsonl")
    found = await estimated(remote, model="smollm2-135m-instruct", training_file=file_id)
    assert any("1 lines at fault" in warning for warning in found["warnings"])


async def test_records_of_the_method_are_asked_for(remote):
    file_id = await remote.upload(CHATS, "chats.jsonl")
    found = await estimated(
        remote, model="smollm2-135m-instruct", training_file=file_id, method={"type": "dpo", "dpo": {}}
    )
    assert any("trains on preference records" in warning for warning in found["warnings"])


async def test_pairs_of_answers_are_read_with_their_prompt_twice(remote):
    pair = {
        "input": {"messages": [{"role": "user", "content": "p" * 350}]},
        "preferred_output": [{"role": "assistant", "content": "a" * 70}],
        "non_preferred_output": [{"role": "assistant", "content": "b" * 70}],
    }
    file_id = await remote.upload((json.dumps(pair) + "\n") * 15, "pairs.jsonl")
    found = await estimated(
        remote,
        model="llama-2-7b",
        training_file=file_id,
        method={"type": "dpo", "dpo": {"hyperparameters": {"n_epochs": 1}}},
    )
    # 3.5 characters a token, 10 marks a row: two rows of 100 + 20 + 10 tokens, of which each answer's and its end.
    assert found["tokens"]["total"] == 15 * 2 * 130
    assert found["tokens"]["trained"] == 15 * 2 * 21


async def test_text_is_counted_by_a_ratio_where_no_tokenizer_is_there(remote):
    file_id = await remote.upload(CHATS, "chats.jsonl")
    found = await estimated(remote, model="smollm2-135m-instruct", training_file=file_id)
    assert found["tokens"]["counted_by"] == "ratio"
    assert 0 < found["tokens"]["trained"] < found["tokens"]["total"]
    assert found["fetch_s"] > 0


async def test_finished_runs_of_the_kind_correct_the_figures(remote, finish):
    before = await estimated(remote, hyperparameters={"n_epochs": 2, "batch_size": 4})
    assert before["basis"]["n_runs"] == 0
    for _ in range(3):
        await finish(slower=3.0, memory_bytes=2 * before["peak_memory_bytes"]["value"])
    after = await estimated(remote, hyperparameters={"n_epochs": 2, "batch_size": 4})
    assert after["basis"]["n_runs"] == 3
    assert after["basis"]["memory_correction"] > 1.3
    assert after["basis"]["time_correction"] > 1.3
    assert after["time_s"]["value"] > before["time_s"]["value"]
    other = await estimated(remote, adaptation="full")
    assert other["basis"]["n_runs"] == 0


@pytest.fixture
async def finish(remote, result, started, weights):
    """Trains, as it were: a job on the same base and adaptation that a worker completes with figures of its own."""

    async def do(*, slower: float, memory_bytes: float) -> None:
        file_id = await remote.upload(family(100, 200))
        found = await estimated(remote, training_file=file_id, hyperparameters={"n_epochs": 2, "batch_size": 4})
        await remote.queued(training_file=file_id)
        lease = (await remote.claim(capabilities=WORKER)).json()
        await remote.report(lease, started=started.model_dump(mode="json"))
        upload_id = await remote.put(lease, "result", 60, {"adapter_model.safetensors": weights()})
        training_s = slower * found["time_s"]["value"]
        metrics = {
            "training_s": training_s,
            "tokens_per_second": found["tokens"]["total"] / training_s,
            "peak_memory_bytes": memory_bytes,
            "duration_s": training_s + 10,
        }
        told = result.model_copy(update={"metrics": metrics}).model_dump(mode="json")
        done = await remote.call(lease, "complete", upload_id=upload_id, result=told)
        assert done.status_code == 200, done.text

    return do
