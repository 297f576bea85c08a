"""Who is asked when, and what is kept, by small engines that answer the probes as the test wants."""

from typing import Any

import pytest

from tunesmith.server.accounts.tables import UserRow
from tunesmith.server.db import driver
from tunesmith.server.inference.parity import ASK_AGAIN_S, GIVEN_UP_S
from tunesmith.server.jobs import states
from tunesmith.server.jobs.tables import JobRow
from tunesmith.server.models.tables import ModelVersionRow

NAME = "ft:protein-mini:ada:ldh:abc"
PROBE: dict[str, Any] = {"prompt": "MKT", "prompt_ids": [1, 2, 3], "output_ids": [4, 5]}
GOOD = {"answers": [{"prompt_ids": [1, 2, 3], "output_ids": [4, 5]}]}


@pytest.fixture
async def server(make_server):
    """Its own clockwork rests, so that a test says when engines are asked."""
    async with make_server(sweep_interval_s=3600) as made:
        yield made


@pytest.fixture
async def tuned(server):
    """A model of Ada's with one probe, and its job. Returns her key."""
    from sqlalchemy import select

    ada = await server.new_user("ada")
    base = server.app.state.catalog.get("protein-mini").model_dump(mode="json")
    async with server.app.state.db.session() as session:
        user = (await session.scalars(select(UserRow).where(UserRow.name == "ada"))).one()
        owned = {"project_id": user.project_id, "created_by": user.id}
        session.add(
            JobRow(
                id="ftjob-1", organization="ada", model="protein-mini", base=base, model_name=NAME, family="ldh",
                training_file="file-1", inputs={}, task="protein", adaptation="lora", backend="huggingface",
                provider="local", validation_split=0.1, wanted={}, seed=1, status="validating_files", **owned,
            )
        )  # fmt: skip
        await session.flush()
        await states.change(await driver(session), "ftjob-1", states.VALIDATING, states.QUEUED, [])
        session.add(
            ModelVersionRow(
                id=NAME, owned_by="ada", job_id="ftjob-1", upload_id="wup_1", family="ldh", version=1, task="protein",
                adaptation="lora", base_model="protein-mini", base=base, parent_model=None,
                manifest=[{"path": "adapter_model.safetensors", "size_bytes": 5, "sha256": "a" * 64}], size_bytes=5,
                metrics={}, comparisons=[], probes=[PROBE], **owned,
                lineage={
                    "job_id": "ftjob-1", "base_model": "protein-mini", "base_source": {}, "training_file": "file-1",
                    "training_sha256": "b" * 64, "seed": 1, "spec": {}, "packages": {},
                },
            )
        )  # fmt: skip
    return ada


async def compare(server) -> int:
    return await server.app.state.clockwork.compare()


async def parity_of(server, key: str) -> dict[str, Any]:
    reply = await server.http.get(f"/v1/registry/models/{NAME}", headers=server.bearer(key))
    assert reply.status_code == 200, reply.text
    return reply.json()["parity"]


async def told(server, key: str) -> list[tuple[str, str]]:
    reply = await server.http.get("/v1/fine_tuning/jobs/ftjob-1/events", headers=server.bearer(key))
    return [(event["level"], event["message"]) for event in reply.json()["data"] if "arity" in event["message"]]


async def good(talk):
    await talk.json(GOOD)


async def test_an_engine_that_repeats_the_probes_is_asked_once_and_the_figure_is_kept(server, make_engine, tuned):
    engine = await make_engine(good)
    assert (await parity_of(server, tuned))["status"] == "pending"
    assert await compare(server) == 1
    assert await compare(server) == 0
    (call,) = engine.calls
    assert engine.paths == ["/engine/v1/parity"]
    assert call["served"]["name"] == NAME
    assert "signature=" in call["served"]["files"][0]["url"]
    assert call["probes"] == [PROBE]
    found = await parity_of(server, tuned)
    assert (found["status"], found["prompts_equal"], found["output_agreement"]) == ("passed", 1, 1.0)
    assert found["checked_at"] > 0
    assert [level for level, _ in await told(server, tuned)] == ["info"]


async def test_a_difference_is_a_warning_on_the_job_and_stays(server, make_engine, tuned):
    async def other(talk):
        await talk.json({"answers": [{"prompt_ids": [9, 1, 2, 3], "output_ids": [4, 5]}]})

    await make_engine(other)
    assert await compare(server) == 1
    found = await parity_of(server, tuned)
    assert (found["status"], found["prompts_equal"]) == ("failed", 0)
    ((level, message),) = await told(server, tuned)
    assert level == "warn"
    assert found["note"] in message
    server.app.state.clock.advance(24 * 3600)
    assert await compare(server) == 0


async def test_without_an_engine_nothing_is_written_and_the_first_one_that_comes_is_asked(server, make_engine, tuned):
    assert await compare(server) == 0
    assert (await parity_of(server, tuned))["checked_at"] is None
    await make_engine(good)
    assert await compare(server) == 1


async def test_a_busy_engine_is_asked_again_later_and_the_reason_is_shown(server, make_engine, register_engine, tuned):
    async def busy(talk):
        await talk.json({"error": {"message": "full", "type": "x", "param": None, "code": None}}, 503)

    engine = await make_engine(busy)
    assert await compare(server) == 1
    found = await parity_of(server, tuned)
    assert found["status"] == "pending"
    assert "503: full" in found["note"]
    assert await compare(server) == 0
    engine.reply = good
    server.app.state.clock.advance(ASK_AGAIN_S + 1)
    await register_engine(engine.registration())
    assert await compare(server) == 1
    assert (await parity_of(server, tuned))["status"] == "passed"
    assert len(await told(server, tuned)) == 1


async def test_an_engine_that_cannot_take_the_model_ends_the_question(server, make_engine, tuned):
    async def refuses(talk):
        await talk.json({"error": {"message": "no LoRA adapter", "type": "x", "param": None, "code": None}}, 400)

    await make_engine(refuses)
    assert await compare(server) == 1
    found = await parity_of(server, tuned)
    assert (found["status"], "no LoRA adapter" in found["note"]) == ("impossible", True)


async def test_an_engine_that_is_gone_gives_way_to_the_next(server, make_engine, tuned):
    await make_engine(good, engine_id="liar", secret="another-secret-0123456789")
    right = await make_engine(good, engine_id="right")
    assert await compare(server) == 1
    assert len(right.calls) == 1
    assert (await parity_of(server, tuned))["status"] == "passed"


async def test_while_one_server_asks_another_does_not_and_a_dead_ones_mark_runs_out(
    server, make_engine, register_engine, tuned
):
    asked_meanwhile: list[int] = []

    async def slow(talk):
        asked_meanwhile.append(await compare(server))
        await talk.json(GOOD)

    engine = await make_engine(slow)
    assert await compare(server) == 1
    assert asked_meanwhile == [0]
    async with server.app.state.db.session() as session:
        row = await session.get(ModelVersionRow, NAME)
        assert row is not None
        row.parity = {**(row.parity or {}), "status": "pending", "note": "An engine is being asked."}
    engine.reply = good
    server.app.state.clock.advance(GIVEN_UP_S + 1)
    await register_engine(engine.registration())
    assert await compare(server) == 1
    assert (await parity_of(server, tuned))["status"] == "passed"


async def test_no_session_is_held_while_an_engine_works(server, make_engine, tuned):
    free: list[int] = []

    async def looks(talk):
        free.append(server.app.state.db._engine.pool.checkedout())
        await talk.json(GOOD)

    await make_engine(looks)
    await compare(server)
    assert free == [0]
