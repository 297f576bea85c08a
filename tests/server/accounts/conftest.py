"""Browsers that are signed in."""

from collections.abc import Awaitable, Callable

import httpx
import pytest

SignIn = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture
def sign_in(server) -> SignIn:
    """Signs a browser in, by a fresh link, as the user of that name or the admin; it is on our own page."""

    async def sign(user: str | None = None) -> httpx.AsyncClient:
        made = await server.http.post("/v1/sign_in_links", json={"user": user}, headers=server.bearer())
        browser = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=server.app, raise_app_exceptions=False),
            base_url="http://localhost",
            headers={"Sec-Fetch-Site": "same-origin"},
        )
        reply = await browser.post("/v1/session", json={"token": made.json()["url"].partition("#")[2]})
        assert reply.status_code == 200, reply.text
        return browser

    return sign
