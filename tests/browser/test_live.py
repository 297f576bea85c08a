"""What happens on the server is seen in the page by itself: changes, a lost connection, a run's end; and the search."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect
from tests.browser.conftest import Signed, open_window

expect.set_options(timeout=20_000)
FASTA = "".join(f">s{n}\nMKV{'ACDEFGHIKL'[n % 10] * 8}{'MNPQRSTVWY'[n // 10]}\n" for n in range(40))


@dataclass
class Floor:
    """Jobs and a worker, by the calls that they really make."""

    url: str
    admin_key: str
    worker_key: str
    _seq: int = 0
    _leases: dict[str, dict[str, Any]] = field(default_factory=dict)

    def job(self, name: str) -> str:
        """A job whose files were read, waiting for a worker."""
        uploaded = self._post(
            "/v1/files", self.admin_key, files={"file": ("t.fasta", FASTA)}, data={"purpose": "fine-tune"}
        )
        body = {"model": "protein-mini", "training_file": uploaded["id"], "name": name}
        job_id = self._post("/v1/fine_tuning/jobs", self.admin_key, json=body)["id"]
        deadline = time.monotonic() + 20
        while self._get(f"/v1/fine_tuning/jobs/{job_id}")["status"] == "validating_files":
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return job_id

    def start(self, job_id: str) -> None:
        """A worker takes the job, the only one that waits, and begins."""
        body = {
            "worker_id": "w1", "session_id": "s1", "claim_id": str(uuid4()), "wait_s": 0,
            "capabilities": {"tasks": ["chat", "protein"], "cpu_count": 1, "memory_bytes": 1, "version": "1"},
        }  # fmt: skip
        lease = self._post("/worker/v1/claim", self.worker_key, json=body)
        assert lease["job_id"] == job_id
        self._leases[job_id] = lease
        self.report(job_id, step=1, total=60)

    def report(self, job_id: str, **told: Any) -> None:
        self._seq += 1
        self._work(job_id, "report", report_seq=self._seq, **told)

    def fail(self, job_id: str, message: str) -> None:
        self._work(job_id, "fail", failure_class="user", code="bad_data", message=message)

    def cancel(self, job_id: str) -> None:
        self._post(f"/v1/fine_tuning/jobs/{job_id}/cancel", self.admin_key)

    def _work(self, job_id: str, what: str, **body: Any) -> None:
        lease = self._leases[job_id]
        sent = {"epoch": lease["epoch"]} | body
        self._post(f"/worker/v1/jobs/{job_id}/{what}", lease["lease_token"], json=sent)

    def _post(self, path: str, key: str, **sent: Any) -> Any:
        reply = httpx.post(self.url + path, headers={"Authorization": f"Bearer {key}"}, timeout=30, **sent)
        assert reply.status_code in (200, 201), reply.text
        return reply.json()

    def _get(self, path: str) -> Any:
        return httpx.get(self.url + path, headers={"Authorization": f"Bearer {self.admin_key}"}, timeout=30).json()


@pytest.fixture
def floor(live_server) -> Floor:
    return Floor(live_server.base_url, live_server.admin_key, live_server.worker_key)


def row(page: Page, name: str):
    return page.locator("tr", has_text=name)


def test_a_jobs_state_changes_in_its_row_without_loading_again(window: Signed, floor: Floor):
    page, job_id = window.page, floor.job("Kinases")
    window.open("/jobs")
    expect(row(page, "Kinases")).to_contain_text("Waiting")
    page.evaluate("window.stillHere = true")
    floor.start(job_id)
    expect(row(page, "Kinases")).to_contain_text("Running")
    expect(page.get_by_role("link", name="Jobs 1 running")).to_be_visible()
    floor.report(job_id, step=30, total=60)
    expect(row(page, "Kinases")).to_contain_text("50")
    floor.cancel(job_id)
    expect(row(page, "Kinases")).to_contain_text("Cancelled")
    expect(page.get_by_role("link", name="Jobs", exact=True)).to_be_visible()
    assert page.evaluate("window.stillHere") is True


def test_the_end_of_a_run_is_told_once_and_kept_in_the_bell(window: Signed, floor: Floor):
    page, job_id = window.page, floor.job("Kinases")
    floor.start(job_id)
    window.open("/settings")
    other = page.context.new_page()  # a second tab of the same browser
    other.goto(window.url + "/jobs")
    expect(other.get_by_role("link", name="Jobs 1 running")).to_be_visible()
    expect(page.get_by_role("link", name="Jobs 1 running")).to_be_visible()
    message = "Line 3 <img src=x onerror=alert(1)> is empty."
    floor.fail(job_id, message)
    for tab in (page, other):
        expect(tab.get_by_role("button", name="Ended runs, 1 new")).to_be_visible()
    told = [tab.get_by_role("alert").filter(has_text="Kinases failed") for tab in (page, other)]
    assert sum(each.count() for each in told) == 1
    here = told[0] if told[0].count() else told[1]
    expect(here).to_contain_text(message)

    page.get_by_role("button", name="Ended runs, 1 new").click()
    menu = page.get_by_role("dialog")
    expect(menu).to_contain_text(message)
    menu.get_by_role("link", name="Kinases").click()
    page.wait_for_url(f"**/jobs/{job_id}*")
    expect(page.get_by_role("button", name="Ended runs", exact=True)).to_be_visible()
    expect(other.get_by_role("button", name="Ended runs", exact=True)).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Ended runs", exact=True)).to_be_visible()


def test_the_browser_is_asked_for_leave_only_by_a_button(window: Signed, floor: Floor):
    page = window.page
    page.add_init_script("""
      window.asked = 0;
      Notification.requestPermission = async () => { window.asked += 1; return "granted"; };
    """)
    window.open("/")
    page.get_by_role("button", name="Ended runs").click()
    expect(page.get_by_role("dialog")).to_contain_text("No run has ended yet")
    allow = page.get_by_role("button", name="Tell me while I look elsewhere")
    if allow.count() == 0:  # a headless browser may refuse for good
        expect(page.get_by_role("dialog")).to_contain_text("Allow notifications in its settings")
        assert page.evaluate("window.asked") == 0
        return
    assert page.evaluate("window.asked") == 0
    allow.click()
    expect(page.get_by_role("dialog")).to_contain_text("tells you too")
    assert page.evaluate("window.asked") == 1


def test_the_palette_finds_a_job_by_its_name_and_opens_it_by_keys_alone(window: Signed, floor: Floor):
    page = window.page
    floor.job("Something else")
    job_id = floor.job("Northern kinases")
    window.open("/")
    page.get_by_role("button", name="Search").first.wait_for()
    open_palette(page)
    page.keyboard.type("northern")
    expect(page.locator("[data-action][data-selected]")).to_contain_text("Northern kinases")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/jobs/{job_id}*")
    expect(page.get_by_role("textbox", name="Search everything")).to_have_count(0)

    open_palette(page)
    expect(page.locator("[data-action]").first).to_contain_text("Northern kinases")  # what was chosen last
    expect(page.locator("[data-action][data-selected]")).to_contain_text("Northern kinases")
    page.keyboard.type("zzz<b>")
    expect(page.get_by_text("Nothing here has “zzz<b>” in its name or id.")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("textbox", name="Search everything")).to_have_count(0)
    open_palette(page)
    page.keyboard.type("dark")
    expect(page.locator("[data-action][data-selected]")).to_contain_text("Dark appearance")
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", "dark")


def open_palette(page: Page) -> None:
    page.keyboard.press("Control+k")
    expect(page.get_by_role("textbox", name="Search everything")).to_be_focused()


def test_a_server_that_is_away_is_told_in_a_line_which_goes_when_it_is_back(
    built_page: None, chromium: Browser, database_url: str, tmp_path: Path
):
    port = free_port()
    with serving(database_url, tmp_path, port) as keys:
        window = open_window(chromium, f"http://127.0.0.1:{port}", keys[0])
        page, floor = window.page, Floor(window.url, *keys)
        job_id = floor.job("Kinases")
        window.open("/jobs")
        expect(row(page, "Kinases")).to_contain_text("Waiting")
        page.evaluate("window.stillHere = true")
    line = page.get_by_role("status").filter(has_text="The server is away.")
    expect(line).to_contain_text("Last news")
    expect(row(page, "Kinases")).to_contain_text("Waiting")
    with serving(database_url, tmp_path, port):
        floor.cancel(job_id)
        page.get_by_role("button", name="Try now").click()
        expect(line).to_have_count(0)
        expect(row(page, "Kinases")).to_contain_text("Cancelled")
        assert page.evaluate("window.stillHere") is True
        page.context.close()
    assert window.faults == []


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@contextlib.contextmanager
def serving(database_url: str, folder: Path, port: int) -> Iterator[tuple[str, str]]:
    """A server on that port for the length of the block, ended as the real one is; its admin and worker keys."""
    from tunesmith.server.app import create_app
    from tunesmith.server.settings import Settings

    data_dir = folder / "data"
    data_dir.mkdir(exist_ok=True)
    app = create_app(Settings(data_dir=data_dir), database_url)

    class Ending(uvicorn.Server):
        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            app.state.stopping.set()
            await super().shutdown(sockets)

    running = Ending(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", timeout_graceful_shutdown=5))
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not running.started:  # uvicorn has no other word for it
        assert thread.is_alive(), "the server did not start"
        assert time.monotonic() < deadline, "the server did not start in time"
        time.sleep(0.01)
    yield (data_dir / "admin.key").read_text().strip(), (data_dir / "worker.key").read_text().strip()
    running.should_exit = True
    thread.join(15)
