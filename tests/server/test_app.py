"""What every answer of the server carries, what is refused at its edge, and what its description says."""

import asyncio
import json

import pytest
from fastapi import APIRouter, Depends
from fastapi.responses import StreamingResponse
from sqlalchemy import text

from tunesmith.server import app as app_module
from tunesmith.server.accounts import auth
from tunesmith.server.accounts.auth import SessionDep, UserCaller
from tunesmith.server.app import create_app
from tunesmith.server.edge import JSON_DEPTH
from tunesmith.server.settings import Settings


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST"])
async def test_this_machines_own_names_are_served(server, host):
    assert (await server.http.get("/health", headers={"host": host})).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "10.0.0.7", "", "localhost.evil.example"])
async def test_another_hosts_name_is_refused_with_the_setting_that_allows_it(server, host):
    reply = await server.http.get("/health", headers={"host": host})
    assert reply.status_code == 400
    assert reply.json()["error"]["code"] == "unknown_host"
    assert "TUNESMITH_PUBLIC_HOSTS" in reply.json()["error"]["message"]
    assert reply.headers["x-request-id"].startswith("req_")


async def test_a_public_host_is_served_and_on_all_addresses_any_address_is(make_server):
    async with make_server(public_hosts=["Tune.Example"], host="0.0.0.0") as server:
        for host in ("tune.example", "tune.example:443", "10.0.0.7:8000", "[fe80::1]:8000"):
            assert (await server.http.get("/health", headers={"host": host})).status_code == 200
        assert (await server.http.get("/health", headers={"host": "other.example"})).status_code == 400


async def test_every_answer_carries_openais_and_the_security_headers(server):
    for path, status in (("/v1/keys", 200), ("/v1/nowhere", 404), ("/health", 200)):
        reply = await server.http.get(path, headers=server.bearer())
        assert reply.status_code == status
        assert reply.headers["x-request-id"].startswith("req_")
        assert int(reply.headers["openai-processing-ms"]) >= 0
        assert reply.headers["openai-version"] == "2020-10-01"
        assert reply.headers["x-content-type-options"] == "nosniff"
    assert (await server.http.get("/v1/keys", headers=server.bearer())).headers["openai-organization"] == "default"


async def test_request_ids_differ_and_a_clients_own_must_be_short_and_plain(server):
    a, b = [(await server.http.get("/health")).headers["x-request-id"] for _ in range(2)]
    assert a != b
    fine = await server.http.get("/health", headers={"X-Client-Request-Id": "a" * 512})
    assert fine.status_code == 200
    for bad in (b"a" * 513, "\xe9".encode("latin-1")):
        reply = await server.http.get("/health", headers={b"X-Client-Request-Id": bad})
        assert reply.status_code == 400
        assert "X-Client-Request-Id" in reply.json()["error"]["message"]


