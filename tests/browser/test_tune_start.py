"""From a file to a started job: the model, the settings with their figures, the review, and the one button."""

import random
import re
from pathlib import Path
from uuid import uuid4

import httpx
from playwright.sync_api import Page, Route, expect
from tests.browser.conftest import Signed

GIB = 1024**3
PHONE = 390
AXE = Path(__file__).parents[2] / "web/node_modules/axe-core/axe.min.js"


def test_a_file_becomes_a_job_in_three_steps(window: Signed, live_server):
    connect(live_server, "bench-1", memory_bytes=16 * GIB)
    page = window.page
    begin(window, sequences(live_server))

    expect(page.get_by_role("radio", name="Protein mini (5 M), fits")).to_be_checked()
    expect(page.get_by_text(re.compile("Made for protein sequences, small enough for a worker"))).to_be_visible()
    expect(page.get_by_text(re.compile(r"of 17\.2 GB of memory on bench-1")).first).to_be_visible()
    seen_by_axe(page)
    page.get_by_role("button", name="Settings", exact=True).click()

    expect(page.get_by_text("6 epochs, because 90 training examples are few (under 1,000).").first).to_be_visible()
    rail = page.get_by_label("What it will take")
    expect(rail.get_by_text("54 steps")).to_be_visible()
    page.get_by_text("Thorough: 12").click()
    expect(rail.get_by_text("108 steps")).to_be_visible()
    page.get_by_role("button", name="Advanced").click()
    expect(page.get_by_text("Changed, default 6")).to_be_visible()
    page.get_by_role("textbox", name="Batch size").fill("30")
    expect(rail.get_by_text("36 steps")).to_be_visible()
    page.get_by_role("button", name="Back to the default of batch size").click()
    expect(rail.get_by_text("108 steps")).to_be_visible()
    seen_by_axe(page)
    page.get_by_role("button", name="Review").click()

    expect(
        page.get_by_text(re.compile(r"^Train Protein mini \(5 M\) on 100 protein sequences for 12 epochs"))
    ).to_be_visible()
    expect(page.get_by_text(re.compile("10 records are held out to prove"))).to_be_visible()
    expect(page.get_by_text("One worker can take it, as soon as it is free.")).to_be_visible()
    page.get_by_role("tab", name="YAML").click()
    expect(page.get_by_role("tabpanel")).to_contain_text("n_epochs: 12")
    page.get_by_label("Name of the job").fill("Lysozymes, thorough")
    seen_by_axe(page)
    page.get_by_role("button", name="Start training").click()

    page.wait_for_url(re.compile(r"/jobs/ftjob-"))
    expect(page.get_by_text("Is it fine?")).to_be_visible()  # and stays: the draft that ends does not lead back
    expect(page).to_have_url(re.compile(r"/jobs/ftjob-"))
    (job,) = jobs(live_server)
    assert page.url.endswith(job["id"])
    assert (job["name"], job["method"]["supervised"]["hyperparameters"]["n_epochs"]) == ("Lysozymes, thorough", 12)
    # The draft has ended: a new one begins with its goal.
    window.open("/tune")
    page.wait_for_url(re.compile("step=goal"))


def test_what_is_wrong_is_told_beside_its_field_and_the_old_figures_stay(window: Signed, live_server):
    connect(live_server, "bench-1", memory_bytes=16 * GIB)
    page = window.page
    begin(window, sequences(live_server))
    page.get_by_role("button", name="Settings", exact=True).click()
    rail = page.get_by_label("What it will take")
    expect(rail.get_by_text("54 steps")).to_be_visible()
    page.get_by_role("button", name="Advanced").click()
    epochs = page.get_by_role("textbox", name="Epochs")
    epochs.fill("51")
    expect(page.get_by_text(re.compile(r"Expected a value <= 50")).first).to_be_visible()
    expect(rail.get_by_text("54 steps")).to_be_visible()
    expect(rail.get_by_text(re.compile("before your last change"))).to_be_visible()
    expect(page.get_by_text("Mend what is marked red to go on.")).to_be_visible()
    epochs.fill("5")
    expect(rail.get_by_text("45 steps")).to_be_visible()
    expect(page.get_by_text(re.compile("Expected a value"))).to_have_count(0)


