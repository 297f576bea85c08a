"""A real HTTP server in a thread that speaks the API's shapes, and clients on it that do not wait."""

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from tunesmith.client import AsyncTunesmith, Tunesmith

KEY = "ts-test"


@dataclass
class Site:
    """What the server was asked, and what it should answer next."""

    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    answers: list[Response] = field(default_factory=list)
    """Sent in place of the route's own answer, first come first served."""
    events: list[bytes] = field(default_factory=list)
    """Bodies of the event stream's connections; b"!" at the end breaks the connection there; empty is a 204."""
    model: bytes = b"weights" * 1000
    model_sha256: str = ""
    cut_at: list[int] = field(default_factory=list)
    """The download stops after this many bytes, once for each."""
    uploaded_bytes: int = 0
    uploaded_sha256: str = ""


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    site.model_sha256 = hashlib.sha256(site.model).hexdigest()
    config = uvicorn.Config(Recorder(build_app(site), site), port=0, log_level="critical", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    started = threading.Event()
    original = server.startup

    async def startup(sockets: Any = None) -> None:
        await original(sockets)
        started.set()

    server.startup = startup  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert started.wait(10)
    site.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    yield site
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def client(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tunesmith]:
    with Tunesmith(site.url, KEY) as client:
        client.sender.sleep = lambda s: None
        yield client


@pytest.fixture
async def async_client(site: Site):
    async with AsyncTunesmith(site.url, KEY) as client:

        async def at_once(seconds: float) -> None:
            return None

        client.sender.sleep = at_once
        yield client


def build_app(site: Site) -> FastAPI:
    app = FastAPI()

    @app.post("/v1/files")
    async def create_file(request: Request) -> dict[str, Any]:
        form = await request.form()
        digest = hashlib.sha256()
        file: Any = form["file"]
        while chunk := await file.read(1 << 20):
            digest.update(chunk)
            site.uploaded_bytes += len(chunk)
        site.uploaded_sha256 = digest.hexdigest()
        return file_object(file.filename, site.uploaded_bytes) | {"purpose": form["purpose"]}

    @app.get("/v1/files")
    async def list_files() -> dict[str, Any]:
        return {"object": "list", "data": [file_object("a.jsonl", 3)], "has_more": False, "from_the_future": 1}

    @app.post("/v1/fine_tuning/jobs")
    async def create_job(request: Request) -> dict[str, Any]:
        body = await request.json()
        site.requests[-1]["body"] = body
        return job(body["model"])

    @app.get("/v1/fine_tuning/jobs/{job_id}/events")
    async def events(job_id: str) -> Response:
        body = site.events.pop(0)
        if not body:
            return Response(status_code=204)

        async def parts():
            yield body.removesuffix(b"!")
            if body.endswith(b"!"):
                raise ConnectionAbortedError

        return StreamingResponse(parts(), media_type="text/event-stream")

    @app.get("/v1/registry/models/{model:path}/files")
    async def model_files(model: str) -> dict[str, Any]:
        file = {
            "object": "model.file",
            "path": "adapter/model.safetensors",
            "size_bytes": len(site.model),
            "sha256": site.model_sha256,
            "url": "/v1/signed/1?sig=x",
        }
        return {"object": "list", "data": [file]}

    @app.get("/v1/signed/1")
    async def signed(request: Request) -> Response:
        start = int(request.headers.get("range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        body = site.model[start:]
        cut = site.cut_at.pop(0) if site.cut_at else None
        headers = {"content-range": f"bytes {start}-{len(site.model) - 1}/{len(site.model)}"} if start else {}

        async def parts():
            yield body[:cut]
            if cut is not None:
                raise ConnectionAbortedError

        return StreamingResponse(parts(), status_code=206 if start else 200, headers=headers)

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> Response:
        body = await request.json()
        site.requests[-1]["body"] = body
        if not body.get("stream"):
            choice = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
            return JSONResponse(
                {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
            )
        return StreamingResponse(iter([site.events.pop(0)]), media_type="text/event-stream")

    @app.get("/v1/models/{model:path}")
    async def model(model: str) -> dict[str, Any]:
        return {"id": model, "object": "model", "created": 1, "owned_by": "me"}

    return app


class Recorder:
    """Notes each request, and answers it with what a test laid ready."""

    def __init__(self, app: FastAPI, site: Site) -> None:
        self.app = app
        self.site = site

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        request = Request(scope, receive)
        self.site.requests.append(
            {
                "method": request.method,
                "path": scope["raw_path"].decode(),
                "query": dict(request.query_params),
                "headers": dict(request.headers),
            }
        )
        answer = self.site.answers.pop(0) if self.site.answers else self.app
        await answer(scope, receive, send)


def file_object(name: str, size: int) -> dict[str, Any]:
    return {
        "id": "file-1",
        "object": "file",
        "bytes": size,
        "created_at": 1,
        "filename": name,
        "purpose": "fine-tune",
        "status": "processed",
    }


def job(model: str) -> dict[str, Any]:
    hyper = {"n_epochs": "auto", "batch_size": "auto", "learning_rate_multiplier": "auto"}
    return {
        "id": "ftjob-1",
        "created_at": 1,
        "finished_at": None,
        "model": model,
        "fine_tuned_model": None,
        "organization_id": "default",
        "status": "queued",
        "hyperparameters": hyper,
        "training_file": "file-1",
        "validation_file": None,
        "result_files": [],
        "trained_tokens": None,
        "error": None,
        "seed": 1,
        "method": {"type": "supervised", "supervised": {"hyperparameters": hyper}},
        "task": "chat",
        "adaptation": "lora",
        "backend": "huggingface",
        "provider": "local",
        "validation_split": 0.1,
        "progress": {"phase": None, "step": 0, "total_steps": None, "percent": 0.0},
        "owner": "admin",
        "project": "default",
        "base_model": model,
    }


def event(number: int) -> bytes:
    """A frame of the event stream."""
    data = {
        "id": f"ftevent-{number}",
        "created_at": 1,
        "level": "info",
        "message": f"event {number}",
        "type": "message",
    }
    return f"id: {number}\ndata: {json.dumps(data)}\n\n".encode()


@pytest.fixture
def frame():
    return event
