"""A stand-in of the hub's HTTP API, small and real: huggingface_hub's own client talks to it."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import yaml
from huggingface_hub import constants

WRITE, READ, ONE_REPOSITORY = "hf_of_a_writer", "hf_of_a_reader", "hf_that_makes_none"


@dataclass
class HubStandIn:
    """Repositories with their files, as commits left them."""

    url: str = ""
    repos: dict[str, dict[str, bytes]] = field(default_factory=dict)
    private: dict[str, bool] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    """Git LFS, by sha256."""
    verified: set[str] = field(default_factory=set)
    commits: int = 0
    failing: list[int] = field(default_factory=list)
    """Statuses that the next commits are answered with."""
    seen: list[str] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    hub: HubStandIn
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Nothing on the tests' stderr."""

    def do_GET(self) -> None:
        path = self._begin()
        if self._refused(READ, WRITE, ONE_REPOSITORY):
            return
        if path == "/api/whoami-v2":
            self._json({"name": "ada", "type": "user"})
        elif path.startswith("/api/models/") and path.endswith("/tree/main"):
            files = self.hub.repos[path.removeprefix("/api/models/").removesuffix("/tree/main")]
            self._json([{"type": "file", "path": n, "size": len(b), "oid": "0" * 40} for n, b in files.items()])
        elif path.startswith("/api/models/") and path.removeprefix("/api/models/") in self.hub.repos:
            name = path.removeprefix("/api/models/")
            self._json({"id": name, "sha": "a" * 40, "siblings": [{"rfilename": n} for n in self.hub.repos[name]]})
        else:
            self._error(404, "Repository not found", code="RepoNotFound")

    def do_PUT(self) -> None:
        path = self._begin()
        oid = path.rsplit("/", 1)[-1]
        if hashlib.sha256(self.body).hexdigest() != oid:
            self._error(400, "the bytes have another sha256")
            return
        self.hub.objects[oid] = self.body
        self._json({})

    def do_POST(self) -> None:
        path = self._begin()
        makes = path == "/api/repos/create"
        if self._refused(WRITE, *([] if makes else [ONE_REPOSITORY])):
            return
        if path == "/api/repos/create":
            self._create(json.loads(self.body))
        elif path == "/api/validate-yaml":
            self._validate(json.loads(self.body)["content"])
        elif path.endswith("/preupload/main"):
            self._preupload(json.loads(self.body)["files"])
        elif path.endswith(".git/info/lfs/objects/batch"):
            self._batch(json.loads(self.body)["objects"])
        elif path == "/lfs/verify":
            told = json.loads(self.body)
            assert len(self.hub.objects[told["oid"]]) == told["size"]
            self.hub.verified.add(told["oid"])
            self._json({})
        elif path.endswith("/commit/main"):
            self._commit(path.removeprefix("/api/models/").removesuffix("/commit/main"))
        else:
            self._error(404, "no such place")

    def _begin(self) -> str:
        self.body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.headers.get("transfer-encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                self.body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        path = self.path.partition("?")[0]
        self.hub.seen.append(f"{self.command} {path}")
        return path

    def _refused(self, *tokens: str) -> bool:
        token = self.headers.get("authorization", "").removeprefix("Bearer ")
        if token in tokens:
            return False
        if token in (READ, ONE_REPOSITORY):
            self._error(403, "You don't have the rights to do this")
        else:
            self._error(401, "Invalid credentials in Authorization header")
        return True

    def _create(self, wanted: dict[str, Any]) -> None:
        owner = wanted.get("organization") or "ada"
        if owner != "ada":
            self._error(404, "No such organization")
            return
        name = f"{owner}/{wanted['name']}"
        if name in self.hub.repos:
            self._error(409, "You already created this model repo")
            return
        self.hub.repos[name] = {}
        self.hub.private[name] = wanted.get("private") is True or wanted.get("visibility") == "private"
        self._json({"url": f"{self.hub.url}/{name}", "name": name})

    def _validate(self, content: str) -> None:
        front = yaml.safe_load(content.split("---\n")[1])
        wrong = [
            {"message": f'"{key}" is not valid'}
            for key, good in (("base_model", "/" in str(front.get("base_model", "/"))), ("license", "license" in front))
            if not good
        ]
        self._json({"errors": wrong, "warnings": []}, 400 if wrong else 200)

    def _preupload(self, files: list[dict[str, Any]]) -> None:
        modes = [
            {
                "path": f["path"],
                "uploadMode": "lfs" if f["path"].endswith(".safetensors") else "regular",
                "shouldIgnore": False,
                "oid": None,
            }
            for f in files
        ]
        self._json({"files": modes})

    def _batch(self, objects: list[dict[str, Any]]) -> None:
        actions = {
            o["oid"]: {
                "upload": {"href": f"{self.hub.url}/lfs/{o['oid']}"},
                "verify": {"href": f"{self.hub.url}/lfs/verify"},
            }
            for o in objects
            if o["oid"] not in self.hub.objects
        }
        told = [{**o, **({"actions": actions[o["oid"]]} if o["oid"] in actions else {})} for o in objects]
        self._json({"transfer": "basic", "objects": told})

    def _commit(self, repo: str) -> None:
        if self.hub.failing:
            self._error(self.hub.failing.pop(0), "not now")
            return
        if repo not in self.hub.repos:
            self._error(404, "Repository not found", code="RepoNotFound")
            return
        for line in map(json.loads, self.body.decode().splitlines()):
            value = line["value"]
            if line["key"] == "file":
                assert value["encoding"] == "base64"
                self.hub.repos[repo][value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                assert value["oid"] in self.hub.verified
                self.hub.repos[repo][value["path"]] = self.hub.objects[value["oid"]]
        self.hub.commits += 1
        oid = f"{self.hub.commits:040x}"
        self._json({"success": True, "commitOid": oid, "commitUrl": f"{self.hub.url}/{repo}/commit/{oid}"})

    def _error(self, status: int, message: str, *, code: str | None = None) -> None:
        self._json({"error": message}, status, {"X-Error-Code": code} if code else {})

    def _json(self, body: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", "content-length": str(len(content))}.items():
            self.send_header(name, value)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubStandIn]:
    """The stand-in on a loopback port, named by HF_ENDPOINT, with a writer's token."""
    made = HubStandIn()
    handler = type("OfThisTest", (Handler,), {"hub": made})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", made.url)
    monkeypatch.setenv("HF_TOKEN", WRITE)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", constants.HF_HUB_DISABLE_XET)
    yield made
    server.shutdown()
    thread.join(5)
    server.server_close()
