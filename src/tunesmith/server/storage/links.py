"""Signed links: whoever has one may fetch or send exactly what it names, until it runs out."""

import base64
import datetime as dt
import hashlib
import hmac
import time
from collections.abc import Mapping
from urllib.parse import urlencode

from tunesmith.schemas.errors import Forbidden


def sign(
    secret: bytes, path: str, *, life_s: float, method: str = "GET", now: dt.datetime | None = None, **params: str
) -> str:
    """The path with its parameters, its end and its signature, relative to the server.

    A link for GET serves HEAD too, one for PATCH its HEAD. `now` is for tests that move the clock.
    """
    started = now.timestamp() if now else time.time()
    query = {**params, "expires": str(int(started + life_s))}
    return f"{path}?{urlencode({**query, 'signature': _signature(secret, method, path, query)})}"


def check(secret: bytes, method: str, path: str, query: Mapping[str, str], *, now: dt.datetime) -> None:
    """Pass for an unchanged link that still lives. Raises Forbidden: ask for a new link."""
    given = query.get("signature", "")
    signed = {key: value for key, value in query.items() if key != "signature"}
    if not hmac.compare_digest(given.encode(), _signature(secret, method, path, signed).encode()):
        raise Forbidden(
            "This link is not one that this server signed. Ask for the link again and use it unchanged.",
            code="bad_signature",
        )
    if now.timestamp() >= int(signed["expires"]):
        raise Forbidden("This link has run out. Ask for it again.", code="link_expired")


def _signature(secret: bytes, method: str, path: str, query: Mapping[str, str]) -> str:
    """HMAC over an unambiguous text: each part is on a line of its own, percent-encoded where users could write."""
    text = "\n".join([method, path, urlencode(sorted(query.items()))])
    digest = hmac.digest(secret, text.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