def test_the_button_says_what_is_missing_and_leads_there(window: Signed, live_server):
    page = window.page
    begin(window, sequences(live_server))
    expect(page.get_by_text("No worker", exact=True).first).to_be_visible()
    expect(page.get_by_text("Nothing runs before a worker is connected")).to_be_visible()
    page.get_by_role("button", name="Settings", exact=True).click()
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_text("tunesmith worker", exact=True)).to_be_visible()
    hub = page.get_by_label("Push the model to the Hub")
    hub.fill("no slash")
    expect(page.get_by_text(re.compile("Write it as user/model-name"))).to_be_visible()
    page.get_by_role("button", name="Name the Hub repository as user/model-name").click()
    expect(hub).to_be_focused()
    hub.fill("me/lysozymes")
    expect(page.get_by_text(re.compile("the adapter is pushed to me/lysozymes"))).to_be_visible()
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url(re.compile(r"/jobs/ftjob-"))
    assert [job["output_model"] for job in jobs(live_server)] == ["me/lysozymes"]


def test_an_answer_that_was_lost_and_a_second_press_make_one_job(window: Signed, live_server):
    page = window.page
    begin(window, sequences(live_server))
    page.get_by_role("button", name="Settings", exact=True).click()
    page.get_by_role("button", name="Review").click()
    lost: list[str] = []

    def lose_first(route: Route) -> None:
        if route.request.method == "POST" and not lost:
            lost.append(route.fetch().json()["id"])
            route.abort()
        else:
            route.continue_()

    page.route("**/v1/fine_tuning/jobs", lose_first)
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_text("The job was not started")).to_be_visible()
    page.get_by_role("button", name="Start training").dblclick()
    page.wait_for_url(re.compile(r"/jobs/ftjob-"))
    assert [job["id"] for job in jobs(live_server)] == lost
    assert page.url.endswith(lost[0])


def test_nothing_scrolls_sideways_on_a_phone(window: Signed, live_server):
    connect(live_server, "bench-1", memory_bytes=16 * GIB)
    page = window.page
    page.set_viewport_size({"width": PHONE, "height": 844})
    begin(window, sequences(live_server))
    for button in ("Settings", "Review", "Start training"):
        expect(page.get_by_role("button", name=button, exact=True)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE
        if button != "Start training":
            page.get_by_role("button", name=button, exact=True).click()


def begin(window: Signed, file_id: str) -> None:
    """The model step of a draft for proteins with this file."""
    window.open(f"/tune?file={file_id}")
    # Sequences can train a search as well, so the goal is asked for.
    window.page.get_by_text("Design protein sequences", exact=True).click()
    expect(window.page.get_by_role("radio", name="Design protein sequences")).to_be_checked()
    window.open("/tune?step=model")


def sequences(server) -> str:
    """Id of an uploaded family of 100 proteins."""
    rng = random.Random(1)
    fasta = "".join(f">s{i}\n{''.join(rng.choices('ACDEFGHIKLMNPQRSTVWY', k=60))}\n" for i in range(100))
    reply = httpx.post(
        f"{server.base_url}/v1/files",
        data={"purpose": "fine-tune"},
        files={"file": ("family.fasta", fasta.encode())},
        headers=admin(server),
        timeout=30,
    )
    assert reply.status_code == 200, reply.text
    return reply.json()["id"]


def connect(server, worker_id: str, *, memory_bytes: int) -> None:
    """A worker that asked for work once and got none."""
    capabilities = {
        "tasks": ["chat", "protein", "classification", "embedding"],
        "cpu_count": 2,
        "memory_bytes": memory_bytes,
        "packages": {"torch": "2.13.0", "transformers": "5.23.0", "peft": "0.21.2"},
        "version": "1",
    }
    body = {
        "worker_id": worker_id,
        "session_id": "s1",
        "claim_id": str(uuid4()),
        "capabilities": capabilities,
        "wait_s": 0,
    }
    reply = httpx.post(
        f"{server.base_url}/worker/v1/claim", json=body, headers={"Authorization": f"Bearer {server.worker_key}"}
    )
    assert reply.status_code == 204, reply.text


def jobs(server) -> list[dict]:
    return httpx.get(f"{server.base_url}/v1/fine_tuning/jobs", headers=admin(server), timeout=30).json()["data"]


def admin(server) -> dict[str, str]:
    return {"Authorization": f"Bearer {server.admin_key}"}


def seen_by_axe(page: Page) -> None:
    """No serious fault on the page as it stands."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    serious = [v for v in found["violations"] if v["impact"] in ("serious", "critical")]
    assert serious == [], [(v["id"], [(n["html"][:200], n["any"]) for n in v["nodes"]]) for v in serious]
