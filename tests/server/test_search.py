"""One search over everything that a caller has."""

import json

import pytest

from tunesmith.server.jobs.tables import JobRow

FASTA = "".join(f">s{n}\nMKV{'ACDEFGHIKL'[n % 10] * 8}\n" for n in range(12))


async def find(remote, q="", key=None, **params):
    """(object, title) of each hit, best first."""
    reply = await remote.http.get("/v1/search", params={"q": q, **params}, headers=remote.bearer(key))
    assert reply.status_code == 200, reply.text
    return [(hit["object"], hit["title"]) for hit in reply.json()["data"]]


@pytest.fixture
async def filled(remote):
    """A file, two jobs and a key; a job's name holds what LIKE would read as wildcards."""
    file_id = await remote.upload(FASTA, "kinase families.fasta")
    names = ("Kinase 100%_done", "The kinase of the north", "Supportkinases")
    remote.jobs = {}
    for name in names:
        remote.jobs[name] = (await remote.create(training_file=file_id, suffix="mine")).json()["id"]
        async with remote.server.app.state.db.session() as session:
            (await session.get_one(JobRow, remote.jobs[name])).name = name
    remote.file_id = file_id
    return remote


async def test_a_name_that_begins_with_it_comes_before_a_word_and_that_before_a_part(filled):
    found = await find(filled, "kinase")
    assert {found[0], found[1]} == {("fine_tuning.job", "Kinase 100%_done"), ("file", "kinase families.fasta")}
    assert found[2:] == [("fine_tuning.job", "The kinase of the north"), ("fine_tuning.job", "Supportkinases")]
    assert (await find(filled, "the kinase of the NORTH"))[0] == ("fine_tuning.job", "The kinase of the north")


async def test_every_word_must_be_somewhere_in_names_or_ids(filled):
    assert await find(filled, "north kinase") == [("fine_tuning.job", "The kinase of the north")]
    assert await find(filled, "north protein-mini") == [("fine_tuning.job", "The kinase of the north")]
    assert await find(filled, "kinase nowhere") == []


async def test_an_id_is_found_whole_by_its_beginning_and_without_its_prefix(filled):
    job_id = filled.jobs["Supportkinases"]
    for q in (job_id, job_id[:14], job_id.removeprefix("ftjob-"), job_id.removeprefix("ftjob-")[:12]):
        assert (await find(filled, q))[0] == ("fine_tuning.job", "Supportkinases"), q
    assert (await find(filled, filled.file_id))[0] == ("file", "kinase families.fasta")


async def test_signs_of_a_pattern_are_letters(filled):
    assert await find(filled, "100%_") == [("fine_tuning.job", "Kinase 100%_done")]
    assert await find(filled, "%") == [("fine_tuning.job", "Kinase 100%_done")]
    assert await find(filled, "\\") == []
    assert await find(filled, "'; DROP TABLE jobs; --") == []


async def test_a_deleted_file_is_not_found(filled):
    other = await filled.upload(FASTA.replace("A", "G"), "gone.fasta")
    assert await find(filled, "gone.fasta") == [("file", "gone.fasta")]
    await filled.http.delete(f"/v1/files/{other}", headers=filled.bearer())
    assert await find(filled, "gone.fasta") == []


async def test_a_tuned_model_its_base_the_project_and_the_key_are_found(trained, remote):
    model = trained["fine_tuned_model"]
    (hit,) = [hit for hit in (await remote.get("/v1/search", q=model))["data"] if hit["object"] == "model"]
    assert (hit["id"], hit["job_id"]) == (model, trained["id"])
    assert ("base_model", "Protein mini (5 M)") in await find(remote, "protein mini")
    assert ("project", "ada") in await find(remote, "ada")
    keys = (await remote.get("/v1/keys"))["data"]
    assert await find(remote, keys[0]["id"]) == [("api_key", keys[0]["name"])]


async def test_a_hit_says_what_it_is_and_never_a_keys_secret(trained, remote):
    reply = await remote.get("/v1/search", q="mine", limit=50)
    jobs = [hit for hit in reply["data"] if hit["object"] == "fine_tuning.job"]
    assert [(hit["id"], hit["subtitle"]) for hit in jobs] == [(trained["id"], "Completed · protein-mini")]
    assert remote.key not in json.dumps(await remote.get("/v1/search", q=remote.key[:8], limit=50))


async def test_without_words_the_newest_come_first_up_to_the_limit(filled):
    found = await find(filled, limit=3)
    assert ("fine_tuning.job", "Supportkinases") in found
    assert len(found) == 3
    assert {noun for noun, _ in await find(filled, limit=50)} == {"fine_tuning.job", "file"}
    assert (await filled.get("/v1/search", limit=3))["has_more"] is True


async def test_nothing_of_another_project_is_found_and_an_admin_finds_all(filled):
    bob = await filled.server.new_user("bob")
    things = ["kinase", *filled.jobs.values(), filled.file_id, "ada"]
    for q in things:
        assert await find(filled, q, key=bob) == [], q
        assert await find(filled, q, key=filled.server.admin_key) != [], q
    ours = (await filled.get("/v1/keys"))["data"][0]["id"]
    assert await find(filled, ours, key=bob) == []
