"""What is special about requests that a browser makes: the cookie, where they come from, and the server's address."""

import re

from fastapi import Request, Response

from tunesmith.schemas.errors import Forbidden, Invalid

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_SESSION = "tunesmith_session"
_PROJECT = "tunesmith_project"
"""The page's own note of the chosen project, for links that a browser follows by itself, without our header."""
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?", re.IGNORECASE)


def base_url(request: Request) -> str:
    """The address that the request was sent to, as http://localhost:8000; the edge has checked its host.

    https comes from the connection, or from X-Forwarded-Proto of a proxy that uvicorn trusts: on this machine, or
    named in FORWARDED_ALLOW_IPS. Raises Invalid for a Host header that is none.
    """
    host = request.headers.get("host", "")
    if _HOST.fullmatch(host) is None:
        raise Invalid(f"Invalid header 'Host': '{host[:100]}' is no address.")
    return f"{request.scope['scheme']}://{host}"


def session_cookie(request: Request) -> str | None:
    """The token of the session's cookie; None without one."""
    return request.cookies.get(_name(request, _SESSION)) or None


def named_project(request: Request) -> str | None:
    """The project that a request names, as OpenAI's clients do; a browser's cookie says it where no header could."""
    header = request.headers.get("openai-project")
    if header or "authorization" in request.headers:
        return header or None
    return request.cookies.get(_name(request, _PROJECT)) or None


def set_session_cookie(request: Request, response: Response, token: str, *, life_s: int) -> None:
    """Scripts cannot read it, other sites cannot make the browser send it."""
    response.set_cookie(
        _name(request, _SESSION),
        token,
        max_age=life_s,
        path="/",
        secure=request.scope["scheme"] == "https",
        httponly=True,
        samesite="strict",
    )


def drop_session_cookie(request: Request, response: Response) -> None:
    response.delete_cookie(
        _name(request, _SESSION), path="/", secure=request.scope["scheme"] == "https", httponly=True, samesite="strict"
    )


def refuse_cross_site(request: Request, *, unless_told: bool = False) -> None:
    """Raises Forbidden for a request that changes something and was made by another site's page.

    Browsers say where a request comes from, in Sec-Fetch-Site or else in Origin. One that says neither is refused,
    unless `unless_told`: then it is no browser, and carries what proves its rights in its body.
    """
    if request.method in SAFE:
        return
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        if site in ("same-origin", "none"):
            return
    elif origin is not None:
        if origin.partition("://")[2].lower() == request.headers.get("host", "").lower():
            return
    elif unless_told:
        return
    raise Forbidden(
        "This request came from another site's page, so the sign-in of this browser does not count for it. "
        "Send an API key as 'Authorization: Bearer <key>' instead.",
        code="cross_site",
    )


def _name(request: Request, cookie: str) -> str:
    """A name for each port: browsers share cookies among the ports of a host, and two servers must not sign each
    other's people out."""
    found = _HOST.fullmatch(request.headers.get("host", ""))
    port = found["port"] if found else None
    return f"{cookie}_{port}" if port else cookie
