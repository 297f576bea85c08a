"""Every page, light, dark and on a phone: no serious fault by axe, nothing wider than the window, no console error.

With SCREENSHOTS=folder each is photographed too: `make screenshots`.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest
from bench.seed_jobs import seed
from playwright.sync_api import Browser, Page
from tests.browser.conftest import FLAGS, open_window, system_chromium
from tests.conftest import fresh_database, serving

ROOT = Path(__file__).parents[2]
AXE = ROOT / "web/node_modules/axe-core/axe.min.js"
FIRST_VIEW_BYTES = 250_000
NOTE_FIRST_VIEW = """new MutationObserver((_, watch) => {
  if (!document.querySelector("h1")) return;
  window.firstViewAt = performance.now();
  watch.disconnect();
}).observe(document, { childList: true, subtree: true });"""
FILES_OF_FIRST_VIEW = """() => Object.fromEntries(
  [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
    .filter((each) => each.startTime < window.firstViewAt && !each.name.includes("/v1/"))
    .map((each) => [each.name, each.encodedBodySize]))"""
SERIOUS = ("serious", "critical")
LOOKS = {
    "light": {"viewport": {"width": 1280, "height": 860}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 860}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light", "has_touch": True, "is_mobile": True},
}
# In this order: a later step of the tune needs what an earlier one has chosen.
PAGES = {
    "home": "/",
    "tune-goal": "/tune",
    "tune-examples": "/tune?file={file}",
    "tune-model": "/tune?step=model",
    "tune-settings": "/tune?step=settings",
    "tune-review": "/tune?step=review",
    "jobs": "/jobs",
    "jobs-none-found": "/jobs?search=nothing-is-called-so",
    "job-finished": "/jobs/{succeeded}",
    "job-finished-logs": "/jobs/{succeeded}?tab=logs",
    "job-running": "/jobs/{running}",
    "job-waiting": "/jobs/{queued}",
    "job-failed": "/jobs/{failed}",
    "job-unknown": "/jobs/ftjob-none",
    "settings-keys": "/settings/keys",
    "settings-account": "/settings/account",
    "settings-catalogue": "/settings/catalogue",
    "settings-server": "/settings/server",
    "unknown": "/nothing-lives-here",
}


@dataclass
class Furnished:
    """A server with jobs of all states and a file, and the id of one of each."""

    url: str
    admin_key: str
    ids: dict[str, str]

    def path(self, page: str) -> str:
        return PAGES[page].format(**self.ids)


@pytest.fixture(scope="module")
def furnished(built_page: None, postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Furnished]:
    with fresh_database(postgres_url) as url, serving(url, tmp_path_factory.mktemp("furnished")) as server:
        seed(url, 120)
        with psycopg.connect(url) as connection:
            newest = "SELECT DISTINCT ON (status) status, id FROM jobs ORDER BY status, created_at DESC"
            ids = dict(connection.execute(newest).fetchall())
        ids["file"] = _upload(server.base_url, server.admin_key)
        yield Furnished(server.base_url, server.admin_key, ids)


@pytest.fixture(scope="module", params=LOOKS)
def look(request: pytest.FixtureRequest, chromium: Browser, furnished: Furnished) -> Iterator[tuple]:
    signed = open_window(chromium, furnished.url, furnished.admin_key, **LOOKS[request.param])
    yield request.param, signed
    signed.page.context.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_usable_for_everybody(look, furnished: Furnished, name: str):
    how, signed = look
    signed.faults.clear()
    signed.open(furnished.path(name))
    _settle(signed.page)
    _photograph(signed.page, f"{name}-{how}")
    assert _wider_than_the_window(signed.page) == []
    assert _serious_faults(signed.page) == []
    assert signed.faults == []


@pytest.mark.parametrize("name", ["home", "jobs", "job-finished"])
def test_the_first_view_takes_less_than_250_kb(furnished: Furnished, chromium: Browser, name: str):
    """All that is asked for until the page stands there; the typeface, notes and dialogs come after that."""
    signed = open_window(chromium, furnished.url, furnished.admin_key)
    context = chromium.new_context(storage_state=signed.page.context.storage_state())  # nothing in its cache
    signed.page.context.close()
    context.add_init_script(NOTE_FIRST_VIEW)
    page = context.new_page()
    page.goto(furnished.url + furnished.path(name))
    _settle(page)
    files: dict[str, int] = page.evaluate(FILES_OF_FIRST_VIEW)
    context.close()
    assert 100_000 < sum(files.values()) < FIRST_VIEW_BYTES, sorted(files.items(), key=lambda each: -each[1])[:8]


@pytest.mark.parametrize("name", ["home", "tune-goal", "jobs", "job-finished", "settings-keys"])
def test_lighthouse_finds_the_page_accessible(furnished: Furnished, chromium: Browser, name: str):
    signed = open_window(chromium, furnished.url, furnished.admin_key)
    cookie = "; ".join(f"{each['name']}={each['value']}" for each in signed.page.context.cookies())
    signed.page.context.close()
    report = lighthouse(furnished.url + furnished.path(name), cookie, "accessibility")
    faults = [a["title"] for a in report["audits"].values() if a.get("score") == 0]
    assert report["categories"]["accessibility"]["score"] >= 0.95, faults


def lighthouse(url: str, cookie: str, category: str) -> dict:
    """Lighthouse's report on the page, in a Chromium of its own."""
    done = subprocess.run(
        [
            str(ROOT / "scripts/npm"), "exec", "--", "lighthouse", url, "--output=json", "--quiet",
            f"--only-categories={category}", f"--extra-headers={json.dumps({'Cookie': cookie})}",
            f"--chrome-flags={' '.join(['--headless', *FLAGS])}", "--max-wait-for-load=4000",
        ],
        env={**os.environ, "CHROME_PATH": system_chromium(), "VENV": str(Path(sys.executable).parents[1])},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def _upload(url: str, key: str) -> str:
    rows = "".join(f"text number {i} about the weather,{'rain' if i % 3 else 'sun'}\n" for i in range(40))
    reply = httpx.post(
        f"{url}/v1/files",
        files={"file": ("weather.csv", f"text,label\n{rows}")},
        data={"purpose": "fine-tune"},
        headers={"Authorization": f"Bearer {key}"},
    )
    assert reply.status_code == 200, reply.text
    return reply.json()["id"]


def _settle(page: Page) -> None:
    """Until what is loaded is there: nothing says that it is loading, and fonts have come."""
    page.wait_for_selector("h1, [role=alert]")
    page.locator("[role=status][aria-label^=Loading]").first.wait_for(state="detached")
    page.locator(".mantine-Skeleton-root[data-visible]").first.wait_for(state="detached")
    page.evaluate("document.fonts.ready")
    page.wait_for_timeout(150)  # a transition of Mantine's ends; nothing is judged by it


def _photograph(page: Page, name: str) -> None:
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


def _wider_than_the_window(page: Page) -> list[str]:
    """What makes the page scroll sideways; code, sequences and tables that scroll by themselves do not."""
    return page.evaluate(
        """() => document.documentElement.scrollWidth <= window.innerWidth + 1 ? [] :
          [...document.querySelectorAll("main *")].filter(e => e.getBoundingClientRect().right > window.innerWidth + 1)
            .slice(0, 5).map(e => `${e.tagName}.${e.className} ${(e.textContent ?? "").slice(0, 40)}`)"""
    )


def _serious_faults(page: Page) -> list[str]:
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{each['id']}: {each['help']}: {each['nodes'][0]['html'][:200]}"
        for each in found["violations"]
        if each["impact"] in SERIOUS
    ]
