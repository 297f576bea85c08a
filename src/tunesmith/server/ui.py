"""The web page: files that were built into the package, sent compressed, under a strict content security policy.

It answers where no route does, so that it can never stand before one. Whatever a person's address bar may hold that is
no file and no call is the page's own matter: it gets index.html.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

FOLDER = Path(__file__).parent / "page"
"""Written by the build (scripts/build_page.py)."""
CALLS = ("/v1", "/worker", "/engine", "/api", "/openapi.json", "/docs", "/health", "/readyz", "/metrics", "/version")
"""Where an unknown path is a mistaken call, told as one."""
_ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
_A_YEAR = "public, max-age=31536000, immutable"
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2"}
_NONCE = "__NONCE__"
_NOT_BUILT = """<!doctype html><html lang="en"><title>Tunesmith</title><body>
<h1>This installation carries no page</h1>
<p>The server runs, and its API answers under <code>/v1</code>. The page is built when Tunesmith is installed from its
source with <code>make install</code> or <code>pip install .</code>; this copy was started without that step.</p>"""


def install(app: FastAPI, folder: Path = FOLDER) -> None:
    """Lets the app answer with the page where no route matches. The files are listed once, now."""
    app.router.default = _Page(folder, app.router.default)


@dataclass(frozen=True)
class _File:
    path: Path
    media_type: str
    hashed: bool
    """Its name changes with its content."""
    encoded: Mapping[str, Path]


class _Page:
    """ASGI app of the page; `not_found` answers for mistaken calls."""

    def __init__(self, folder: Path, not_found: ASGIApp) -> None:
        self._files = _files(folder)
        self._not_found = not_found
        index = folder / "index.html"
        self._index = index.read_text() if index.is_file() else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"] if scope["type"] == "http" else ""
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD") or _is_call(path):
            await self._not_found(scope, receive, send)
        elif path in self._files:
            await _sent(self._files[path], Headers(scope=scope))(scope, receive, send)
        elif path.startswith("/assets/"):
            await self._not_found(scope, receive, send)  # of an older build: the page asks to be loaded again
        else:
            await self._document()(scope, receive, send)

    def _document(self) -> Response:
        if self._index is None:
            return HTMLResponse(_NOT_BUILT, headers={"cache-control": "no-store"})
        nonce = secrets.token_urlsafe(16)
        headers = {"content-security-policy": policy(nonce), "cache-control": "no-store"}
        return HTMLResponse(self._index.replace(_NONCE, nonce), headers=headers)


def policy(nonce: str) -> str:
    """Scripts and styles of our own files alone; `nonce` lets Mantine write its variables while it runs."""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            f"style-src 'self' 'nonce-{nonce}'",
            "img-src 'self' data: blob:",
            "font-src 'self'",
            "connect-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )


def _is_call(path: str) -> bool:
    return any(path == prefix or path.startswith(f"{prefix}/") for prefix in CALLS)


def _files(folder: Path) -> dict[str, _File]:
    """What lies in the folder, by the path that it is asked for."""
    found: dict[str, _File] = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.suffix in (".br", ".gz", ".html"):
            continue
        asked = "/" + path.relative_to(folder).as_posix()
        twins = {name: twin for name, ending in _ENCODINGS if (twin := path.with_name(path.name + ending)).is_file()}
        media_type = _TYPES.get(path.suffix, "application/octet-stream")
        found[asked] = _File(path, media_type, asked.startswith("/assets/"), twins)
    return found


def _sent(file: _File, headers: Headers) -> Response:
    """The file, or the compressed twin that the browser takes."""
    accepted = {part.split(";")[0].strip() for part in headers.get("accept-encoding", "").split(",")}
    encoding = next((name for name in file.encoded if name in accepted), None)
    sent = {"cache-control": _A_YEAR if file.hashed else "no-cache", "vary": "accept-encoding"}
    if encoding is not None:
        sent["content-encoding"] = encoding
    path = file.encoded[encoding] if encoding is not None else file.path
    return FileResponse(path, media_type=file.media_type, headers=sent)
