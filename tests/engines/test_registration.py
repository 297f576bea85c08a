"""The engine's entry on the server, and the whole process."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tunesmith.engines.registration import LONGEST_WAIT_S, Registration
from tunesmith.schemas.worker import EngineRegistration


class FakeServer:
    """The two registration routes, which can be away."""

    def __init__(self) -> None:
        self.entries: dict[str, dict[str, Any]] = {}
        self.away = False
        self.keys: set[str | None] = set()
        self.app = Starlette(
            routes=[
                Route("/worker/v1/engines", self.register, methods=["POST"]),
                Route("/worker/v1/engines/{id}", self.remove, methods=["DELETE"]),
            ]
        )

    async def register(self, request: Request) -> Response:
        if self.away:
            return Response(status_code=503)
        self.keys.add(request.headers.get("authorization"))
        entry = EngineRegistration.model_validate_json(await request.body())
        self.entries[entry.engine_id] = entry.model_dump()
        return JSONResponse({"engine_id": entry.engine_id, "heartbeat_s": 5.0})

    async def remove(self, request: Request) -> Response:
        del self.entries[request.path_params["id"]]
        return Response(status_code=204)


@pytest.fixture
def fake() -> FakeServer:
    return FakeServer()


@pytest.fixture
def make_registration(engine) -> Callable[[httpx.AsyncClient], Registration]:
    return lambda http: Registration(http, engine, "engine-1", "http://127.0.0.1:9", "s" * 32)


async def test_it_registers_again_at_each_heartbeat_and_leaves(engine, fake: FakeServer, served, llama) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            raise asyncio.CancelledError
        async with engine.lease(served(llama)):
            pass

    async with httpx.AsyncClient(transport=httpx.ASGITransport(fake.app), base_url="http://s") as http:
        registration = Registration(http, engine, "engine-1", "http://127.0.0.1:9", "s" * 32, sleep)
        with pytest.raises(asyncio.CancelledError):
            await registration.keep()
        assert waits == [5.0, 5.0]
        assert fake.entries["engine-1"]["loaded"] == ["tiny-llama"]
        await registration.end()
    assert fake.entries == {}


async def test_a_server_that_is_away_is_tried_again_with_growing_pauses(make_registration, fake: FakeServer) -> None:
    fake.away = True
    async with httpx.AsyncClient(transport=httpx.ASGITransport(fake.app), base_url="http://s") as http:
        registration = make_registration(http)
        waits = [await registration.once() for _ in range(12)]
        assert waits[0] <= 1.0
        assert LONGEST_WAIT_S / 2 <= waits[-1] <= LONGEST_WAIT_S
        fake.away = False
        assert await registration.once() == 5.0
        assert registration.failures == 0


async def test_a_server_that_is_not_there_at_all_is_no_error(make_registration, free_port: int) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{free_port}", trust_env=False) as http:
        registration = make_registration(http)
        assert await registration.once() <= 1.0
        await registration.end()


async def test_the_real_server_knows_the_engine_until_it_leaves(make_registration, server) -> None:
    registration = make_registration(server.http)
    server.http.headers["authorization"] = f"Bearer {server.worker_key}"
    assert await registration.once() > 0
    assert registration.failures == 0
    await registration.end()


async def test_the_process_registers_answers_and_stops_within_ten_seconds(
    fake: FakeServer, listen, protein, tmp_path, until, free_port: int
) -> None:
    async with listen(fake.app, free_port) as url:
        await _whole_life(fake, url, protein, tmp_path, until)


async def _whole_life(fake: FakeServer, url: str, protein, tmp_path, until) -> None:
    environment = {
        **os.environ,
        "TUNESMITH_URL": url,
        "FINETUNE_WORKER_KEY": "tsw_test",
        "TUNESMITH_DATA_DIR": str(tmp_path),
        "TUNESMITH_ENGINE_THREADS": "1",
        "TUNESMITH_PORT": url.rpartition(":")[2],
    }
    code = "from tunesmith.engines import main, settings; main.run(settings.EngineSettings())"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        await until(lambda: fake.entries or process.returncode is not None)
        entry = next(iter(fake.entries.values()))
        assert fake.keys == {"Bearer tsw_test"}
        async with httpx.AsyncClient(base_url=entry["url"], timeout=60, trust_env=False) as http:
            http.headers["authorization"] = f"Bearer {entry['secret']}"
            assert (await http.get("/engine/v1/health")).json()["status"] == "ok"
            served = {"name": "protein-mini", "task": "protein", "base": protein.model_dump(mode="json")}
            body = {"served": served, "generate": {"model": "protein-mini", "n": 2, "max_residues": 10, "seed": 1}}
            reply = await http.post("/engine/v1/generate", json=body)
            assert reply.status_code == 200, reply.text
            assert len(reply.json()["data"]) == 2
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            stdout, stderr = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode in (0, -signal.SIGTERM), stderr.decode()
    assert stdout == b""
    events = [json.loads(line)["event"] for line in stderr.decode().splitlines() if line.startswith("{")]
    assert events[0] == "engine.listening"
    assert events[-1] == "engine.stopped"
    assert fake.entries == {}
    assert entry["secret"] not in stderr.decode()