async def _pieces(total: int):
    for _ in range(total // 65536):
        yield b" " * 65536


async def test_a_body_over_the_limit_is_refused_announced_or_not(make_server):
    async with make_server(max_body_bytes=1_000_000) as server:
        announced = await server.http.post("/v1/keys", content=b" " * 1_000_001, headers=server.bearer())
        unannounced = await server.http.post("/v1/keys", content=_pieces(2_000_000), headers=server.bearer())
        for reply in (announced, unannounced):
            assert reply.status_code == 413
            assert reply.json()["error"]["code"] == "too_large"
            assert "x-request-id" in reply.headers


async def test_the_worker_protocol_takes_one_mebibyte(server):
    body = {"engine_id": "e", "url": "http://127.0.0.1:1", "secret": "s" * 16, "loaded": [], "version": "x" * 1024**2}
    reply = await server.http.post("/worker/v1/engines", json=body, headers=server.bearer(server.worker_key))
    assert reply.status_code == 413
    assert reply.headers["content-type"] == "application/problem+json"


def _nested(depth: int) -> str:
    return "[" * depth + "]" * depth


@pytest.mark.parametrize("body", [_nested(JSON_DEPTH + 1), _nested(100_000), '{"a":' * 80 + "1" + "}" * 80])
async def test_deep_json_is_refused_before_it_is_parsed(server, body):
    reply = await server.http.post(
        "/v1/keys", content=body, headers={**server.bearer(), "content-type": "application/json"}
    )
    assert reply.status_code == 400
    assert "deeper than 64" in reply.json()["error"]["message"]


@pytest.mark.parametrize("body", [_nested(JSON_DEPTH), json.dumps([[]] * 5000), json.dumps(["[{" * 500 + '\\"' * 9])])
async def test_wide_json_and_brackets_inside_texts_are_not_deep(server, body):
    reply = await server.http.post(
        "/v1/keys", content=body, headers={**server.bearer(), "content-type": "application/json"}
    )
    assert "JSON object" in reply.json()["error"]["message"]


async def test_a_text_that_no_database_can_store_is_the_callers_fault(server):
    reply = await server.http.post("/v1/keys", json={"name": "a\x00b"}, headers=server.bearer())
    assert reply.status_code == 400
    assert "NUL" in reply.json()["error"]["message"]


def _extra_routes() -> APIRouter:
    router = APIRouter(prefix="/extra")

    @router.post("/failing-commit")
    async def failing_commit(caller: UserCaller, session: SessionDep) -> dict[str, str]:
        await session.execute(text("CREATE TEMP TABLE twice (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)"))
        await session.execute(text("INSERT INTO twice VALUES (1), (1)"))
        return {"told": "all is well"}

    @router.get("/broken-stream", dependencies=[Depends(auth.public)])
    async def broken_stream() -> StreamingResponse:
        async def frames():
            yield b"data: 1\n\n"
            raise KeyError("after the first frame")

        return StreamingResponse(frames(), media_type="text/event-stream")

    @router.get("/endless", dependencies=[Depends(auth.public)])
    async def endless() -> StreamingResponse:
        async def frames():
            while True:
                yield b"data: 1\n\n"
                await asyncio.sleep(0)

        return StreamingResponse(frames(), media_type="text/event-stream")

    return router


@pytest.fixture
def with_extra_routes(monkeypatch):
    monkeypatch.setattr(app_module, "ROUTERS", (*app_module.ROUTERS, _extra_routes()))


async def test_a_commit_that_fails_is_told_as_a_failure(with_extra_routes, make_server):
    async with make_server() as server:
        reply = await server.http.post("/extra/failing-commit", headers=server.bearer())
        assert reply.status_code == 500
        assert "all is well" not in reply.text
        assert f"inc_{reply.headers['x-request-id'].removeprefix('req_')}" in reply.json()["error"]["message"]


def _scope(path: str) -> dict[str, object]:
    return {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": "GET",
        "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
        "headers": [(b"host", b"localhost")], "client": ("127.0.0.1", 1), "server": ("localhost", 80),
    }  # fmt: skip


async def test_a_stream_that_breaks_keeps_its_headers_and_breaks_the_connection(with_extra_routes, make_server):
    async with make_server() as server:
        sent: list[dict[str, object]] = []

        async def send(message):
            sent.append(message)

        with pytest.raises((KeyError, ExceptionGroup)):
            await server.app(_scope("/extra/broken-stream"), asyncio.Event().wait, send)
        assert b"x-request-id" in dict(sent[0]["headers"])
        assert sent[-1]["more_body"]  # nothing says that the answer is whole


async def test_frames_of_a_stream_are_not_gathered_and_a_client_that_leaves_ends_it(with_extra_routes, make_server):
    async with make_server() as server:
        gone = asyncio.Event()
        frames: list[bytes] = []

        async def receive():
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            if message.get("body"):
                frames.append(message["body"])
                if len(frames) == 3:
                    gone.set()

        await asyncio.wait_for(server.app(_scope("/extra/endless"), receive, send), timeout=10)
        assert frames[:3] == [b"data: 1\n\n"] * 3


async def test_a_route_without_a_policy_stops_the_start(monkeypatch, database_url, tmp_path):
    router = APIRouter()

    @router.get("/open")
    async def forgotten() -> None: ...

    monkeypatch.setattr(app_module, "ROUTERS", (*app_module.ROUTERS, router))
    with pytest.raises(RuntimeError, match="/open"):
        create_app(Settings(data_dir=tmp_path), database_url)


async def test_cors_is_off_until_an_origin_is_named(server, make_server):
    asked = {"origin": "https://app.example", "access-control-request-method": "POST"}
    reply = await server.http.options("/v1/keys", headers=asked)
    assert "access-control-allow-origin" not in reply.headers


async def test_a_named_origin_may_call_from_a_browser(make_server):
    async with make_server(cors_origins=["https://app.example"]) as server:
        asked = {"origin": "https://app.example", "access-control-request-method": "POST"}
        reply = await server.http.options("/v1/keys", headers=asked)
        assert reply.headers["access-control-allow-origin"] == "https://app.example"
        other = await server.http.options("/v1/keys", headers={**asked, "origin": "https://other.example"})
        assert "access-control-allow-origin" not in other.headers


async def test_probes_are_open_and_tell_the_truth(server):
    assert (await server.http.get("/health")).json() == {"status": "ok"}
    assert (await server.http.get("/healthz")).json() == {"status": "ok"}
    assert (await server.http.get("/readyz")).json() == {"status": "ready"}
    assert (await server.http.get("/version")).json()["version"]
    server.app.state.stopping.set()
    stopping = await server.http.get("/readyz")
    assert (stopping.status_code, stopping.json()) == (503, {"status": "stopping"})


async def test_metrics_take_an_admin_key_and_count_by_route_not_by_id(server):
    await server.http.delete("/v1/keys/key_absent1", headers=server.bearer())
    await server.http.delete("/v1/keys/key_absent2", headers=server.bearer())
    ada = await server.new_user("ada")
    assert (await server.http.get("/metrics", headers=server.bearer(ada))).status_code == 403
    figures = (await server.http.get("/metrics", headers=server.bearer())).text
    assert 'tunesmith_requests_total{method="DELETE",route="/v1/keys/{key_id}",status="404"} 2.0' in figures
    assert "key_absent" not in figures
    assert 'tunesmith_jobs{status="queued"} 0.0' in figures
    assert "tunesmith_engines 0.0" in figures


async def test_the_description_is_open_and_gives_every_operation_its_errors_and_its_key(server):
    described = (await server.http.get("/openapi.json")).json()
    names: list[str] = []
    for path, methods in described["paths"].items():
        for operation in methods.values():
            names.append(operation["operationId"])
            kind = "application/problem+json" if path.startswith("/worker/v1") else "application/json"
            for status in ("4XX", "5XX"):
                assert kind in operation["responses"][status]["content"], path
            assert "422" not in operation["responses"]
            assert operation.get("description"), f"{path} has no docstring"
    assert len(names) == len(set(names)), sorted(n for n in names if names.count(n) > 1)
    assert all(name == name.lower() and name.isidentifier() for name in names)
    assert described["paths"]["/v1/keys"]["post"]["security"] == [{"key": []}, {"session": []}]
    assert "security" not in described["paths"]["/health"]["get"]


def test_every_reference_of_the_description_leads_somewhere(database_url, tmp_path):
    described = create_app(Settings(data_dir=tmp_path), database_url).openapi()
    for part in json.dumps(described).split('"$ref": "')[1:]:
        place = described
        for key in part.split('"')[0].removeprefix("#/").split("/"):
            place = place[key]
