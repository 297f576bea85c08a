"""The jobs page and home in a real browser, over made-up jobs of all states."""

import re
from collections.abc import Iterator

import httpx
import psycopg
import pytest
from bench.seed_jobs import seed
from playwright.sync_api import Browser, Locator, expect
from tests.browser.conftest import Signed, open_window
from tests.conftest import LiveServer

expect.set_options(timeout=30_000)  # a machine that trains beside the tests answers late

JOBS = 160
"""More than a page of the list holds."""


@pytest.fixture
def jobs(window: Signed, database_url: str) -> Signed:
    """The list, over made-up jobs."""
    seed(database_url, JOBS, points=6)
    window.open("/jobs")
    expect(rows(window).first).to_be_visible()
    return window


@pytest.fixture
def phone(built_page: None, chromium: Browser, live_server: LiveServer, database_url: str) -> Iterator[Signed]:
    seed(database_url, 30, points=6)
    opened = open_window(
        chromium,
        live_server.base_url,
        live_server.admin_key,
        viewport={"width": 390, "height": 844},
        has_touch=True,
    )
    yield opened
    opened.page.context.close()
    assert opened.faults == []


def rows(window: Signed) -> Locator:
    return window.page.locator("tr[data-job]")


def named(window: Signed, database_url: str, name: str, status: str) -> str:
    """The id of a job in that state, now called `name`."""
    with psycopg.connect(database_url) as connection:
        found = connection.execute(
            "UPDATE jobs SET name = %s WHERE id = (SELECT id FROM jobs WHERE status = %s AND name IS DISTINCT FROM %s "
            "ORDER BY created_at LIMIT 1) RETURNING id",
            (name, status, name),
        ).fetchone()
    assert found is not None, f"no job is {status}"
    window.open(f"/jobs?search={name}")
    return found[0]


def test_filters_and_search_stand_in_the_address_and_back_undoes_them(jobs: Signed) -> None:
    page = jobs.page
    page.get_by_role("group", name="Views").get_by_role("button", name=re.compile("^Failed")).click()
    expect(page).to_have_url(re.compile(r"/jobs\?status=failed$"))
    expect(page.locator("tr[data-job]").filter(has_not_text="Failed")).to_have_count(0)
    page.get_by_label("Search jobs").fill("lysozymes")
    expect(page).to_have_url(re.compile("search=lysozymes"))
    page.reload()
    expect(page.get_by_label("Search jobs")).to_have_value("lysozymes")
    expect(rows(jobs).first).to_be_visible()
    expect(rows(jobs).filter(has_not_text="protein-mini")).to_have_count(0)
    page.go_back()
    expect(page).to_have_url(re.compile(r"/jobs\?status=failed$"))
    expect(page.get_by_label("Search jobs")).to_have_value("")
    page.get_by_label("Search jobs").fill("no such job anywhere")
    page.get_by_role("button", name="Clear the filters").click()
    expect(page).to_have_url(re.compile("/jobs$"))
    expect(rows(jobs).first).to_be_visible()


def test_the_list_is_sorted_by_a_columns_head_and_goes_on_page_by_page(jobs: Signed) -> None:
    page = jobs.page
    page.get_by_role("button", name="State", exact=True).click()
    expect(page).to_have_url(re.compile("sort=status"))
    expect(page.locator("th[aria-sort=ascending]")).to_have_text("State")
    frame = page.locator("table").locator("xpath=..")
    for loaded in ("100 of 160 jobs loaded", "150 of 160 jobs loaded", "160 jobs"):
        frame.evaluate("frame => { frame.scrollTop = frame.scrollHeight }")
        expect(page.get_by_text(loaded, exact=True)).to_be_visible()
    frame.evaluate("frame => { frame.scrollTop = frame.scrollHeight }")
    expect(page.locator(f'tr[aria-rowindex="{JOBS + 1}"]')).to_be_visible()
    assert rows(jobs).count() < 60, "only the rows in sight are drawn"


def test_several_jobs_are_cancelled_at_once_and_stay_in_their_places(jobs: Signed, database_url: str) -> None:
    page = jobs.page
    page.get_by_role("button", name=re.compile("^Waiting")).click()
    expect(page).to_have_url(re.compile("status="))
    expect(rows(jobs).filter(has_not_text=re.compile("Waiting|Checking"))).to_have_count(0)
    chosen = [rows(jobs).nth(i).get_attribute("data-job") for i in range(2)]
    for job_id in chosen:
        page.locator(f'tr[data-job="{job_id}"] input[type=checkbox]').check()
    page.get_by_role("button", name="Cancel 2 jobs").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("nothing but its place in line is lost")
    dialog.get_by_role("button", name="Cancel 2 jobs").click()
    expect(page.get_by_text("2 jobs cancelled.")).to_be_visible()
    for i, job_id in enumerate(chosen):
        expect(rows(jobs).nth(i)).to_have_attribute("data-job", str(job_id))
        expect(rows(jobs).nth(i)).to_contain_text("Cancelled")
    with psycopg.connect(database_url) as connection:
        stored = connection.execute("SELECT status FROM jobs WHERE id = ANY(%s)", (chosen,)).fetchall()
    assert stored == [("cancelled",), ("cancelled",)]


