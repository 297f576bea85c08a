"""Which model a name means, for whom."""

import pytest
from sqlalchemy import select

CHAT = {"messages": [{"role": "user", "content": "hi"}]}
NAME = "ft:protein-mini:ada:ldh:abc"


@pytest.fixture
async def tuned(server):
    """A model of Ada's; her key and another user's."""
    from tunesmith.server.accounts.tables import UserRow
    from tunesmith.server.models.tables import ModelVersionRow

    ada, bob = await server.new_user("ada"), await server.new_user("bob")
    base = server.app.state.catalog.get("protein-mini")
    async with server.app.state.db.session() as session:
        user = (await session.scalars(select(UserRow).where(UserRow.name == "ada"))).one()
        session.add(
            ModelVersionRow(
                id=NAME, project_id=user.project_id, created_by=user.id, owned_by="ada", job_id="ftjob-1",
                upload_id="wup_1", family="ldh", version=1, task="protein", adaptation="lora",
                base_model="protein-mini", base=base.model_dump(mode="json"), parent_model=None,
                manifest=[{"path": "adapter_model.safetensors", "size_bytes": 5, "sha256": "a" * 64}], size_bytes=5,
                metrics={}, comparisons=[], lineage={},
            )
        )  # fmt: skip
    return ada, bob


async def answer(talk):
    await talk.json({"object": "generation", "data": []})


async def test_a_tuned_model_goes_to_the_engine_with_signed_links_to_its_files(server, live, make_engine, tuned):
    ada, _ = tuned
    engine = await make_engine(answer)
    reply = await live.post("/v1/generate", json={"model": NAME}, headers=server.bearer(ada))
    assert reply.status_code == 200, reply.text
    served = engine.calls[0]["served"]
    assert (served["name"], served["adaptation"]) == (NAME, "lora")
    (file,) = served["files"]
    assert file["url"].startswith(f"/storage/v1/{'a' * 64}?")
    assert "signature=" in file["url"]


async def test_another_users_model_answers_exactly_as_an_absent_one(server, live, make_engine, tuned):
    _, bob = tuned
    engine = await make_engine(answer)
    theirs = await live.post("/v1/generate", json={"model": NAME}, headers=server.bearer(bob))
    absent = await live.post("/v1/generate", json={"model": NAME[:-1] + "x"}, headers=server.bearer(bob))
    assert theirs.status_code == absent.status_code == 404
    assert theirs.text.replace(NAME, "") == absent.text.replace(NAME[:-1] + "x", "")
    assert engine.calls == []


async def test_a_tuned_protein_model_does_not_chat(server, live, make_engine, tuned):
    ada, _ = tuned
    await make_engine(answer)
    reply = await live.post("/v1/chat/completions", json={**CHAT, "model": NAME}, headers=server.bearer(ada))
    assert reply.status_code == 400
    assert NAME in reply.json()["error"]["message"]
