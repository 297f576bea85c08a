"""Starting an example: the demonstration's data and settings as an ordinary data set and job, reused when there."""

import asyncio

import pytest

from tunesmith.demo.apart import write_apart
from tunesmith.demo.examples import CHAT, PROTEIN, RUNS

ID = "/v1/examples"


async def start(remote, example_id: str):
    reply = await remote.http.post(f"{ID}/{example_id}", headers=remote.bearer(), timeout=60)
    assert reply.status_code == 200, reply.text
    return reply.json()


async def content(remote, file_id: str) -> bytes:
    reply = await remote.http.get(f"/v1/files/{file_id}/content", headers=remote.bearer())
    assert reply.status_code == 200, reply.text
    return reply.content


async def test_the_demonstrations_runs_are_the_examples(remote):
    page = await remote.get(ID)
    assert {each["id"] for each in page["data"]} == {run.id for run in RUNS}
    seconds = [each["expected_s"] for each in page["data"]]
    assert seconds == sorted(seconds)


async def test_a_family_becomes_a_data_set_and_a_job_as_the_command_line_makes_it(remote, tmp_path):
    started = await start(remote, PROTEIN.id)
    newest = started["dataset"]["newest"]
    (written,) = write_apart(PROTEIN, tmp_path).paths
    assert await content(remote, newest["file"]["id"]) == written.read_bytes()
    assert (newest["kind"], newest["n_records"], newest["n_faults"]) == ("sequence", PROTEIN.n_records, 0)
    job = await remote.validated(started["job_id"])
    assert (job["status"], job["training_file"]) == ("queued", newest["file"]["id"])
    assert (job["model"], job["adaptation"], job["seed"]) == (PROTEIN.model, PROTEIN.adaptation, PROTEIN.seed)
    wanted = {name: job["hyperparameters"][name] for name in PROTEIN.hyperparameters}
    assert wanted == PROTEIN.hyperparameters


async def test_the_documentation_is_read_by_another_program_and_its_held_out_modules_validate(remote, tmp_path):
    started = await start(remote, CHAT.id)
    training, validation = write_apart(CHAT, tmp_path).paths
    job = await remote.validated(started["job_id"])
    assert job["status"] == "queued", job
    assert await content(remote, job["training_file"]) == training.read_bytes()
    assert await content(remote, job["validation_file"]) == validation.read_bytes()
    assert started["dataset"]["newest"]["n_records"] == CHAT.n_records


async def test_started_again_it_uses_the_data_that_is_there(remote):
    first, second = await asyncio.gather(start(remote, PROTEIN.id), start(remote, PROTEIN.id))
    assert first["dataset"]["id"] == second["dataset"]["id"]
    assert first["job_id"] != second["job_id"]
    third = await start(remote, PROTEIN.id)
    assert third["dataset"]["newest"]["file"]["id"] == first["dataset"]["newest"]["file"]["id"]
    assert len((await remote.get("/v1/files"))["data"]) == 1


async def test_a_name_that_is_taken_is_left_to_its_owner(remote):
    file_id = await remote.upload()
    body = {"name": PROTEIN.dataset, "file_id": file_id}
    assert (await remote.http.post("/v1/datasets", json=body, headers=remote.bearer())).status_code == 200
    assert (await start(remote, PROTEIN.id))["dataset"]["name"] == f"{PROTEIN.dataset} 2"


@pytest.mark.parametrize("example_id", ["none", "a" * 200])
async def test_an_unknown_example_names_those_that_there_are(remote, example_id):
    reply = await remote.http.post(f"{ID}/{example_id}", headers=remote.bearer())
    assert reply.status_code == 404
    assert PROTEIN.id in reply.json()["error"]["message"]