def test_a_waiting_job_is_given_priority_by_its_menu(jobs: Signed, database_url: str, live_server: LiveServer) -> None:
    job_id = named(jobs, database_url, "urgent-one", "queued")
    page = jobs.page
    page.get_by_role("button", name="Actions for urgent-one").click()
    page.get_by_role("menuitem", name="Priority").hover()
    page.get_by_role("menuitem", name="High: before the others").click()
    expect(page.get_by_text("urgent-one has high priority.")).to_be_visible()
    headers = {"Authorization": f"Bearer {live_server.admin_key}"}
    told = httpx.get(f"{live_server.base_url}/v1/fine_tuning/jobs/{job_id}", headers=headers).json()
    assert told["priority"] == "high"


def test_the_keyboard_moves_selects_cancels_and_opens(jobs: Signed) -> None:
    page = jobs.page
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("j")
    current = page.locator("tr[data-current]")
    expect(current).to_have_attribute("data-job", str(rows(jobs).nth(1).get_attribute("data-job")))
    page.keyboard.press("x")
    expect(page.get_by_role("region", name="Selected jobs")).to_contain_text("1 selected")
    page.keyboard.press("x")
    expect(page.get_by_role("region", name="Selected jobs")).to_have_count(0)
    page.get_by_label("Search jobs").press("x")
    expect(page.get_by_label("Search jobs")).to_have_value("x")
    page.get_by_role("button", name="Clear the search").click()
    expect(rows(jobs).nth(1)).to_be_visible()
    page.get_by_role("heading", name="Jobs").click()
    chosen = str(rows(jobs).nth(1).get_attribute("data-job"))
    expect(current).to_have_attribute("data-job", chosen)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/jobs/{chosen}$"))


def test_columns_and_views_are_kept_by_the_browser(jobs: Signed) -> None:
    page = jobs.page
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("checkbox", name="Cost").check()
    page.get_by_role("checkbox", name="Result", exact=True).uncheck()
    page.keyboard.press("Escape")
    page.get_by_label("Search jobs").fill("papers")
    expect(page).to_have_url(re.compile("search=papers"))
    page.get_by_role("button", name="Save view").click()
    page.get_by_label("Name of the view").fill("Papers")
    page.get_by_role("button", name="Save", exact=True).click()
    jobs.open("/jobs")
    expect(page.get_by_role("columnheader", name="Cost")).to_be_visible()
    expect(page.get_by_role("columnheader", name="Result", exact=True)).to_have_count(0)
    page.get_by_role("button", name=re.compile("^Papers")).click()
    expect(page).to_have_url(re.compile("search=papers"))


def test_a_jobs_name_is_text_whatever_it_holds(jobs: Signed, database_url: str) -> None:
    name = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    named(jobs, database_url, name, "failed")
    expect(jobs.page.get_by_role("link", name=name)).to_be_visible()
    jobs.open("/")
    expect(jobs.page.get_by_role("heading", name="Home")).to_be_visible()


def test_on_a_phone_the_jobs_are_cards_and_nothing_scrolls_sideways(phone: Signed) -> None:
    page = phone.page
    for path in ("/jobs", "/"):
        phone.open(path)
        expect(page.get_by_role("link", name=re.compile("run|[a-z]-[a-z]")).first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == 390
    phone.open("/jobs")
    expect(page.locator("table")).to_have_count(0)
    card = page.locator("[data-job]").first
    expect(card).to_contain_text("Base and result")
    page.get_by_role("button", name="Filters").click()
    page.get_by_role("combobox", name="Task").click()
    page.get_by_role("option", name="Protein").click()
    expect(page).to_have_url(re.compile("task=protein"))
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_an_empty_list_leads_to_the_guided_tune(window: Signed) -> None:
    window.open("/jobs")
    expect(window.page.get_by_role("heading", name="No jobs yet")).to_be_visible()
    window.page.get_by_role("link", name="Tune your first model").click()
    expect(window.page).to_have_url(re.compile("/tune"))


def test_a_first_visitor_is_told_what_to_do_and_starts_a_real_run(window: Signed) -> None:
    page = window.page
    window.open("/")
    steps = page.get_by_role("region", name="First steps")
    expect(steps).to_contain_text("0 of 5 done")
    expect(steps.get_by_role("link", name="Upload examples")).to_be_visible()
    page.get_by_role("button", name="Start it").first.click()
    expect(page).to_have_url(re.compile("/jobs/ftjob-"))
    window.open("/")
    expect(steps).to_contain_text("2 of 5 done")
    expect(steps.get_by_role("link", name="Watch it run")).to_be_visible()
    steps.get_by_role("button", name="Hide").click()
    page.reload()
    expect(page.get_by_role("button", name="Show the first steps")).to_be_visible()
    expect(steps).to_have_count(0)
