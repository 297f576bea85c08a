"""A real browser on the real page: Chromium by Playwright, the built page, a server over a fresh database."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, sync_playwright
from playwright.sync_api import Error as PlaywrightError

ROOT = Path(__file__).parents[2]
INSTALL = "apt-get update && apt-get install -y chromium"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="session")
def built_page() -> None:
    """The page of these very sources."""
    subprocess.run([sys.executable, str(ROOT / "scripts" / "build_page.py")], check=True)


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """Ended with its file: its event loop stands in the way of tests of asyncio."""
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """What `playwright install chromium` brought, else the system's. Fails with the command that installs one."""
    browser = _launch(playwright)
    yield browser
    browser.close()


@dataclass
class Signed:
    """A browser window of somebody who is signed in, and what went wrong in it."""

    page: Page
    url: str
    faults: list[str] = field(default_factory=list)
    """Uncaught exceptions, console errors and refusals of the content security policy."""

    def open(self, path: str) -> None:
        self.page.goto(self.url + path)


@pytest.fixture
def window(built_page: None, chromium: Browser, live_server) -> Iterator[Signed]:
    """The admin's window on a fresh server without workers; the test fails when the page's console told an error."""
    with_faults = open_window(chromium, live_server.base_url, live_server.admin_key)
    yield with_faults
    with_faults.page.context.close()
    assert with_faults.faults == []


def open_window(chromium: Browser, url: str, admin_key: str, *, user: str | None = None, **options: object) -> Signed:
    """A window signed in as `user`, or the admin, by a sign-in link as a person has it."""
    context = chromium.new_context(**options)  # type: ignore[arg-type]
    signed = Signed(_watched(context), url)
    _listen(signed)
    signed.page.goto(sign_in_link(url, admin_key, user))
    signed.page.wait_for_url(lambda where: "/sign-in" not in where)
    return signed


def sign_in_link(url: str, admin_key: str, user: str | None = None) -> str:
    """A fresh link that signs one browser in."""
    reply = httpx.post(
        f"{url}/v1/sign_in_links", json={"user": user}, headers={"Authorization": f"Bearer {admin_key}"}, timeout=30
    )
    assert reply.status_code == 200, reply.text
    return reply.json()["url"]


def _watched(context: BrowserContext) -> Page:
    context.set_default_timeout(20_000)
    return context.new_page()


def _listen(signed: Signed) -> None:
    def told(message: ConsoleMessage) -> None:
        # What the network refused is told by the page itself, in words.
        if message.type == "error" and "Failed to load resource" not in message.text:
            signed.faults.append(message.text)

    signed.page.on("console", told)
    signed.page.on("pageerror", lambda error: signed.faults.append(str(error)))


def _launch(playwright: Playwright) -> Browser:
    try:
        return playwright.chromium.launch(args=FLAGS)
    except PlaywrightError:
        return playwright.chromium.launch(executable_path=system_chromium(), args=FLAGS)


def system_chromium() -> str:
    """Path of the system's Chromium; the test fails with the command that installs one."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    pytest.fail(f"No Chromium was found. Install one: playwright install chromium, or as root: {INSTALL}")
