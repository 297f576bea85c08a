"""A small real server of the worker protocol, in a thread, with faults a test can order; and workers on it."""

import asyncio
import hashlib
import json
import re
import sys
import threading
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from tunesmith.client import AsyncTunesmith
from tunesmith.schemas.worker import (
    ClaimRequest,
    CompleteRequest,
    FailRequest,
    ReleaseRequest,
    ReportRequest,
    UploadRequest,
)
from tunesmith.worker import devices
from tunesmith.worker.attempt import Worker
from tunesmith.worker.loop import work
from tunesmith.worker.settings import WorkerSettings

DATA = b'{"messages": []}\n'
STREAMS = ("metrics", "logs", "events")
Fault = Callable[[str, str], "Response | str | None"]
"""method, path -> an answer in place of the route's; "lost": the route runs and its answer does not arrive."""


@dataclass
class Upload:
    """Files on their way, and what they became."""

    kind: str
    step: int
    manifest: dict[str, tuple[str, int]]
    """path -> sha256, size."""
    parts: dict[str, bytearray] = field(default_factory=dict)
    committed: bool = False
    answers: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Board:
    """The server's state: one job, its claim, its streams and uploads."""

    url: str = ""
    status: str = "queued"
    epoch: int = 0
    claim_id: str | None = None
    claims: list[dict[str, Any]] = field(default_factory=list)
    released: list[str] = field(default_factory=list)
    failed: dict[str, Any] | None = None
    completed: dict[str, Any] | None = None
    completions: int = 0
    started: list[dict[str, Any]] = field(default_factory=list)
    reports: list[dict[str, Any]] = field(default_factory=list)
    streams: dict[str, list[Any]] = field(default_factory=lambda: {s: [] for s in STREAMS})
    uploads: dict[str, Upload] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    command: str = "none"
    ttl_s: float = 5.0
    next_s: float = 0.03
    forget: dict[str, int] = field(default_factory=dict)
    """Streams to cut back to this length at the next report: the server lost them."""
    refuse_complete: int = 0
    """Completions to answer with 202 although nothing is missing."""
    refuse_checkup: bool = False
    resume_name: str = "state/step.json"
    calls: list[tuple[str, str, float]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    ranges: list[str | None] = field(default_factory=list)
    input_bytes: bytes = DATA

    def token(self) -> str:
        return f"lease-{self.epoch}"

    def called(self, ending: str) -> int:
        return sum(1 for _, path, _ in self.calls if path.endswith(ending))

    def upload_of(self, kind: str) -> Upload | None:
        return next((u for u in reversed(self.uploads.values()) if u.kind == kind and u.committed), None)

    def files_of(self, kind: str) -> dict[str, bytes]:
        upload = self.upload_of(kind)
        assert upload is not None, f"no {kind} was committed"
        return {path: self.blobs[sha] for path, (sha, _) in upload.manifest.items()}


def problem(board: Board, status: int, code: str, **more: Any) -> Response:
    body = {"title": code, "status": status, "code": code, "detail": code, "job_id": "ftjob-1", "epoch": board.epoch}
    return Response(json.dumps(body | more), status, media_type="application/problem+json")


class Refused(Exception):
    def __init__(self, response: Response) -> None:
        self.response = response


def build_app(board: Board) -> FastAPI:
    app = FastAPI()

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Any) -> Response:
        return error.response

    def fence(request: Request, epoch: int) -> None:
        board.tokens.add(request.headers.get("authorization", ""))
        if request.headers.get("authorization") != f"Bearer lease-{epoch}":
            raise Refused(problem(board, 403, "wrong_key", epoch=epoch))
        if epoch != board.epoch or board.claim_id is None:
            code = "already_terminal" if board.status in ("succeeded", "failed", "cancelled") else "lease_lost"
            raise Refused(problem(board, 409, code, epoch=epoch))

    @app.post("/worker/v1/claim")
    async def claim(body: ClaimRequest, request: Request) -> Response:
        board.claims.append(body.model_dump(mode="json"))
        if request.headers["authorization"] != "Bearer worker-key":
            return problem(board, 401, "invalid_api_key")
        if board.status == "queued" and board.claim_id is None:
            board.epoch += 1
            board.claim_id = str(body.claim_id)
            board.reports.clear()
            board.streams = {s: [] for s in STREAMS}
        elif board.claim_id != str(body.claim_id):
            return Response(status_code=204, headers={"retry-after": "0.02"})
        return JSONResponse(claim_reply(board))

    @app.post("/worker/v1/jobs/{job_id}/report")
    async def report(job_id: str, body: ReportRequest, request: Request) -> Any:
        if board.status == "cancelled":
            return {"ttl_s": 5, "next_s": 1, "next_seq": {}, "command": "cancel"}
        fence(request, body.epoch)
        if board.refuse_checkup and body.checkup is not None:
            return problem(board, 422, "unprocessable", epoch=body.epoch)
        board.reports.append(body.model_dump(mode="json"))
        if body.started is not None:
            board.started.append(body.started.model_dump())
        board.status = "running"
        for name in list(board.forget):
            del board.streams[name][board.forget.pop(name) :]
        conflicts: list[str] = []
        for name in STREAMS:
            part = getattr(body, name)
            if part is None or part.first_seq > len(board.streams[name]):
                continue
            items = [i.model_dump() for i in part.items]
            have = board.streams[name]
            overlap = len(have) - part.first_seq
            if have[part.first_seq :] != items[:overlap] and overlap > 0:
                conflicts.append(name)
            have += items[overlap:]
        return {
            "ttl_s": board.ttl_s,
            "next_s": board.next_s,
            "next_seq": {n: len(board.streams[n]) for n in STREAMS},
            "command": board.command,
            "conflicts": conflicts,
            "truncated": False,
            "grace_s": 0,
        }

    @app.post("/worker/v1/jobs/{job_id}/uploads")
    async def uploads(job_id: str, body: UploadRequest, request: Request) -> Any:
        fence(request, body.epoch)
        upload_id = f"up-{body.epoch}-{body.kind}-{body.step}"
        manifest = {f.path: (f.sha256, f.size_bytes) for f in body.manifest}
        upload = board.uploads.setdefault(upload_id, Upload(body.kind, body.step, manifest))
        upload.answers = [answer.model_dump() for answer in body.answers]
        targets = [
            {
                "sha256": sha,
                "size_bytes": size,
                "offset": len(upload.parts.get(sha, b"")),
                "url": f"/worker/v1/uploads/{upload_id}/{sha}?signature=s",
            }
            for sha, size in manifest.values()
            if sha not in board.blobs
        ]
        return {"upload_id": upload_id, "committed": upload.committed, "targets": targets}

    @app.patch("/worker/v1/uploads/{upload_id}/{sha}")
    async def patch(upload_id: str, sha: str, request: Request) -> Response:
        assert "authorization" not in request.headers
        part = board.uploads[upload_id].parts.setdefault(sha, bytearray())
        offset = int(request.headers["upload-offset"])
        if offset != len(part):
            return problem(board, 409, "offset_mismatch", offset=len(part))
        part += await request.body()
        return Response(status_code=204, headers={"upload-offset": str(len(part))})

    @app.post("/worker/v1/uploads/{upload_id}/commit")
    async def commit(upload_id: str, request: Request) -> Any:
        fence(request, (await request.json())["epoch"])
        upload = board.uploads[upload_id]
        for sha, size in upload.manifest.values():
            found = bytes(upload.parts.get(sha, b"")) if sha not in board.blobs else board.blobs[sha]
            if hashlib.sha256(found).hexdigest() != sha or len(found) != size:
                return problem(board, 422, "checksum_mismatch")
            board.blobs[sha] = found
        upload.committed = True
        return {"upload_id": upload_id, "kind": upload.kind, "step": upload.step}

    @app.post("/worker/v1/jobs/{job_id}/complete")
    async def complete(job_id: str, body: CompleteRequest, request: Request) -> Any:
        if board.completed == body.model_dump(mode="json"):
            return {"status": "succeeded", "fine_tuned_model": "ft:m:me::1"}
        fence(request, body.epoch)
        assert board.uploads[body.upload_id].committed
        have = {n: len(board.streams[n]) for n in STREAMS}
        if board.refuse_complete or have != body.last_seq.model_dump():
            board.refuse_complete = max(0, board.refuse_complete - 1)
            return JSONResponse({"next_seq": have}, 202)
        board.status, board.completed, board.claim_id = "succeeded", body.model_dump(mode="json"), None
        board.completions += 1
        return {"status": "succeeded", "fine_tuned_model": "ft:m:me::1"}

    @app.post("/worker/v1/jobs/{job_id}/fail")
    async def fail(job_id: str, body: FailRequest, request: Request) -> Any:
        fence(request, body.epoch)
        board.failed, board.status, board.claim_id = body.model_dump(), "failed", None
        return {"status": "failed", "decision": "final"}

    @app.post("/worker/v1/jobs/{job_id}/release")
    async def release(job_id: str, body: ReleaseRequest, request: Request) -> Any:
        fence(request, body.epoch)
        board.released.append(body.reason)
        board.claim_id = None
        board.status = "paused" if body.reason == "paused" else "queued"
        if board.released.count(body.reason) == 1 and body.reason != "paused":
            board.status = "held"  # nobody claims it again until the test says so
        return {"status": "queued"}

    @app.get("/worker/v1/blobs/{sha}")
    async def blob(sha: str, request: Request) -> Response:
        assert "authorization" not in request.headers
        data = board.blobs.get(sha, board.input_bytes)
        sent = request.headers.get("range")
        board.ranges.append(sent)
        start = int(re.findall(r"\d+", sent)[0]) if sent else 0
        headers = {"content-range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if sent else {}
        return Response(data[start:], 206 if sent else 200, headers)

    return app


def claim_reply(board: Board) -> dict[str, Any]:
    sha = hashlib.sha256(DATA).hexdigest()
    base = {
        "key": "m", "title": "m", "tasks": ["chat"], "source": {"type": "folder", "path": "/m"}, "licence": "x",
        "parameters": 1, "context": 16, "architecture": "llama", "needs_memory_bytes": 1,
    }  # fmt: skip
    reply: dict[str, Any] = {
        "job_id": "ftjob-1",
        "epoch": board.epoch,
        "lease_token": board.token(),
        "ttl_s": board.ttl_s,
        "report_s": board.next_s,
        "spec": {
            "job_id": "ftjob-1",
            "task": "chat",
            "adaptation": "lora",
            "base": base,
            "training_file": {"path": "train.jsonl", "format": "jsonl", "sha256": sha},
            "added_by_a_newer_server": 1,
        },
        "inputs": [
            {"name": "train.jsonl", "size_bytes": len(DATA), "sha256": sha, "url": f"/worker/v1/blobs/{sha}?s=1"}
        ],
    }
    upload = board.upload_of("resume")
    if upload is not None:
        files = [
            {"name": board.resume_name if p == "state/step.json" else p, "size_bytes": size, "sha256": sha256}
            | {"url": f"/worker/v1/blobs/{sha256}?s=1"}
            for p, (sha256, size) in upload.manifest.items()
        ]
        reply["resume"] = {"step": upload.step, "files": files}
    return reply


class Faulty:
    """Notes each call and plays the faults that a test laid out."""

    def __init__(self, app: FastAPI, board: Board) -> None:
        self.app, self.board = app, board

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        method, path = scope["method"], scope["path"]
        self.board.calls.append((method, path, time.monotonic()))
        for fault in list(self.board.faults):
            answer = fault(method, path)
            if answer == "lost":

                async def nowhere(message: Any) -> None:
                    return None

                await self.app(scope, receive, nowhere)
                answer = Response("<html>502 Bad Gateway</html>", 502, media_type="text/html")
            if isinstance(answer, Response):
                return await answer(scope, receive, send)
        await self.app(scope, receive, send)


@pytest.fixture
def board() -> Iterator[Board]:
    board = Board()
    server = uvicorn.Server(
        uvicorn.Config(Faulty(build_app(board), board), port=0, log_level="critical", timeout_graceful_shutdown=1)
    )
    started = threading.Event()
    original = server.startup

    async def startup(sockets: Any = None) -> None:
        await original(sockets)
        started.set()

    server.startup = startup  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert started.wait(10)
    board.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    yield board
    server.should_exit = True
    thread.join(10)


TRAINER = Path(__file__).with_name("trainer.py")


@dataclass
class Floor:
    """Starts workers in this process and watches them."""

    board: Board
    folder: Path

    def settings(self, *trainer: str, **more: Any) -> WorkerSettings:
        fields: dict[str, Any] = {
            "server_url": self.board.url,
            "key": "worker-key",
            "data_dir": self.folder,
            "claim_wait_s": 0,
            "retry_longest_s": 0.05,
            "progress_poll_s": 0.01,
            "chunk_bytes": 300,
            "threads": 1,
            "training_command": (sys.executable, "-S", str(TRAINER), *trainer),
        }
        return WorkerSettings(**fields | more)

    @asynccontextmanager
    async def worker(self, *trainer: str, **more: Any) -> AsyncIterator["Hand"]:
        settings = self.settings(*trainer, **more)
        settings.folder.mkdir(parents=True, exist_ok=True)
        async with AsyncTunesmith(settings.server_url, settings.worker_key(), max_retries=0) as client:
            worker = Worker(settings, client, "w-1", devices.capabilities(), 1)
            hand = Hand(self.board, worker, asyncio.create_task(work(worker)))
            try:
                yield hand
            finally:
                worker.stopping.set()
                await asyncio.wait_for(hand.task, 20)


@dataclass
class Hand:
    """A running worker."""

    board: Board
    worker: Worker
    task: "asyncio.Task[None]"

    async def until(self, true: Callable[[], Any], what: str = "", limit_s: float = 20) -> None:
        """Returns as soon as the condition holds."""
        end = time.monotonic() + limit_s
        while not true():
            if self.task.done() and self.task.exception():
                raise self.task.exception()  # type: ignore[misc]
            assert time.monotonic() < end, f"never: {what}; status {self.board.status}, calls {self.board.calls[-5:]}"
            await asyncio.sleep(0.005)

    async def until_status(self, status: str) -> None:
        await self.until(lambda: self.board.status == status, f"status {status}")

    async def until_idle(self) -> None:
        """The run's folder is gone: nothing of it is left."""
        runs = self.worker.settings.folder / "runs"
        await self.until(lambda: not runs.exists() or not any(runs.iterdir()), "idle")


@pytest.fixture
def floor(board: Board, tmp_path: Path) -> Floor:
    return Floor(board, tmp_path)


@pytest.fixture
def faults():
    """Ready-made faults."""
    return Faults()


class Faults:
    def first_lost(self) -> Fault:
        """Each different call is executed once without its answer arriving."""
        seen: dict[tuple[str, str], int] = defaultdict(int)

        def fault(method: str, path: str) -> str | None:
            seen[method, path] += 1
            return "lost" if seen[method, path] == 1 and path.startswith("/worker") else None

        return fault

    def answers(self, match: str, responses: list[Response | Callable[[], Response]]) -> Fault:
        """These answers, one after another, for paths that end so."""
        left = list(responses)

        def fault(method: str, path: str) -> Response | None:
            if not path.endswith(match) or not left:
                return None
            answer = left.pop(0)
            return answer if isinstance(answer, Response) else answer()

        return fault

    def while_true(self, match: str, on: Callable[[], bool], status: int = 503) -> Fault:
        """503 as long as the condition holds."""
        return lambda method, path: Response(status_code=status) if match in path and on() else None

    def html(self, status: int) -> Response:
        return Response("<html><title>proxy</title></html>", status, media_type="text/html")

    def problem(self, board: Board, status: int, code: str, **more: Any) -> Response:
        return problem(board, status, code, **more)
