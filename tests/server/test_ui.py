"""The page as it is sent: the policy on the document, compressed files that are cached, mistaken calls told as such."""

import re
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from tunesmith.server import ui

INDEX = '<!doctype html><meta name="csp-nonce" content="__NONCE__"><script src="/assets/a-1.js"></script>'


@pytest.fixture
def page(server, tmp_path: Path) -> FastAPI:
    """The server's app with a small page in place of the built one."""
    folder = tmp_path / "page"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text(INDEX)
    (folder / "icon.svg").write_text("<svg/>")
    (folder / "assets" / "a-1.js").write_text("plain")
    (folder / "assets" / "a-1.js.br").write_bytes(b"brotli")
    (folder / "assets" / "a-1.js.gz").write_bytes(b"gzip")
    server.app.router.default = server.app.router.not_found
    ui.install(server.app, folder)
    return server.app


async def test_the_document_carries_a_policy_with_a_nonce_of_its_own(server, page):
    replies = [await server.http.get(path) for path in ("/", "/jobs/ftjob-1?x=1")]
    nonces = set[str]()
    for reply in replies:
        assert (reply.status_code, reply.headers["cache-control"]) == (200, "no-store")
        assert reply.headers["content-type"].startswith("text/html")
        policy = dict(part.split(" ", 1) for part in reply.headers["content-security-policy"].split("; "))
        assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
        assert policy["script-src"] == policy["connect-src"] == "'self'"
        assert "unsafe" not in reply.headers["content-security-policy"]
        (nonce,) = re.findall(r"'nonce-([^']+)'", policy["style-src"])
        assert f'content="{nonce}"' in reply.text
        nonces.add(nonce)
    assert len(nonces) == 2


async def test_every_answer_forbids_frames_and_guessing(server, page):
    for path in ("/", "/assets/a-1.js", "/v1/nothing", "/assets/gone.js"):
        reply = await server.http.get(path, headers={"accept-encoding": "identity"})
        assert reply.headers["x-content-type-options"] == "nosniff", path
        assert reply.headers["x-frame-options"] == "DENY", path
        assert reply.headers["referrer-policy"] == "no-referrer", path


@pytest.mark.parametrize(
    ("accepted", "encoding", "body"),
    [
        ("br, gzip", "br", b"brotli"),
        ("gzip;q=1.0, br", "br", b"brotli"),
        ("gzip", "gzip", b"gzip"),
        ("identity", None, b"plain"),
        ("", None, b"plain"),
    ],
)
async def test_a_hashed_file_is_sent_compressed_and_kept_for_a_year(server, page, accepted, encoding, body):
    async with server.http.stream("GET", "/assets/a-1.js", headers={"accept-encoding": accepted}) as reply:
        raw = b"".join([piece async for piece in reply.aiter_raw()])
    assert raw == body
    assert reply.headers.get("content-encoding") == encoding
    assert reply.headers["vary"] == "accept-encoding"
    assert reply.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert reply.headers["content-type"].startswith("text/javascript")


async def test_a_file_whose_name_stays_is_asked_for_again(server, page):
    reply = await server.http.get("/icon.svg")
    assert (reply.headers["cache-control"], reply.headers["content-type"]) == ("no-cache", "image/svg+xml")


@pytest.mark.parametrize("path", ["/v1", "/v1/nothing", "/worker/v1/x", "/assets/of-an-older-build.js", "/api/x"])
async def test_a_mistaken_call_is_told_in_json(server, page, path):
    reply = await server.http.get(path)
    assert reply.status_code == 404
    if path.startswith("/worker"):
        assert reply.headers["content-type"] == "application/problem+json"
    else:
        assert reply.json()["error"]["message"].startswith(f"Invalid URL (GET {path})")


async def test_what_changes_something_is_never_answered_by_the_page(server, page):
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        reply = await server.http.request(method, "/jobs")
        assert reply.status_code == 404, method
        assert reply.headers["content-type"] == "application/json"


@pytest.mark.parametrize("path", ["/assets/../index.html", "/assets/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc/passwd"])
async def test_no_path_leads_out_of_the_folder(server, page, path):
    """Only listed names are files; the rest is the document or an error."""
    transport = httpx.ASGITransport(app=page)
    async with httpx.AsyncClient(transport=transport) as http:
        reply = await http.get(httpx.URL("http://localhost", raw_path=path.encode()))
    assert "root:" not in reply.text
    assert reply.status_code in (200, 404)


async def test_an_installation_without_a_page_says_so_and_its_api_works(server, tmp_path):
    server.app.router.default = server.app.router.not_found
    ui.install(server.app, tmp_path / "nothing")
    reply = await server.http.get("/")
    assert "carries no page" in reply.text
    assert "make install" in reply.text
    assert (await server.http.get("/v1/models", headers=server.bearer())).status_code == 200
