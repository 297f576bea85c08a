"""A job that asks for four bits is made where it can run, or may yet, and refused with the nearest choice elsewhere."""

import pytest

from tunesmith.schemas.errors import SpecInvalid
from tunesmith.schemas.shape import Adaptation, Task
from tunesmith.server.jobs import four_bits


async def connect(remote, worker_id: str, *adaptations: str) -> None:
    told = {"tasks": ["chat", "protein"], "cpu_count": 1, "memory_bytes": 1, "version": "1"}
    reply = await remote.claim(worker_id, capabilities=told | {"adaptations": list(adaptations)})
    assert reply.status_code in (200, 204), reply.text


async def test_with_no_worker_connected_it_is_made(remote):
    reply = await remote.create(adaptation="qlora")
    assert (reply.status_code, reply.json()["adaptation"]) == (200, "qlora")


async def test_where_no_connected_worker_runs_it_it_is_refused_and_not_made(remote):
    await connect(remote, "plain", "lora", "full")
    reply = await remote.create(adaptation="qlora")
    error = reply.json()["error"]
    assert (reply.status_code, error["param"], error["code"]) == (400, "adaptation", "invalid_value")
    assert "bitsandbytes" in error["message"]
    assert "'lora'" in error["message"]
    assert (await remote.get("/v1/fine_tuning/jobs"))["data"] == []
    assert (await remote.create(adaptation="lora")).status_code == 200


async def test_one_worker_that_runs_it_is_enough(remote):
    await connect(remote, "plain", "lora", "full")
    await connect(remote, "able", "lora", "qlora", "full")
    assert (await remote.create(adaptation="qlora")).status_code == 200


async def test_a_worker_that_has_gone_does_not_count(remote):
    await connect(remote, "plain", "lora", "full")
    async with remote.server.app.state.db.lean() as connection:
        await connection.execute("UPDATE workers SET last_seen_at = last_seen_at - interval '10 minutes'")
    assert (await remote.create(adaptation="qlora")).status_code == 200


@pytest.mark.parametrize("task", [Task.EMBEDDING, Task.CLASSIFICATION])
def test_encoders_are_not_trained_in_four_bits(task):
    with pytest.raises(SpecInvalid, match=r"too small for four bits.*'lora' or 'full'") as caught:
        four_bits.refuse_for_task(Adaptation.QLORA, task)
    assert caught.value.param == "adaptation"
    four_bits.refuse_for_task(Adaptation.LORA, task)
    four_bits.refuse_for_task(Adaptation.QLORA, Task.CHAT)


async def test_an_embedding_job_in_four_bits_is_refused(remote):
    file_id = await remote.upload('{"anchor":"a","positive":"b"}\n' * 12, "pairs.jsonl")
    reply = await remote.create(training_file=file_id, model="all-minilm-l6-v2", task="embedding", adaptation="qlora")
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "adaptation"), reply.text
